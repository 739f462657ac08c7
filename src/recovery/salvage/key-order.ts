/**
 * How SQLite orders the entries of an index: https://sqlite.org/datatype3.html#comparison_expressions and, for text,
 * https://sqlite.org/datatype3.html#collation. Only the collations that SQLite has itself.
 */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { rowsOf } from "../tables.ts";
import { RawText, type Row, type Value } from "../values.ts";
import type { Encoding } from "./record.ts";

export type Collation = "BINARY" | "NOCASE" | "RTRIM";

export interface KeyPart {
  readonly collation: Collation;
  readonly descending: boolean;
}

/** Below 0 where `a` comes first; what is beyond the parts, the rowid, is compared as it is. */
export type KeyOrder = (a: Row, b: Row) => number;

export interface KeyColumn extends KeyPart {
  /** Null where it is an expression, or the rowid. */
  readonly name: string | null;
}

/** What an index is ordered by; null where only the application knows how that is compared. */
export function keyColumnsOf(db: Connection, index: string): KeyColumn[] | null {
  const columns: KeyColumn[] = [];
  for (const { name, desc, coll, key } of rowsOf<{ name: string | null; desc: number; coll: string; key: number }>(
    db,
    `PRAGMA main.index_xinfo(${quote(index)})`,
  )) {
    const collation = coll.toUpperCase();
    if (key !== 1) continue;
    if (!isCollation(collation)) return null;
    columns.push({ name, collation, descending: desc === 1 });
  }
  return columns;
}

function isCollation(name: string): name is Collation {
  return name === "BINARY" || name === "NOCASE" || name === "RTRIM";
}

export function keyOrder(parts: readonly KeyPart[], encoding: Encoding): KeyOrder {
  return (a, b) => {
    for (const [at, value] of a.entries()) {
      const { collation, descending } = parts[at] ?? ROWID;
      const order = compare(value, b[at] ?? null, collation, encoding);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };
}

const ROWID: KeyPart = { collation: "BINARY", descending: false };

/** NULL, numbers, text, BLOBs. */
function rankOf(value: Value): number {
  if (value === null) return 0;
  if (typeof value === "number" || typeof value === "bigint") return 1;
  return Buffer.isBuffer(value) ? 3 : 2;
}

function compare(a: Value, b: Value, collation: Collation, encoding: Encoding): number {
  const ranks = rankOf(a) - rankOf(b);
  if (ranks !== 0 || a === null || b === null) return ranks;
  // Between a bigint and a number, these compare the exact values, as SQLite does.
  if (rankOf(a) === 1) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(bytesOf(a, collation, encoding), bytesOf(b, collation, encoding));
}

function bytesOf(value: Value, collation: Collation, encoding: Encoding): Buffer {
  if (Buffer.isBuffer(value)) return value;
  // The other two are defined on UTF-8, whatever is stored.
  const stored = collation === "BINARY" ? encoding : "utf8";
  const bytes = value instanceof RawText ? value.bytes : encoded(String(value), stored);
  if (collation === "NOCASE") return bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)) as Buffer;
  return collation === "RTRIM" ? withoutSpaces(bytes) : bytes;
}

function encoded(text: string, encoding: Encoding): Buffer {
  if (encoding === "utf8") return Buffer.from(text);
  const bytes = Buffer.from(text, "utf16le");
  return encoding === "utf16le" ? bytes : bytes.swap16();
}

function withoutSpaces(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0x20) end--;
  return bytes.subarray(0, end);
}
