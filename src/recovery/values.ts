/** Values as SQLite stores them, and how they are compared, counted and shown. */
import { hash } from "node:crypto";

/** Text whose bytes are not UTF-8: a JavaScript string could not hold it without changing it. */
export class RawText {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** INTEGER is a bigint, REAL a number, BLOB a Buffer. */
export type Value = null | bigint | number | string | Buffer | RawText;
export type Row = readonly Value[];

/** As `IS` compares without collation: 1 is 1.0, and 0.0 is -0.0, but '1' is not 1. */
export function sameValue(a: Value, b: Value): boolean {
  if (typeof a === "bigint" || typeof a === "number") {
    // Between a bigint and a number, these compare the exact values, as SQLite does.
    return (typeof b === "bigint" || typeof b === "number") && a >= b && a <= b;
  }
  if (Buffer.isBuffer(a)) return Buffer.isBuffer(b) && a.equals(b);
  if (a instanceof RawText) return b instanceof RawText && a.bytes.equals(b.bytes);
  return a === b;
}

/** The same for rows of which each value is the same, and for no others. */
export function digestOf(row: Row): Buffer {
  const parts = row.map(tagged);
  // In one go, which costs a fraction; most rows have text and numbers only.
  if (parts.every((part) => typeof part === "string")) return hash("sha256", parts.join(""), "buffer");
  return hash(
    "sha256",
    Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part))),
    "buffer",
  );
}

function tagged(value: Value): string | Buffer {
  if (value === null) return "n;";
  if (typeof value === "string") return `s${Buffer.byteLength(value)};${value}`;
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`b${value.length};`), value]);
  if (value instanceof RawText) return Buffer.concat([Buffer.from(`t${value.bytes.length};`), value.bytes]);
  return `${Number.isInteger(value) ? BigInt(value) : value};`;
}

/**
 * A value as reports show it: text is cut short, an integer that a JSON number cannot hold and an infinite number are
 * text, and of a BLOB there is its size only.
 */
export type ShownValue = null | number | string | { readonly bytes: number };

const SHOWN_CHARACTERS = 80;

export function shown(value: Value | undefined): ShownValue {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return { bytes: value.length };
  if (value instanceof RawText) return cut(value.bytes.toString());
  if (typeof value === "string") return cut(value);
  const number = Number(value);
  const fits = typeof value === "bigint" ? Number.isSafeInteger(number) : Number.isFinite(number);
  return fits ? number : String(value);
}

function cut(text: string): string {
  if (text.length <= SHOWN_CHARACTERS) return text;
  const short = text.slice(0, SHOWN_CHARACTERS - 1);
  // Half a character outside the basic plane is none.
  return `${short.isWellFormed() ? short : short.slice(0, -1)}…`;
}
