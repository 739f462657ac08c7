/**
 * Eight hex digits that tell texts apart, and any two that differ in one letter for certain: FNV-1a. Where nobody is
 * to be kept from forging it, it does without loading `node:crypto`. http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
