/** The check that is spread over threads finds what one `PRAGMA integrity_check` finds. */
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { checkFully, type Tools } from "../../src/database/check.ts";
import { loadEngine } from "../../src/database/open.ts";
import { Crew } from "../../src/platform/crew.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const PAGE = 4096;
const MODEL = mkdtempSync(join(tmpdir(), "holdfast-check-"));
let tools: Tools;

beforeAll(async () => {
  tools = { engine: await loadEngine(), crew: new Crew(new URL("../../src/worker.ts", import.meta.url), []) };
  const db = new Database(join(MODEL, "large.sqlite"));
  db.pragma("synchronous = OFF");
  db.exec(`
    CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, author INTEGER REFERENCES authors, text BLOB);
    CREATE INDEX books_title ON books (title);
    CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
    CREATE TABLE "odd ' "" name" (x CHECK (x > 0));
    CREATE VIRTUAL TABLE search USING fts5 (title);
    CREATE TABLE gone (x BLOB);
    INSERT INTO gone SELECT randomblob(3000) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i FROM n);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO authors SELECT i, 'Author ' || i FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
      INSERT INTO books SELECT i, 'Title ' || (i * 7919 % 9000), 1 + i % 5000, zeroblob(CASE WHEN i % 500 = 0 THEN 200000 ELSE 3000 END) FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO pairs SELECT 'pair ' || i, i FROM n;
    INSERT INTO search SELECT title FROM books LIMIT 500;
    INSERT INTO "odd ' "" name" VALUES (1), (2);
    DROP TABLE gone;`);
  db.close();
  expect(statSync(join(MODEL, "large.sqlite")).size).toBeGreaterThan(32 << 20);
});

afterAll(async () => {
  await tools.crew.dismiss();
  rmSync(MODEL, { recursive: true });
});

function copy(): string {
  const path = join(scratchFolder(), "library.sqlite");
  copyFileSync(join(MODEL, "large.sqlite"), path);
  return path;
}

function patch(path: string, offset: number, change: (bytes: Buffer) => Buffer, length = PAGE): void {
  const fd = openSync(path, "r+");
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, offset);
  writeSync(fd, change(bytes), 0, length, offset);
  closeSync(fd);
}

