import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import type { Table } from "./tables.ts";

/**
 * An AUTOINCREMENT table never gives a rowid twice (https://sqlite.org/autoinc.html): after a merge not one that the
 * other database has given either, even where its row is deleted by now.
 */
export function raiseSequence(current: Connection, mine: Table, incoming: Connection, theirs: Table): void {
  if (!mine.autoincrement || mine.rowidColumn === null) return;
  const highest = current
    .prepare(`SELECT max(${quote(mine.rowidColumn)}) FROM main.${quote(mine.name)}`)
    .pluck(true)
    .safeIntegers(true)
    .get() as bigint | null;
  const wanted = [highest ?? 0n, sequenceOf(incoming, theirs) ?? 0n].reduce((a, b) => (a > b ? a : b));
  const standing = sequenceOf(current, mine);
  if (wanted <= (standing ?? 0n)) return;
  const sql =
    standing === null
      ? "INSERT INTO main.sqlite_sequence (seq, name) VALUES (?, ?)"
      : "UPDATE main.sqlite_sequence SET seq = ? WHERE name = ?";
  current.prepare(sql).run(wanted, mine.name);
}

function sequenceOf(db: Connection, { autoincrement, name }: Table): bigint | null {
  if (!autoincrement) return null;
  const value = db
    .prepare("SELECT seq FROM main.sqlite_sequence WHERE name = ?")
    .pluck(true)
    .safeIntegers(true)
    .get(name);
  return typeof value === "bigint" ? value : null;
}
