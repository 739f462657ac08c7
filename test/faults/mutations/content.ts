/**
 * What a database holds, read with SQLite alone. It is copied before it is opened, for a look must not mend what it
 * is to judge.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";

export interface Content {
  /** What `integrity_check` says of the file; empty when it is sound. */
  readonly damage: readonly string[];
  /** It could not be judged: what it needs is not here. */
  readonly unjudged: string | null;
  /** Each row that can be read, with the name of its table. */
  readonly rows: ReadonlySet<string>;
}

/** A hundred times as large as any database here: one that is larger was blown up, and not by what is in it. */
export const SIZE_LIMIT = 1 << 26;

const WITH_SIDECARS = ["", "-wal", "-journal"] as const;

/** @param scratch a folder for copies */
export function contentOf(file: string, scratch: string, how: { alone?: boolean } = {}): Content {
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(join(scratch, "look-"));
  try {
    const copy = join(folder, "copy.sqlite");
    const { size } = statSync(file);
    if (size > SIZE_LIMIT) return { damage: [`it has ${size} bytes`], unjudged: null, rows: new Set() };
    for (const ending of how.alone ? [""] : WITH_SIDECARS)
      if (existsSync(file + ending)) copyFileSync(file + ending, copy + ending);
    return readContent(copy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readContent(file: string): Content {
  const rows = new Set<string>();
  try {
    const db = new Database(file, { fileMustExist: true });
    try {
      const found = (db.pragma("integrity_check") as { integrity_check: string }[]).map((row) => row.integrity_check);
      const damage = found.filter((row) => row !== "ok" && !isOfData(row));
      for (const table of ownTables(db)) readRows(db, table, rows);
      return { damage, unjudged: null, rows };
    } finally {
      db.close();
    }
  } catch (error) {
    const { code = "", message } = error as { code?: string; message: string };
    const corrupt = /^SQLITE_(CORRUPT|NOTADB)/.test(code);
    return { damage: corrupt ? [message] : [], unjudged: corrupt ? null : `${code}: ${message}`, rows };
  }
}

/** Rows about the application's constraints and its full-text index, which is made anew from the rows. */
function isOfData(row: string): boolean {
  return /^(NULL value in|non-\w+ value in|NUMERIC value in|TEXT value in|CHECK constraint failed)|\bfts5\b/i.test(row);
}

/** Neither SQLite's own, nor Holdfast's, nor what a full-text index keeps for itself. */
function ownTables(db: Database.Database): readonly string[] {
  return db
    .prepare(
      `SELECT name FROM sqlite_schema
       WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_holdfast_*' AND name NOT GLOB 'search_*'`,
    )
    .pluck()
    .all() as string[];
}

/** As far as they can be read. */
function readRows(db: Database.Database, table: string, into: Set<string>): void {
  try {
    const rows = db
      .prepare(`SELECT * FROM "${table.replaceAll('"', '""')}"`)
      .raw()
      .iterate();
    for (const row of rows) into.add(`${table} ${JSON.stringify(row)}`);
  } catch {
    // The rest is lost to whoever reads it with SQLite.
  }
}

export function lacking(wanted: ReadonlySet<string>, ...in_: readonly ReadonlySet<string>[]): readonly string[] {
  return [...wanted].filter((row) => !in_.some((rows) => rows.has(row)));
}