function pageOf(path: string, name: string, type: string, place = 3): number {
  const db = new Database(path, { readonly: true });
  try {
    const pages = db
      .prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno")
      .pluck()
      .all(name, type);
    return pages[Math.min(place, pages.length - 1)] as number;
  } finally {
    db.close();
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const zeroed = (name: string, type: string) => (path: string) =>
  patch(path, (pageOf(path, name, type) - 1) * PAGE, () => Buffer.alloc(PAGE));

function withSql(sql: string) {
  return (path: string) => {
    const db = new Database(path);
    db.unsafeMode();
    db.pragma("foreign_keys = OFF");
    db.pragma("ignore_check_constraints = ON");
    db.pragma("writable_schema = ON");
    db.exec(sql);
    db.close();
  };
}

/** The rows of one `PRAGMA integrity_check`, or the error that it ends in. */
function single(path: string): string[] {
  // A read-only connection forgets CHECK constraints.
  const db = new Database(path);
  try {
    db.pragma("query_only = ON");
    return (db.prepare("PRAGMA integrity_check(1000)").pluck().all() as string[]).filter((row) => row !== "ok");
  } catch (error) {
    return [(error as Error).message];
  } finally {
    db.close();
  }
}

const DAMAGES: readonly [string, (path: string) => void][] = [
  ["nothing", () => {}],
  ["a zeroed leaf of a table", zeroed("books", "leaf")],
  ["a zeroed interior page of a table", zeroed("books", "internal")],
  ["a zeroed leaf of an index", zeroed("books_title", "leaf")],
  ["a zeroed interior page of an index", zeroed("books_title", "internal")],
  ["a zeroed leaf of a UNIQUE index", zeroed("sqlite_autoindex_authors_1", "leaf")],
  ["a zeroed leaf of a table WITHOUT ROWID", zeroed("pairs", "leaf")],
  ["a zeroed overflow page", zeroed("books", "overflow")],
  [
    "an index that lacks entries",
    withSql(
      "DELETE FROM sqlite_schema WHERE name = 'books_title'; INSERT INTO books VALUES (99999, 'unknown to the index', 1, NULL)",
    ),
  ],
  [
    "an index that disagrees with its table",
    (path) =>
      patch(path, (pageOf(path, "books_title", "leaf") - 1) * PAGE, (bytes) => {
        const at = bytes.indexOf("Title ");
        bytes.write("Tutle ", at);
        return bytes;
      }),
  ],
  ["a freelist that leads astray", (path) => patch(path, 32, () => uint32(999_999), 4)],
  ["a freelist with a wrong count", (path) => patch(path, 36, () => uint32(3), 4)],
  ["a page that belongs to nobody", withSql("DELETE FROM sqlite_schema WHERE name = 'pairs'")],
  ["a file that is cut off", (path) => truncateSync(path, statSync(path).size - 50 * PAGE)],
  ["rows that break a CHECK", withSql(`INSERT INTO "odd ' "" name" VALUES (-1)`)],
  [
    "rows that break a NOT NULL",
    withSql(
      "UPDATE sqlite_schema SET sql = replace(sql, 'author INTEGER', 'author INTEGER NOT NULL') WHERE name = 'books'; INSERT INTO books VALUES (99998, 'x', NULL, NULL)",
    ),
  ],
  ["a full-text index that lost a row", withSql("DELETE FROM search_content WHERE id = 7")],
  ["a schema that is no SQL", withSql("UPDATE sqlite_schema SET sql = 'CREATE NONSENSE' WHERE name = 'books'")],
];

describe("a large file with", () => {
  test.each(DAMAGES)("%s: the same findings as one integrity_check", async (_, damage) => {
    const path = copy();
    damage(path);
    const expected = single(path);
    const { verdict } = await checkFully(tools, path, { scope: "alone", scratch: `${path}-look.tmp` });
    const found =
      verdict.kind === "sound" ? verdict.warnings : verdict.kind === "corrupt" ? verdict.problems : [verdict.reason];
    expect(verdict.kind === "corrupt" || found.length > 0).toBe(expected.length > 0);
    if (verdict.kind !== "corrupt") return expect(new Set(found)).toEqual(new Set(expected));
    // Each connection keeps the first hundred; where there are fewer, all of them are found.
    const missed = expected.filter((row) => !found.includes(row));
    if (expected.length < 100) expect(missed.filter((row) => !/^(CHECK|NULL|malformed|fts5)/.test(row))).toEqual([]);
  });

  test("many tables tells of each that is done, by name", async () => {
    const path = copy();
    const told: { done: number; total: number; what?: string }[] = [];
    await checkFully(tools, path, {
      scope: "alone",
      scratch: `${path}-look.tmp`,
      onProgress: (each) => told.push(each),
    });
    expect(told.map(({ done }) => done)).toEqual(told.map((_, place) => place + 1));
    expect(told.at(-1)).toMatchObject({ done: told.length, total: told.length });
    const names = told.map(({ what }) => what).join(", ");
    for (const name of ["books", "authors", "pairs", `odd ' " name`, "the structure of the file"]) {
      expect(names).toContain(name);
    }
  });

  test("rows without a parent tells so where that was asked for", async () => {
    const path = copy();
    withSql("INSERT INTO books VALUES (77777, 'orphan', 5555555, NULL)")(path);
    const look = { scope: "alone", scratch: `${path}-look.tmp` } as const;
    expect((await checkFully(tools, path, look)).verdict).toEqual({ kind: "sound", warnings: [] });
    const warnings = ["1 row without a parent: books → authors"];
    for (const what of ["keys", "pages-and-keys"] as const) {
      expect((await checkFully(tools, path, { ...look, what })).verdict).toEqual({ kind: "sound", warnings });
    }
  });

  test("a log is read with it, and nothing is left behind", async () => {
    const path = copy();
    const db = new Database(path);
    onTestFinished(() => void db.close());
    db.pragma("journal_mode = WAL");
    db.exec("INSERT INTO authors VALUES (9999, 'in the log')");
    const left = join(scratchFolder(), "library.sqlite");
    for (const ending of ["", "-wal"]) copyFileSync(path + ending, left + ending);
    const { verdict, self } = await checkFully(tools, left, { scope: "logged", scratch: `${left}-look.tmp` });
    expect(verdict).toEqual({ kind: "sound", warnings: [] });
    expect(self?.tables).toContain("authors");
  });
});
