/**
 * Records: https://sqlite.org/fileformat2.html#record_format. A header of serial types, then the values. SQLite writes
 * each value in one way only, so that bytes which it would have written otherwise are damaged bytes.
 */
import { RawText, type Value } from "../values.ts";
import { exact, type Rowid, smallVarint, varintLength } from "./varint.ts";

export type Encoding = "utf8" | "utf16le" | "utf16be";

const MOST_FIELDS = 32767;
/** What a type says of the length of its value; 10 and 11 are for SQLite's own use. */
const LENGTHS = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, -1, -1];
const REPLACEMENT = "\uFFFD";
const NULS = "\0".repeat(8);

function lengthOf(type: number): number {
  return type < 12 ? (LENGTHS[type] as number) : Math.floor((type - 12) / 2);
}

export class RecordReader {
  readonly encoding: Encoding;
  /** The serial types of the record that was parsed last, as many as `count` says. */
  readonly types: number[] = [];
  count = 0;
  /** The values that were read last have text as programs seldom write it: with bytes of no character, or many NULs. */
  odd = false;
  #body = 0;

  constructor(encoding: Encoding) {
    this.encoding = encoding;
  }

  /**
   * Reads the header. False where it contradicts itself, or the size of the record.
   *
   * @param size of the whole record
   * @param end of the bytes that are at hand: a header that goes on beyond them cannot be read
   */
  parse(bytes: Uint8Array, start: number, size: number, end: number = start + size): boolean {
    this.count = 0;
    const length = varintLength(bytes, start, end);
    const header = smallVarint(bytes, start, length);
    if (length === 0 || header < length || header > size || start + header > end) return false;
    let sum = header;
    let at = start + length;
    for (const stop = start + header; at < stop; ) {
      const first = bytes[at] as number;
      const width = first < 0x80 ? 1 : varintLength(bytes, at, stop);
      const type = width === 1 ? first : smallVarint(bytes, at, width);
      const room = lengthOf(type);
      sum += room;
      if (width === 0 || room < 0 || sum > size || this.count === MOST_FIELDS) return false;
      this.types[this.count++] = type;
      at += width;
    }
    this.#body = start + header;
    return sum === size;
  }

  /** Whether the header is beyond what is at hand, so that nothing can be said of it yet. @param size and `end`: see parse */
  headerExceeds(bytes: Uint8Array, start: number, size: number, end: number): boolean {
    const header = smallVarint(bytes, start, varintLength(bytes, start, end));
    return header <= size && start + header > end;
  }

  /**
   * The values of the record that was parsed last; null where one is not as SQLite writes it.
   *
   * @param plain fields whose integers may be numbers, for the column's affinity makes them integers again
   */
  values(bytes: Buffer, plain: readonly boolean[] = []): Value[] | null {
    const values: Value[] = new Array(this.count);
    this.odd = false;
    let at = this.#body;
    for (let n = 0; n < this.count; n++) {
      const type = this.types[n] as number;
      const value = this.#value(bytes, at, type, plain[n] === true);
      if (value === undefined) return null;
      values[n] = value;
      at += lengthOf(type);
    }
    return values;
  }

  /** The last value of the record that was parsed last, which ends at `end`; null where it is no integer. */
  lastInteger(bytes: Buffer, end: number): Rowid | null {
    const type = this.types[this.count - 1] as number;
    if (type === 0 || type === 7 || type > 9) return null;
    return integerAt(bytes, end - lengthOf(type), type) ?? null;
  }

  #value(bytes: Buffer, at: number, type: number, plain: boolean): Value | undefined {
    if (type === 0) return null;
    if (type === 7) {
      const number = bytes.readDoubleBE(at);
      // SQLite stores NULL in its place.
      return Number.isNaN(number) ? undefined : number;
    }
    if (type < 12) {
      const number = integerAt(bytes, at, type);
      if (number === undefined) return undefined;
      return plain && typeof number === "number" ? number : BigInt(number);
    }
    const end = at + lengthOf(type);
    if (type % 2 === 0) return bytes.subarray(at, end);
    const text = textAt(bytes, at, end, this.encoding);
    if (typeof text !== "string" || text.includes(NULS)) this.odd = true;
    return text;
  }
}

/** Undefined where a shorter type would have held it: SQLite takes the shortest. */
function integerAt(bytes: Buffer, at: number, type: number): number | bigint | undefined {
  switch (type) {
    case 1:
      return bytes.readInt8(at);
    case 2:
      return beyond(bytes.readInt16BE(at), 0x80);
    case 3:
      return beyond(bytes.readInt8(at) * 0x10000 + bytes.readUInt16BE(at + 1), 0x8000);
    case 4:
      return beyond(bytes.readInt32BE(at), 0x800000);
    case 5:
      return beyond(bytes.readInt16BE(at) * 0x100000000 + bytes.readUInt32BE(at + 2), 0x80000000);
    case 6: {
      const value = bytes.readBigInt64BE(at);
      return value >= 0x800000000000n || value < -0x800000000000n ? exact(value) : undefined;
    }
    default:
      return type - 8;
  }
}

function beyond(value: number, bound: number): number | undefined {
  return value >= bound || value < -bound ? value : undefined;
}

function textAt(bytes: Buffer, at: number, end: number, encoding: Encoding): string | RawText {
  if (encoding === "utf8") {
    const text = bytes.toString("utf8", at, end);
    if (!text.includes(REPLACEMENT)) return text;
    const raw = bytes.subarray(at, end);
    return Buffer.from(text).equals(raw) ? text : new RawText(Buffer.from(raw));
  }
  const raw = Buffer.from(bytes.subarray(at, end));
  if (raw.length % 2 === 1) return new RawText(raw);
  const text = (encoding === "utf16le" ? raw : Buffer.from(raw).swap16()).toString("utf16le");
  return text.isWellFormed() ? text : new RawText(raw);
}
