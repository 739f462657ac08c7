/** What a comparison and a merge must come to, worked out naively: all rows in memory, compared as SQLite documents. */
import type Database from "better-sqlite3";
import { names, type RandomTable } from "./random-databases.ts";

/** One row, as SQL literals with its text as bytes. */
type PlainRow = readonly string[];

export function rowsOf(db: Database.Database, table: RandomTable): PlainRow[] {
  const list = table.columns.map((column) => {
    const name = names([column]);
    return `CASE typeof(${name}) WHEN 'text' THEN 't' || hex(CAST(${name} AS BLOB)) WHEN 'null' THEN 'n'
            WHEN 'blob' THEN 'b' || hex(${name}) WHEN 'integer' THEN '#' || ${name}
            ELSE CASE WHEN abs(${name}) < 9e18 AND ${name} = CAST(${name} AS INTEGER) THEN '#' || CAST(${name} AS INTEGER)
                 ELSE 'r' || format('%!.17g', ${name}) END END`;
  });
  return db.prepare(`SELECT ${list.join()} FROM "${table.name}"`).raw().all() as PlainRow[];
}

/** The same for rows with the same key; null where a part of it is NULL, or there is none. */
export function keyOf(row: PlainRow, table: RandomTable): string | null {
  const parts = table.key.map(({ collation }, at) => {
    const value = row[at] ?? "";
    if (!value.startsWith("t") || collation === "BINARY") return value;
    const bytes = Buffer.from(value.slice(1), "hex").toString("latin1");
    return `t${collation === "NOCASE" ? bytes.replace(/[A-Z]/g, (each) => each.toLowerCase()) : bytes.replace(/ +$/, "")}`;
  });
  return parts.length === 0 || parts.includes("n") ? null : JSON.stringify(parts);
}

export interface NaiveTable {
  readonly keyed: Map<string, PlainRow>;
  readonly counted: Map<string, number>;
}

export function read(db: Database.Database, table: RandomTable): NaiveTable {
  const keyed = new Map<string, PlainRow>();
  const counted = new Map<string, number>();
  for (const row of rowsOf(db, table)) {
    const key = keyOf(row, table);
    if (key !== null) keyed.set(key, row);
    else counted.set(row.join(), (counted.get(row.join()) ?? 0) + 1);
  }
  return { keyed, counted };
}

export function naiveDiff(left: NaiveTable, right: NaiveTable) {
  const result = { same: 0, added: 0, removed: 0, changed: 0 };
  for (const [key, row] of left.keyed) {
    const other = right.keyed.get(key);
    if (!other) result.removed++;
    else if (other.join() === row.join()) result.same++;
    else result.changed++;
  }
  for (const key of right.keyed.keys()) if (!left.keyed.has(key)) result.added++;
  for (const row of new Set([...left.counted.keys(), ...right.counted.keys()])) {
    const [mine, theirs] = [left.counted.get(row) ?? 0, right.counted.get(row) ?? 0];
    result.same += Math.min(mine, theirs);
    result.added += Math.max(0, theirs - mine);
    result.removed += Math.max(0, mine - theirs);
  }
  return result;
}

/** All rows that must be there afterwards, sorted. */
export function naiveMerge(current: NaiveTable, incoming: NaiveTable, keepIncoming: boolean): string[] {
  const keyed = keepIncoming
    ? new Map([...current.keyed, ...incoming.keyed])
    : new Map([...incoming.keyed, ...current.keyed]);
  const rows = [...keyed.values()].map((row) => row.join());
  for (const row of new Set([...current.counted.keys(), ...incoming.counted.keys()])) {
    const times = Math.max(current.counted.get(row) ?? 0, incoming.counted.get(row) ?? 0);
    rows.push(...Array<string>(times).fill(row));
  }
  return rows.sort();
}

export function sortedRows(db: Database.Database, table: RandomTable): string[] {
  return rowsOf(db, table)
    .map((row) => row.join())
    .sort();
}
