/** Writes rows into the current table, one statement a row, and tells apart the ways in which SQLite may refuse one. */
import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import { hasCode, messageOf } from "../errors.ts";
import type { Pairing } from "./pairing.ts";
import { equal, Query } from "./query.ts";
import type { Side } from "./side.ts";
import { fold, rowsOf, type Table } from "./tables.ts";
import type { Row, Value } from "./values.ts";

export type Attempt =
  | { readonly kind: "written" }
  | { readonly kind: "refused"; readonly reason: string }
  /** Another row has its values in a unique index. */
  | { readonly kind: "collision"; readonly message: string };

const COLLISION = /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY|ROWID)$/;
const REFUSAL = /^(SQLITE_CONSTRAINT(_(CHECK|NOTNULL|DATATYPE|TRIGGER|VTAB))?|SQLITE_MISMATCH|SQLITE_TOOBIG)$/;

export class RowWriter {
  readonly #db: Connection;
  readonly #insert: Query;
  readonly #update: Query;
  readonly #updateWhole: Query;
  /** Places of the columns that are not in the key. */
  readonly #besideKey: readonly number[];
  /** Why no row can be inserted; null where it can be tried. */
  readonly #unfilled: string | null;
  /** The place of the column that is the rowid: given NULL, SQLite would make up a value. */
  readonly #rowidPlace: number;
  readonly #mayFailHalfway: boolean;

  constructor({ columns, key, left: table }: Pairing, current: Side) {
    this.#db = current.db;
    const names = columns.map(({ left }) => quote(left.name));
    // Said only where the table itself says something else, for it would also override what its triggers say.
    const orAbort = table.hasConflictClause ? " OR ABORT" : "";
    this.#insert = new Query(this.#db, (place) => {
      const values = names.map((_, at) => place(at)).join();
      return `INSERT${orAbort} INTO ${current.from} (${names.join()}) VALUES (${values})`;
    });
    const update = (places: readonly number[]) =>
      new Query(this.#db, (place) => {
        const set = places.map((each, at) => `${names[each]} = ${place(at)}`).join();
        const where = equal(current.keyNames, (at) => place(places.length + at));
        return `UPDATE${orAbort} ${current.from} SET ${set} WHERE ${where}`;
      });
    this.#besideKey = [...names.keys()].filter((place) => !key?.places.includes(place));
    this.#update = update(this.#besideKey);
    this.#updateWhole = update([...names.keys()]);
    this.#unfilled = reasonNotToInsert(
      table,
      columns.map(({ left }) => left.name),
    );
    this.#rowidPlace = columns.findIndex(({ left }) => left.name === table.rowidColumn);
    this.#mayFailHalfway = hasFailingTrigger(this.#db, table);
  }

  insert(row: Row): Attempt {
    if (this.#unfilled !== null) return { kind: "refused", reason: this.#unfilled };
    if (row[this.#rowidPlace] === null) return { kind: "refused", reason: "its primary key is NULL" };
    return this.#write(this.#insert, row);
  }

  /** Setting the key, even to itself, makes SQLite write all indexes of the row anew: `keyStays` leaves it out. */
  update(row: Row, key: readonly Value[], keyStays: boolean): Attempt {
    if (!keyStays) return this.#write(this.#updateWhole, [...row, ...key]);
    return this.#write(this.#update, [...this.#besideKey.map((place) => row[place] ?? null), ...key]);
  }

  #write(query: Query, values: Row): Attempt {
    if (this.#mayFailHalfway) this.#db.exec("SAVEPOINT _holdfast_row");
    const attempt = this.#try(query, values);
    if (this.#mayFailHalfway) {
      if (attempt.kind !== "written") this.#db.exec("ROLLBACK TO _holdfast_row");
      this.#db.exec("RELEASE _holdfast_row");
    }
    return attempt;
  }

  #try(query: Query, values: Row): Attempt {
    try {
      if (query.run(values).changes > 0) return { kind: "written" };
      return { kind: "refused", reason: "a trigger of the table passes it over" };
    } catch (error) {
      // A trigger may also end the whole transaction, which nothing can go on after.
      if (!hasCode(error) || !this.#db.inTransaction) throw error;
      if (COLLISION.test(error.code)) return { kind: "collision", message: messageOf(error) };
      if (REFUSAL.test(error.code)) return { kind: "refused", reason: messageOf(error) };
      throw error;
    }
  }
}

function reasonNotToInsert(table: Table, filled: readonly string[]): string | null {
  const names = new Set(filled.map(fold));
  const unfilled = table.columns.find(
    (column) =>
      column.notNull &&
      column.default === null &&
      !column.generated &&
      column.name !== table.rowidColumn &&
      !names.has(fold(column.name)),
  );
  return unfilled ? `${unfilled.name} is NOT NULL, has no default, and is not in the incoming table` : null;
}

/** RAISE(FAIL) leaves what was written before it: https://sqlite.org/lang_createtrigger.html#the_raise_function. */
function hasFailingTrigger(db: Connection, { name }: Table): boolean {
  const sql = "SELECT tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger'";
  return rowsOf<{ tbl_name: string; sql: string }>(db, sql).some(
    (trigger) => fold(trigger.tbl_name) === fold(name) && /\bFAIL\b/i.test(trigger.sql),
  );
}
