/** What comes to a database from outside: made by another program, damaged, or with a log that is not its own. */
import { closeSync, copyFileSync, openSync, rmSync, writeSync } from "node:fs";
import Database from "better-sqlite3";

/** A database that Holdfast has never seen. */
export function makeForeign(file: string, titles: readonly string[]): void {
  const db = new Database(file);
  try {
    db.exec("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL)");
    for (const title of titles) db.prepare("INSERT INTO book (title) VALUES (?)").run(title);
  } finally {
    db.close();
  }
}

/** As a kill in the middle of a large transaction leaves it, outside of WAL mode. */
export function leaveHotJournal(database: string): void {
  const copy = `${database}.copy`;
  const db = new Database(database);
  try {
    // With so little room for pages, some are written before the commit.
    db.pragma("cache_size = 5");
    db.exec("BEGIN");
    for (let n = 0; n < 100; n++) db.prepare("INSERT INTO book (title) VALUES (?)").run("never committed".repeat(50));
    for (const ending of ["", "-journal"]) copyFileSync(database + ending, copy + ending);
    db.exec("ROLLBACK");
  } finally {
    db.close();
  }
  for (const ending of ["", "-journal"]) {
    copyFileSync(copy + ending, database + ending);
    rmSync(copy + ending);
  }
}

/** Rows of a table that the application does not write to afterwards. */
export function addAuthors(file: string): void {
  const db = new Database(file);
  try {
    for (let n = 0; n < 20; n++) db.prepare("INSERT INTO author (name) VALUES (?)").run(`author ${n}`);
  } finally {
    db.close();
  }
}

/** The first page of a table. */
export function rootOf(file: string, table: string): number {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(table) as number;
  } finally {
    db.close();
    for (const ending of ["-wal", "-shm"]) rmSync(file + ending, { force: true });
  }
}

/** Fills the first page of a table with rubbish. */
export function smashTable(file: string, table: string): void {
  overwrite(file, (rootOf(file, table) - 1) * 4096);
}

/** A thousand bytes that mean nothing. */
export function overwrite(file: string, from: number): void {
  const fd = openSync(file, "r+");
  try {
    writeSync(fd, Buffer.alloc(1000, 0xa5), 0, 1000, from);
  } finally {
    closeSync(fd);
  }
}

/** A log of another database, whole and valid, beside this one. */
export function bringForeignLog(database: string): void {
  const other = `${database}.other`;
  const db = new Database(other);
  try {
    db.pragma("journal_mode = WAL");
    db.exec("CREATE TABLE recipe (id INTEGER PRIMARY KEY, name TEXT)");
    for (let n = 0; n < 20; n++) db.prepare("INSERT INTO recipe (name) VALUES (?)").run(`soup ${n}`);
    copyFileSync(`${other}-wal`, `${database}-wal`);
  } finally {
    db.close();
    for (const ending of ["", "-wal", "-shm"]) rmSync(other + ending, { force: true });
  }
}
