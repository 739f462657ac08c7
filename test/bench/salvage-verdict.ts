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
  /** Rows that are in their table as a backup has them, and were changed since. */
  readonly older: number;
  /** Rows that a backup has, and that were deleted since. */
  readonly resurrected: number;
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

/** More bytes of a row on one page are another damage than bits; where a bit is turned in 5 % of the pages, some get four. */
const MOST_FLIPPED = 4;

/** @param backup from which rows were taken */
export function judge(original: string, bytes: Bytes, result: string, backup: string | null): Verdict {
  if (!existsSync(result)) throw new Error(`${result} was not made`);
  const then = new Sqlite(original, { readonly: true });
  const now = new Sqlite(result, { readonly: true });
  const before = backup === null ? null : new Sqlite(backup, { readonly: true });
  try {
    const verdicts = tablesOf(original).map((table) => judgeTable({ then, now, before, bytes }, table));
    const sum = (key: keyof (typeof verdicts)[number]) => verdicts.reduce((all, each) => all + each[key], 0);
    return {
      of: sum("of"),
      back: sum("back"),
      missed: sum("missed"),
      altered: sum("altered"),
      older: sum("older"),
      resurrected: sum("resurrected"),
      wrong: sum("wrong"),
      lostAndFound: countOf(now, "lost_and_found"),
      integrity: now.pragma("integrity_check(1)", { simple: true }) as string,
    };
  } finally {
    then.close();
    now.close();
    before?.close();
  }
}

interface States {
  readonly then: Sqlite.Database;
  readonly now: Sqlite.Database;
  readonly before: Sqlite.Database | null;
  readonly bytes: Bytes;
}

type TableVerdict = Omit<Verdict, "lostAndFound" | "integrity">;
type KnownTable = Pick<PlacedTable, "name" | "root" | "withoutRowid">;
type Values = readonly unknown[];

function judgeTable(states: States, table: KnownTable): TableVerdict {
  const { then, now, before, bytes } = states;
  const { key, all } = columnsOf(then, table);
  const order = key.map(quoted).join();
  const rows = prepared(
    then,
    `SELECT ${[...key, ...all].map(quoted)} FROM ${quoted(table.name)} NOT INDEXED ORDER BY ${order}`,
  );
  const there = hasColumns(now, table.name, all) ? countOf(now, table.name) : 0;
  const find = there > 0 ? finder(now, table.name, key, all) : () => undefined;
  const findBefore = before ? finder(before, table.name, key, all) : () => undefined;
  const places = new Reader(bytes.before).rows(table.root);
  const verdict = { of: 0, back: 0, missed: 0, altered: 0, older: 0, resurrected: 0, wrong: 0 };
  let found = 0;
  let keysHit = 0;
  for (const row of rows.iterate() as Iterable<Values>) {
    verdict.of++;
    const place = places.next().value as Place;
    const keys = row.slice(0, key.length);
    const values = find(keys);
    if (values) found++;
    if (values && sameRow(values, row.slice(key.length))) verdict.back++;
    else if (values && hasFlippedBits(bytes, place)) verdict.altered++;
    else if (values && sameRow(values, findBefore(keys) ?? [])) verdict.older++;
    else if (values) verdict.wrong++;
    else if (isWhole(bytes, place)) verdict.missed++;
    else if (hasFlippedBits(bytes, place)) keysHit++;
  }
  if (places.next().done !== true) throw new Error(`${table.name} has fewer rows than places`);
  // Under keys that no row had: those that were deleted, those of rows whose key was hit, and what nobody can explain.
  const extra = there - found;
  if (before && extra > 0) verdict.resurrected = countDeleted(states, table.name, key);
  const explained = Math.min(extra - verdict.resurrected, keysHit);
  verdict.altered += explained;
  verdict.wrong += extra - verdict.resurrected - explained;
  return verdict;
}

/** Rows that are there now, were there before, and not in between. */
function countDeleted({ then, now, before }: States, table: string, key: readonly string[]): number {
  const find = finder(then, table, key, key);
  const findBefore = before ? finder(before, table, key, key) : () => undefined;
  let deleted = 0;
  for (const keys of prepared(now, `SELECT ${key.map(quoted)} FROM ${quoted(table)}`).iterate() as Iterable<Values>) {
    if (find(keys) === undefined && findBefore(keys) !== undefined) deleted++;
  }
  return deleted;
}

/** Finds the row of a key. */
function finder(db: Sqlite.Database, table: string, key: readonly string[], columns: readonly string[]) {
  const condition = key.map((name) => `${quoted(name)} = ?`).join(" AND ");
  const select = prepared(db, `SELECT ${columns.map(quoted)} FROM ${quoted(table)} WHERE ${condition}`);
  return (keys: Values) => select.get(...keys) as Values | undefined;
}

function columnsOf(db: Sqlite.Database, { name, withoutRowid }: KnownTable): { key: string[]; all: string[] } {
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
  return (
    b.length === a.length &&
    a.every((value, at) => {
      const other = b[at];
      return Buffer.isBuffer(value) ? Buffer.isBuffer(other) && value.equals(other) : Object.is(value, other);
    })
  );
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
