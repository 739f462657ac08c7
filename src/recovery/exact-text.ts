/**
 * Text that is not UTF-8, as old programs leave it: JavaScript shows U+FFFD in the place of its bytes, and would write
 * that back. Rows in which it turns up are read a second time, as bytes.
 */
import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import { equal, Query } from "./query.ts";
import type { Key } from "./tables.ts";
import { RawText, type Row, type Value } from "./values.ts";

/** What a string has in the place of bytes that are not UTF-8, and of itself. */
const REPLACEMENT = "\uFFFD";

interface Locatable {
  readonly keys: readonly Pick<Key, "columns" | "primary">[];
  readonly rowidName: string | null;
}

export class ExactText {
  /** What has to be read after the columns of a row to find it again. */
  readonly columns: readonly string[];
  readonly #db: Connection;
  readonly #from: string;
  readonly #locator: readonly string[];
  readonly #queries = new Map<readonly string[], Query>();

  /** @param table by what its rows are found again: the rowid, or its primary key */
  constructor(db: Connection, table: Locatable, from: string) {
    this.#db = db;
    this.#from = from;
    const primary = table.keys.find((key) => key.primary)?.columns ?? [];
    const byKey = table.rowidName === null;
    this.#locator = byKey ? primary.map(quote) : [table.rowidName ?? ""];
    const bytes = this.#locator.map((name) => `CASE typeof(${name}) WHEN 'text' THEN CAST(${name} AS BLOB) END`);
    this.columns = byKey ? [...this.#locator, ...bytes] : this.#locator;
  }

  /**
   * @param row the values of `names`, then of `columns`, which are taken away
   * @param names always the same array for the same columns
   */
  restore(row: Value[], names: readonly string[]): Row {
    const located = row.splice(names.length);
    if (!row.some(isDoubtful)) return row;
    const count = this.#locator.length;
    const key = located.slice(0, count).map((value, at) => exact(value, located[count + at]));
    const bytes = this.#queryFor(names).get(key);
    return row.map((value, at) => exact(value, bytes?.[at]));
  }

  #queryFor(names: readonly string[]): Query {
    const known = this.#queries.get(names);
    if (known) return known;
    const list = names.map((name) => `CAST(${name} AS BLOB)`).join();
    const made = new Query(
      this.#db,
      (place) => `SELECT ${list} FROM ${this.#from} WHERE ${equal(this.#locator, place)}`,
    );
    this.#queries.set(names, made);
    return made;
  }
}

function exact(value: Value, bytes: Value | undefined): Value {
  return isDoubtful(value) && Buffer.isBuffer(bytes) && !Buffer.from(value).equals(bytes) ? new RawText(bytes) : value;
}

function isDoubtful(value: Value): value is string {
  return typeof value === "string" && value.includes(REPLACEMENT);
}
