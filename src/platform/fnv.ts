/**
 * Eight hex digits that tell texts apart, and any two of the same length that differ in one letter for certain: FNV-1a
 * over words of four bytes. Where nobody is to be kept from forging it, it does without loading `node:crypto`.
 * http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fnv1a(text: string): string {
  const length = Buffer.byteLength(text);
  const words = new Int32Array((length + 3) >> 2);
  Buffer.from(words.buffer).write(text);
  // The zeros that fill the last word are none of the text.
  let hash = 0x811c9dc5 ^ length;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
