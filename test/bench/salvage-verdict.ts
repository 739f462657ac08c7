/**
 * What came back, held against the database as it was. Nothing here knows how either side reads: where each row lies is
 * told by a reader that trusts every byte of the undamaged file.
 */
import { existsSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { type Place, type PlacedTable, Reader, type Span, tablesOf } from "../recovery/salvage/naive-reader.ts";

export interface Verdict {
  /** Rows that the database had. */
  readonly of: number;
  /** Rows that are in their table again, each value as it was. */
  readonly back: number;
  /** Rows that are not, though no byte that they are read by was changed. */
  readonly missed: number;
  /** Rows of which a bit was flipped inside a value, and that are in their table with that value. */
  readonly altered: number;
  /** All others that are in a table and were not in it, or not so. */
  readonly wrong: number;
  readonly lostAndFound: number;
  /** What SQLite's own check says. */
  readonly integrity: string;
}

/** The bytes of the file before and after it was damaged. */
export interface Bytes {
  readonly before: Buffer;
  readonly after: Buffer;
}

/** More bytes of a row on one page are another damage than a bit, or two. */
const MOST_FLIPPED = 2;

export function judge(original: string, bytes: Bytes, result: string): Verdict {
  if (!existsSync(result)) throw new Error(`${result} was not made`);
  const then = new Sqlite(original, { readonly: true });
  const now = new Sqlite(result, { readonly: true });
  try {
    const verdicts = tablesOf(original).map((table) => judgeTable({ then, now, bytes }, table));
    const sum = (key: keyof (typeof verdicts)[number]) => verdicts.reduce((all, each) => all + each[key], 0);
    return {
      of: sum("of"),
      back: sum("back"),
      missed: sum("missed"),
      altered: sum("altered"),
      wrong: sum("wrong"),
      lostAndFound: countOf(now, "lost_and_found"),
      integrity: now.pragma("integrity_check(1)", { simple: true }) as string,
    };
  } finally {
    then.close();
    now.close();
  }
}

interface Both {
  readonly then: Sqlite.Database;
  readonly now: Sqlite.Database;
  readonly bytes: Bytes;
}

type TableVerdict = Omit<Verdict, "lostAndFound" | "integrity">;
type Values = readonly unknown[];

function judgeTable(
  { then, now, bytes }: Both,
  table: Pick<PlacedTable, "name" | "root" | "withoutRowid">,
): TableVerdict {
  const { key, all } = columnsOf(then, table);
  const columns = all.map(quoted).join();
  const order = key.map(quoted).join();
  const rows = prepared(then, `SELECT ${order}, ${columns} FROM ${quoted(table.name)} NOT INDEXED ORDER BY ${order}`);
  const there = hasColumns(now, table.name, all) ? countOf(now, table.name) : 0;
  const condition = key.map((name) => `${quoted(name)} = ?`).join(" AND ");
  const find = there > 0 ? prepared(now, `SELECT ${columns} FROM ${quoted(table.name)} WHERE ${condition}`) : null;
  const places = new Reader(bytes.before).rows(table.root);
  let of = 0;
  let back = 0;
  let found = 0;
  let missed = 0;
  let altered = 0;
  let wrong = 0;
  let keysHit = 0;
  for (const row of rows.iterate() as Iterable<Values>) {
    of++;
    const place = places.next().value as Place;
    const values = find?.get(...row.slice(0, key.length)) as Values | undefined;
    if (values) found++;
    if (values && sameRow(values, row.slice(key.length))) back++;
    else if (values && hasFlippedBits(bytes, place)) altered++;
    else if (values) wrong++;
    else if (isWhole(bytes, place)) missed++;
    else if (hasFlippedBits(bytes, place)) keysHit++;
  }
  if (places.next().done !== true) throw new Error(`${table.name} has fewer rows than places`);
  // Under keys that no row had: those of rows whose key was hit, and others that nobody can explain.
  const explained = Math.min(there - found, keysHit);
  return { of, back, missed, altered: altered + explained, wrong: wrong + there - found - explained };
}

function columnsOf(
  db: Sqlite.Database,
  { name, withoutRowid }: Pick<PlacedTable, "name" | "withoutRowid">,
): { key: string[]; all: string[] } {
  const columns = db.pragma(`table_info(${quoted(name)})`) as { name: string; pk: number }[];
  const keyed = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  return { key: withoutRowid ? keyed.map((each) => each.name) : ["rowid"], all: columns.map((each) => each.name) };
}

function hasColumns(db: Sqlite.Database, table: string, names: readonly string[]): boolean {
  const columns = db.pragma(`table_info(${quoted(table)})`) as { name: string }[];
  return names.every((name) => columns.some((column) => column.name === name));
}

function countOf(db: Sqlite.Database, table: string): number {
  const is = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table);
  return is
    ? (db
        .prepare(`SELECT count(*) FROM ${quoted(table)}`)
        .pluck()
        .get() as number)
    : 0;
}

function prepared(db: Sqlite.Database, sql: string): Sqlite.Statement<unknown[], unknown> {
  return db.prepare<unknown[], unknown>(sql).raw(true).safeIntegers(true);
}

function quoted(name: string): string {
  return name === "rowid" ? name : `"${name.replaceAll('"', '""')}"`;
}

/** 1 is not 1.0 here. */
function sameRow(a: Values, b: Values): boolean {
  return a.every((value, at) => {
    const other = b[at];
    return Buffer.isBuffer(value) ? Buffer.isBuffer(other) && value.equals(other) : Object.is(value, other);
  });
}

function isWhole({ before, after }: Bytes, { needed }: Place): boolean {
  return needed.every(([from, to]) => to <= after.length && before.compare(after, from, to, from, to) === 0);
}

function hasFlippedBits(bytes: Bytes, { values }: Place): boolean {
  const changed = values.map((span) => changedIn(bytes, span));
  return changed.some((count) => count > 0) && changed.every((count) => count <= MOST_FLIPPED);
}

function changedIn({ before, after }: Bytes, [from, to]: Span): number {
  if (to > after.length) return to - from;
  if (before.compare(after, from, to, from, to) === 0) return 0;
  let changed = 0;
  for (let at = from; at < to; at++) if (before[at] !== after[at]) changed++;
  return changed;
}
