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
  #usual: Statement | undefined;

  /** @param build makes the SQL; `place(n)` stands where the n-th value goes, and each must be used once, in order */
  constructor(db: Connection, build: (place: (at: number) => string) => string) {
    this.#db = db;
    this.#build = build;
  }

  get(values: Row): Value[] | undefined {
    return values.some(isRaw) ? this.#shaped(values).get(values.map(bound)) : this.#plain().get(values);
  }

  *rows(values: Row): Generator<Value[]> {
    yield* values.some(isRaw) ? this.#shaped(values).iterate(values.map(bound)) : this.#plain().iterate(values);
  }

  has(values: Row): boolean {
    return this.get(values) !== undefined;
  }

  run(values: Row): Database.RunResult {
    return values.some(isRaw) ? this.#shaped(values).run(values.map(bound)) : this.#plain().run(values);
  }

  /** For values as nearly all rows have them. */
  #plain(): Statement {
    this.#usual ??= this.#make(() => "?");
    return this.#usual;
  }

  #shaped(values: Row): Statement {
    const shape = values.map((value) => (isRaw(value) ? "t" : "v")).join("");
    const made = this.#made.get(shape) ?? this.#make((at) => (isRaw(values[at]) ? "CAST(? AS TEXT)" : "?"));
    this.#made.set(shape, made);
    return made;
  }

  #make(place: (at: number) => string): Statement {
    const made = this.#db.prepare<unknown[], Value[]>(this.#build(place));
    return made.reader ? made.raw(true).safeIntegers(true) : made;
  }
}

function isRaw(value: Value | undefined): value is RawText {
  return value instanceof RawText;
}

function bound(value: Value): unknown {
  return isRaw(value) ? value.bytes : value;
}

/** `a = ? AND b = ?`; no name finds nothing. */
export function equal(names: readonly string[], place: (at: number) => string): string {
  return names.map((name, at) => `${name} = ${place(at)}`).join(" AND ") || "0";
}
