import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import { isCorruption, toHoldfastError } from "../errors.ts";
import type { Table } from "./tables.ts";
import { digestOf, type Row, type Value } from "./values.ts";

export interface Broken {
  readonly values: Row;
  rows: number;
}

/**
 * The values of a foreign key that have no parent, as SQLite itself finds them by reading the whole table
 * (https://sqlite.org/pragma.html#pragma_foreign_key_check), each with its rows. Null where another foreign key of the
 * table is declared in a way that makes the check impossible.
 *
 * @param id of the foreign key in its table
 */
export function brokenReferences(
  db: Connection,
  child: Table,
  columns: readonly string[],
  id: number,
): Map<string, Broken> | null {
  const found = new Map<string, Broken>();
  const { rowidName } = child;
  const list = columns.map(quote).join();
  const select =
    rowidName && db.prepare<unknown[], Value[]>(`SELECT ${list} FROM main.${quote(child.name)} WHERE ${rowidName} = ?`);
  try {
    // It is while this is prepared that SQLite finds it impossible.
    const check = db.prepare<unknown[], [string, bigint | null, string, bigint]>(
      `PRAGMA main.foreign_key_check(${quote(child.name)})`,
    );
    for (const [, rowid, , foreignKey] of check.raw(true).safeIntegers(true).iterate()) {
      if (foreignKey !== BigInt(id)) continue;
      const values = select ? (select.raw(true).safeIntegers(true).get(rowid) ?? []) : [];
      const digest = digestOf(values).toString("hex");
      const known = found.get(digest);
      if (known) known.rows++;
      else found.set(digest, { values, rows: 1 });
    }
  } catch (error) {
    if (isCorruption(error) || toHoldfastError(error, "checking foreign keys")) throw error;
    return null;
  }
  return found;
}
