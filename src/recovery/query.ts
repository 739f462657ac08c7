import type Database from "better-sqlite3";
import type { Connection } from "../database/open.ts";
import { RawText, type Row, type Value } from "./values.ts";

export type Statement = Database.Statement<unknown[], Value[]>;

/**
 * A statement with one `?` for each value that is bound. Text that is not UTF-8 can only be bound as a BLOB that is
 * cast, which makes it another statement for SQLite.
 */
export class Query {
  readonly #db: Connection;
  readonly #build: (place: (at: number) => string) => string;
  readonly #made = new Map<string, Statement>();

  /** @param build makes the SQL; `place(n)` stands where the n-th value goes, and each must be used once, in order */
  constructor(db: Connection, build: (place: (at: number) => string) => string) {
    this.#db = db;
    this.#build = build;
  }

  get(values: Row): Value[] | undefined {
    return this.#for(values).raw(true).get(values.map(bound));
  }

  has(values: Row): boolean {
    return this.get(values) !== undefined;
  }

  run(values: Row): Database.RunResult {
    return this.#for(values).run(values.map(bound));
  }

  #for(values: Row): Statement {
    const raw = values.some((value) => value instanceof RawText);
    const shape = raw ? values.map((value) => (value instanceof RawText ? "t" : "v")).join("") : "";
    const known = this.#made.get(shape);
    if (known) return known;
    const sql = this.#build((at) => (values[at] instanceof RawText ? "CAST(? AS TEXT)" : "?"));
    const made = this.#db.prepare<unknown[], Value[]>(sql).safeIntegers(true);
    this.#made.set(shape, made);
    return made;
  }
}

function bound(value: Value): unknown {
  return value instanceof RawText ? value.bytes : value;
}

/** `a = ? AND b = ?`; no name finds nothing. */
export function equal(names: readonly string[], place: (at: number) => string): string {
  return names.map((name, at) => `${name} = ${place(at)}`).join(" AND ") || "0";
}
