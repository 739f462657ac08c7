/**
 * What has to be remembered of a whole table, on disk instead of in memory: SQLite's temporary database, which has no
 * name and is gone with the connection (https://sqlite.org/inmemorydb.html#temp_db). It holds digests, not rows.
 */
import type Database from "better-sqlite3";
import { type Connection, loadEngine } from "../database/open.ts";
import { digestOf, type Row } from "./values.ts";

export class Scratch {
  readonly db: Connection;

  private constructor(db: Connection) {
    this.db = db;
  }

  static async open(): Promise<Scratch> {
    const { openPlain } = await loadEngine();
    const db = openPlain("");
    db.pragma("journal_mode = OFF");
    db.pragma("cache_size = -4000");
    db.exec("BEGIN; CREATE TABLE counted (digest BLOB PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID");
    return new Scratch(db);
  }

  /** An empty count; there is one at a time. */
  count(): RowCount {
    this.db.exec("DELETE FROM counted");
    return new RowCount(this.db);
  }

  close(): void {
    this.db.close();
  }
}

/** How often each row is there: whole rows without a key, of which each may be there many times. */
export class RowCount {
  readonly #add: Database.Statement<unknown[]>;
  readonly #take: Database.Statement<unknown[]>;
  readonly #total: Database.Statement<unknown[]>;
  #isEmpty = true;

  constructor(db: Connection) {
    this.#add = db.prepare("INSERT INTO counted VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET rows = rows + 1");
    this.#take = db.prepare("UPDATE counted SET rows = rows - 1 WHERE digest = ? AND rows > 0");
    this.#total = db.prepare("SELECT coalesce(sum(rows), 0) FROM counted").pluck(true);
  }

  /** True as long as nothing was ever added. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  add(row: Row): void {
    this.#isEmpty = false;
    this.#add.run(digestOf(row));
  }

  /** How many rows are left. */
  total(): number {
    return this.#total.get() as number;
  }

  /** Takes one away; false where none is left. */
  take(row: Row): boolean {
    return this.#take.run(digestOf(row)).changes === 1;
  }
}
