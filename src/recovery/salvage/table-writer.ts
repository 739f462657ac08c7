/** Writes the rows of one table into the new database, each at most once, with the rowids that they had. */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { hasCode, messageOf } from "../../errors.ts";
import { equal, Query } from "../query.ts";
import { type Row, sameValue, type Value } from "../values.ts";
import type { Shape } from "./shape.ts";
import type { Rowid } from "./varint.ts";

/** `same`: it is there already. A text says why the table does not take it. */
export type Written = "written" | "same" | { readonly refused: string };

const REFUSAL = /^(SQLITE_CONSTRAINT(_\w+)?|SQLITE_MISMATCH|SQLITE_TOOBIG|SQLITE_RANGE)$/;
const COLLISION = /^SQLITE_CONSTRAINT_(PRIMARYKEY|ROWID)$/;

export class TableWriter {
  readonly #db: Connection;
  readonly #shape: Shape;
  /** By how many fields the record has: the others take their defaults. */
  readonly #inserts = new Map<number, Query>();
  readonly #selects = new Map<number, Query>();
  #exists: Query | undefined;
  readonly #places: readonly number[];
  readonly #rowidAt: number;

  constructor(db: Connection, shape: Shape) {
    this.#db = db;
    this.#shape = shape;
    this.#places = [...shape.fields.keys()].filter((at) => !shape.fields[at]?.generated);
    this.#rowidAt = shape.fields.findIndex(({ isRowid }) => isRowid);
  }

  write(rowid: Rowid | null, values: Row): Written {
    const count = values.length;
    const insert = this.#inserts.get(count) ?? this.#prepareInsert(count);
    try {
      insert.run(this.#bound(rowid, values));
      return "written";
    } catch (error) {
      if (!hasCode(error) || !REFUSAL.test(error.code)) throw error;
      if (COLLISION.test(error.code) && this.#isThere(rowid, values)) return "same";
      return { refused: messageOf(error) };
    }
  }

  /** Whether there is a row of that key, whatever else it says. */
  has(rowid: Rowid | null, values: Row): boolean {
    this.#exists ??= this.#prepareSelect(["1"]);
    return this.#exists.has(this.#keyOf(rowid, values));
  }

  #namesOf(count: number): string[] {
    const { fields, rowidName } = this.#shape;
    const names = this.#places.filter((at) => at < count).map((at) => quote(fields[at]?.column ?? ""));
    return rowidName === null ? names : [...names, rowidName];
  }

  #bound(rowid: Rowid | null, values: Row): Value[] {
    const bound: Value[] = [];
    for (const at of this.#places) {
      if (at >= values.length) break;
      bound.push(at === this.#rowidAt ? rowid : (values[at] ?? null));
    }
    if (this.#shape.rowidName !== null) bound.push(rowid);
    return bound;
  }

  #prepareInsert(count: number): Query {
    const names = this.#namesOf(count);
    // A constraint may say REPLACE, which would let a later row push out an earlier one.
    const insert = new Query(this.#db, (place) => {
      const values = names.map((_, at) => place(at)).join();
      return `INSERT OR ABORT INTO main.${quote(this.#shape.table)} (${names.join()}) VALUES (${values})`;
    });
    this.#inserts.set(count, insert);
    return insert;
  }

  #isThere(rowid: Rowid | null, values: Row): boolean {
    const there = this.#find(rowid, values);
    return there !== undefined && this.#bound(rowid, values).every((value, at) => sameValue(value, there[at] ?? null));
  }

  #find(rowid: Rowid | null, values: Row): Value[] | undefined {
    const count = values.length;
    const select = this.#selects.get(count) ?? this.#prepareSelect(this.#namesOf(count));
    this.#selects.set(count, select);
    return select.get(this.#keyOf(rowid, values));
  }

  #keyOf(rowid: Rowid | null, values: Row): Row {
    const { keyFields } = this.#shape;
    return keyFields === null ? [rowid] : values.slice(0, keyFields);
  }

  #prepareSelect(columns: readonly string[]): Query {
    const { fields, keyFields, rowidName, table } = this.#shape;
    const places = keyFields === null ? [this.#rowidAt] : [...Array(keyFields).keys()];
    const names = rowidName === null ? places.map((at) => quote(fields[at]?.column ?? "")) : [rowidName];
    return new Query(
      this.#db,
      (place) => `SELECT ${columns.join()} FROM main.${quote(table)} WHERE ${equal(names, place)}`,
    );
  }
}
