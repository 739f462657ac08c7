/** The rows of a schema donor that is a copy of the same database: where they agree, a page is that table's. */
import type { Connection, Engine } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { equal, Query } from "../query.ts";
import { type Row, sameValue } from "../values.ts";
import type { Shape } from "./shape.ts";
import type { Rowid } from "./varint.ts";

/** Rows are looked up here and there; what an engine takes by default for its cache is more than all the rest needs. */
const CACHE_KB = 1000;

export function openSparingly(engine: Engine, path: string): Connection {
  const db = engine.openUntrusted(path, "readonly");
  db.pragma(`cache_size = -${CACHE_KB}`);
  return db;
}

export class DonorRows {
  readonly #db: Connection;
  readonly #queries = new Map<string, Query | null>();

  constructor(engine: Engine, path: string) {
    this.#db = openSparingly(engine, path);
  }

  has(shape: Shape, rowid: Rowid | null, values: Row): boolean {
    try {
      const query = this.#queryFor(shape);
      const key = shape.keyFields === null ? [rowid] : values.slice(0, shape.keyFields);
      const there = query?.get(key);
      return (
        there !== undefined &&
        values.every((value, at) => shape.fields[at]?.isRowid || sameValue(value, there[at] ?? null))
      );
    } catch {
      // A donor that lacks the table, or is damaged itself, tells nothing.
      return false;
    }
  }

  #queryFor(shape: Shape): Query | null {
    const known = this.#queries.get(shape.table);
    if (known !== undefined) return known;
    // Where preparing it fails, it is not tried again.
    this.#queries.set(shape.table, null);
    const { fields, keyFields, rowidName } = shape;
    const rowid = rowidName ?? quote(fields.find(({ isRowid }) => isRowid)?.column ?? "rowid");
    const keys = keyFields === null ? [rowid] : fields.slice(0, keyFields).map(({ column }) => quote(column));
    const names = fields.map(({ column }) => quote(column)).join();
    const made = new Query(
      this.#db,
      (place) => `SELECT ${names} FROM main.${quote(shape.table)} WHERE ${equal(keys, place)}`,
    );
    this.#queries.set(shape.table, made);
    return made;
  }

  close(): void {
    this.#db.close();
  }
}
