/**
 * Variable-length integers: https://sqlite.org/fileformat2.html#varint. Seven bits a byte, the high bit says that
 * more follow, and a ninth byte gives all its eight.
 */

/** A number where it is exact, else a bigint; both compare with each other. */
export type Rowid = number | bigint;

const EXACT_BYTES = 7;
const MOST_BYTES = 9;

/** How many bytes the varint at `at` has; 0 where it goes on beyond `end`. */
export function varintLength(bytes: Uint8Array, at: number, end: number): number {
  for (let length = 1; length <= MOST_BYTES; length++) {
    if (at + length > end) return 0;
    if ((bytes[at + length - 1] as number) < 0x80) return length;
  }
  return MOST_BYTES;
}

/** Of a size or a type, none of which can have more than seven bytes: infinite where it has. */
export function smallVarint(bytes: Uint8Array, at: number, length: number): number {
  if (length > EXACT_BYTES) return Number.POSITIVE_INFINITY;
  let value = 0;
  for (let n = 0; n < length; n++) value = value * 128 + ((bytes[at + n] as number) & 0x7f);
  return value;
}

/** Of a rowid, which is signed and has 64 bits. */
export function rowidVarint(bytes: Uint8Array, at: number, length: number): Rowid {
  if (length <= EXACT_BYTES) return smallVarint(bytes, at, length);
  let value = 0n;
  for (let n = 0; n < length; n++) {
    const byte = bytes[at + n] as number;
    value = n === MOST_BYTES - 1 ? (value << 8n) | BigInt(byte) : (value << 7n) | BigInt(byte & 0x7f);
  }
  return exact(BigInt.asIntN(64, value));
}

export function exact(value: bigint): Rowid {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The rowid that follows, or with -1 the one before. */
export function beside(rowid: Rowid, step: 1 | -1): Rowid {
  if (typeof rowid === "bigint") return exact(rowid + BigInt(step));
  return Number.isFinite(rowid) ? exact(BigInt(rowid) + BigInt(step)) : rowid;
}
