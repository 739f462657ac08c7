import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { unreadCommits } from "../../src/database/log-damage.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const PAGE_SIZE = 1024;

/** A database with its log, as a kill leaves them after five commits. */
function killed(after: (db: Database.Database) => void = () => {}): { path: string; wal: string } {
  const folder = scratchFolder();
  const live = join(folder, "live.sqlite");
  const db = new Database(live);
  db.pragma(`page_size = ${PAGE_SIZE}`);
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE book (title TEXT)");
  db.pragma("wal_checkpoint(TRUNCATE)");
  for (let n = 0; n < 5; n++) db.prepare("INSERT INTO book VALUES (?)").run(`Volume ${n}`);
  after(db);
  const path = join(folder, "library.sqlite");
  for (const ending of ["", "-wal"]) copyFileSync(live + ending, path + ending);
  db.close();
  return { path, wal: `${path}-wal` };
}

/** How many rows SQLite still reads, from a copy. */
function rowsIn(path: string): number {
  const copy = `${path}.copy`;
  for (const ending of ["", "-wal"]) copyFileSync(path + ending, copy + ending);
  const db = new Database(copy);
  const rows = db.prepare("SELECT count(*) FROM book").pluck().get() as number;
  db.close();
  for (const ending of ["", "-wal", "-shm"]) rmSync(copy + ending, { force: true });
  return rows;
}

describe("a log that SQLite reads to its end has no unread commits", () => {
  test.each<[string, (db: Database.Database) => void, number]>([
    ["as a kill leaves it", () => {}, 5],
    ["in the middle of a transaction that has reached the disk", (db) => unfinished(db), 5],
    ["begun anew after a checkpoint, with what is left of the last round", (db) => begunAnew(db), 6],
  ])("%s", (_, work, rows) => {
    const { path, wal } = killed(work);
    expect(unreadCommits(wal, PAGE_SIZE)).toBe(0);
    expect(rowsIn(path)).toBe(rows);
  });

  test("cut off anywhere", () => {
    const { wal } = killed();
    const bytes = readFileSync(wal);
    for (let size = 0; size < bytes.length; size += 101) {
      writeFileSync(wal, bytes.subarray(0, size));
      expect(unreadCommits(wal, PAGE_SIZE)).toBe(0);
    }
  });

  function unfinished(db: Database.Database): void {
    db.pragma("cache_size = 2");
    db.exec("BEGIN");
    for (let n = 0; n < 40; n++) db.prepare("INSERT INTO book VALUES (?)").run("never committed".repeat(60));
  }

  function begunAnew(db: Database.Database): void {
    db.pragma("wal_checkpoint(RESTART)");
    db.prepare("INSERT INTO book VALUES (?)").run("Volume 5");
  }
});

test("one turned bit anywhere in it: where SQLite reads fewer rows, the commits it does not read are counted", () => {
  const { path, wal } = killed();
  const good = readFileSync(wal);
  let lost = 0;
  for (let bit = 0; bit < good.length * 8; bit += 131) {
    const bytes = Buffer.from(good);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    writeFileSync(wal, bytes);
    const missing = 5 - rowsIn(path);
    if (missing > 0) lost++;
    expect(unreadCommits(wal, PAGE_SIZE) > 0).toBe(missing > 0);
  }
  expect(lost).toBeGreaterThan(100);
});

test("a sector that is read as zeros: where SQLite reads fewer rows, commits are missing, and are counted", () => {
  const { path, wal } = killed();
  const good = readFileSync(wal);
  let lost = 0;
  for (let at = 0; at < good.length; at += 512) {
    const bytes = Buffer.from(good).fill(0, at, Math.min(at + 512, good.length));
    writeFileSync(wal, bytes);
    const missing = 5 - rowsIn(path);
    if (missing > 0) lost++;
    expect(unreadCommits(wal, PAGE_SIZE) > 0, `sector at ${at}`).toBe(missing > 0);
  }
  expect(lost).toBeGreaterThan(4);
});
