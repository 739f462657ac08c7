/**
 * Rows that belong to no table for sure, in a table as SQLite's own `.recover` makes it
 * (https://sqlite.org/recovery.html), with the reason beside each.
 */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { Query } from "../query.ts";
import type { Found } from "./pages.ts";

/** As many columns as SQLite lets a table have, less those that are not the row's. */
const MOST_FIELDS = 1990;
const OWN = ["rootpgno", "pgno", "nfield", "id", "reason"];

export class LostAndFound {
  readonly #db: Connection;
  readonly #inserts = new Map<number, Query>();
  readonly #reasons = new Map<string, number>();
  #columns = 0;
  #name: string | null = null;
  rows = 0;

  constructor(db: Connection) {
    this.#db = db;
  }

  /** Null while there is nothing in it. */
  get name(): string | null {
    return this.#name;
  }

  /** How many rows for each reason. */
  get reasons(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#reasons);
  }

  add({ rowid, values, page, root }: Found, reason: string): void {
    const fields = values.slice(0, MOST_FIELDS);
    const insert = this.#insertFor(fields.length);
    insert.run([root, page, values.length, rowid, reason, ...fields]);
    this.rows++;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  #insertFor(count: number): Query {
    const name = this.#name ?? this.#create();
    for (; this.#columns < count; this.#columns++) {
      this.#db.exec(`ALTER TABLE main.${quote(name)} ADD COLUMN c${this.#columns}`);
    }
    const known = this.#inserts.get(count);
    if (known) return known;
    const columns = [...OWN, ...Array.from({ length: count }, (_, n) => `c${n}`)];
    const made = new Query(this.#db, (place) => {
      return `INSERT INTO main.${quote(name)} (${columns.join()}) VALUES (${columns.map((_, at) => place(at)).join()})`;
    });
    this.#inserts.set(count, made);
    return made;
  }

  #create(): string {
    const taken = this.#db.prepare("SELECT 1 FROM main.sqlite_schema WHERE lower(name) = ?");
    let name = "lost_and_found";
    for (let n = 0; taken.get(name); n++) name = `lost_and_found_${n}`;
    this.#db.exec(
      `CREATE TABLE main.${name} (rootpgno INTEGER, pgno INTEGER, nfield INTEGER, id INTEGER, reason TEXT)`,
    );
    this.#name = name;
    return name;
  }
}
