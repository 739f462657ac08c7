/** The rows of one of two tables that are looked at together: each row holds the common columns, in their order. */
import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import { ExactText } from "./exact-text.ts";
import type { RowKey } from "./pairing.ts";
import { equal, Query } from "./query.ts";
import { type Column, fold, rowsOf, type Table } from "./tables.ts";
import type { Row, Value } from "./values.ts";

/** Rows without a NULL in their key, those with one, or both; without a key, all are unkeyed. */
export type Which = "all" | "keyed" | "unkeyed";

export class Side {
  readonly db: Connection;
  readonly table: Table;
  readonly key: RowKey | null;
  readonly keyNames: readonly string[];
  readonly #names: readonly string[];
  readonly #besides: readonly string[];
  readonly #text: ExactText | null;
  readonly #find: (key: Row) => Row | undefined;
  readonly #has: Query;

  /**
   * @param columns the common columns, as this side has them
   * @param restoreBytes text that is not UTF-8 is read as the bytes that it is
   * @param besides columns that a row that is found has after the common ones
   */
  constructor(
    db: Connection,
    table: Table,
    columns: readonly Column[],
    key: RowKey | null,
    restoreBytes: boolean,
    besides: readonly string[] = [],
  ) {
    this.db = db;
    this.table = table;
    this.key = key;
    this.#names = columns.map(({ name }) => quote(name));
    this.keyNames = this.#namesAt(key?.places ?? []);
    this.#besides = besides;
    this.#text = restoreBytes ? new ExactText(db, table, this.from) : null;
    this.#find = this.finder(key?.places ?? []);
    this.#has = new Query(db, (place) => `SELECT 1 FROM ${this.from} WHERE ${equal(this.keyNames, place)}`);
  }

  get from(): string {
    return `main.${quote(this.table.name)}`;
  }

  #namesAt(places: readonly number[]): string[] {
    return places.map((place) => this.#names[place] ?? "");
  }

  keyOf(row: Row): Value[] {
    return (this.key?.places ?? []).map((place) => row[place] ?? null);
  }

  /** False where the row has a NULL in its key, or the table no key: then it can only be counted. */
  isKeyed(row: Row): boolean {
    return this.key?.places.every((place) => row[place] !== null) ?? false;
  }

  /** Rows as they lie: by rowid, most likely, and so in the order in which they were added. */
  *rows(which: Which = "all"): Generator<Row> {
    yield* this.#read(this.#names, this.#fromOnly(which));
  }

  /** The keys alone, which an index may give without the rows; where it is the rowid, the newest first. */
  *keys(): Generator<Row, undefined> {
    const [name] = this.keyNames;
    const { rowidColumn } = this.table;
    const newestFirst = rowidColumn !== null && name === quote(rowidColumn) ? ` ORDER BY ${name} DESC` : "";
    if (this.key !== null) yield* this.#read(this.keyNames, `${this.#fromOnly("keyed")}${newestFirst}`);
  }

  *#read(names: readonly string[], from: string): Generator<Row> {
    const statement = this.db.prepare<unknown[], Value[]>(`SELECT ${this.#list(names)} FROM ${from}`);
    for (const row of statement.raw(true).safeIntegers(true).iterate()) {
      yield this.#text?.restore(row, names) ?? row;
    }
  }

  count(which: Which): number {
    return rowsOf<{ n: number }>(this.db, `SELECT count(*) AS n FROM ${this.#fromOnly(which)}`)[0]?.n ?? 0;
  }

  #fromOnly(which: Which): string {
    if (which === "all" || this.key === null) return this.from;
    if (which === "unkeyed") return `${this.from} WHERE ${this.keyNames.map((name) => `${name} IS NULL`).join(" OR ")}`;
    if (!this.key.mayBeNull) return this.from;
    return `${this.from} WHERE ${this.keyNames.map((name) => `${name} IS NOT NULL`).join(" AND ")}`;
  }

  /** The row with these values in its key, as this table's collations and affinities compare them. */
  find(key: Row): Row | undefined {
    return this.#find(key);
  }

  /** What finds the row with certain values in the columns at these places. */
  finder(places: readonly number[]): (values: Row) => Row | undefined {
    const names = [...this.#names, ...this.#besides.map(quote)];
    const wanted = this.#namesAt(places);
    const query = new Query(
      this.db,
      (place) => `SELECT ${this.#list(names)} FROM ${this.from} WHERE ${equal(wanted, place)}`,
    );
    return (values) => {
      const row = query.get(values);
      return row && (this.#text?.restore(row, names) ?? row);
    };
  }

  /** The value of a column that is not common, in a row that was found. */
  beside(row: Row, column: string): Value {
    const at = this.#besides.findIndex((name) => fold(name) === fold(column));
    return at < 0 ? null : (row[this.#names.length + at] ?? null);
  }

  has(key: Row): boolean {
    return this.#has.has(key);
  }

  #list(names: readonly string[]): string {
    return [...names, ...(this.#text?.columns ?? [])].join() || "NULL";
  }
}
