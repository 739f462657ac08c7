import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Inspection, type InspectOptions, inspect } from "../../src/database/integrity.ts";
import { type Engine, loadEngine } from "../../src/database/open.ts";
import { open as openWithSlug } from "../fixtures/plain-opener.ts";
import { refusal } from "../fixtures/refusal.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";
import { asUnprivileged, permit } from "../fixtures/unprivileged.ts";

const PAGE = 4096;
let engine: Engine;
let custom: Engine;
beforeAll(async () => {
  engine = await loadEngine();
  custom = await loadEngine(new URL("../fixtures/plain-opener.ts", import.meta.url).href);
});

/** A database of some dozen pages: a table with interior pages, an index, a second table. */
function library(sql = "", journalMode = "delete"): string {
  const path = join(scratchFolder(), "library.sqlite");
  const db = openedForDamage(path);
  db.pragma(`journal_mode = ${journalMode}`);
  db.exec(`
    CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, author INTEGER REFERENCES authors);
    CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT);
    CREATE INDEX books_title ON books (title);
    INSERT INTO authors VALUES (1, 'Ann');
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO books SELECT i, 'Title ' || (i * 7919 % 2000) || ' of a book', 1 FROM n;`);
  db.exec(sql);
  db.close();
  return path;
}

/** better-sqlite3 sets defensive mode, in which the schema cannot be written. */
function openedForDamage(path: string): Database.Database {
  const db = new Database(path);
  db.unsafeMode();
  db.pragma("foreign_keys = OFF");
  db.pragma("writable_schema = ON");
  return db;
}

function withSql(path: string, sql: string): string {
  const db = openedForDamage(path);
  db.exec(sql);
  db.close();
  return path;
}

/** What the schema says is changed behind SQLite's back. */
function declare(path: string, name: string, from: string, to: string): string {
  return withSql(path, `UPDATE sqlite_schema SET sql = replace(sql, '${from}', '${to}') WHERE name = '${name}'`);
}

function patch(path: string, offset: number, bytes: Buffer | string): string {
  const content = readFileSync(path);
  Buffer.from(bytes as string).copy(content, offset);
  writeFileSync(path, content);
  return path;
}

/** In WAL mode, as a process leaves it that was killed: what `sql` changed is in the log. */
function withLog(sql: string): string {
  const path = library("", "wal");
  const db = openedForDamage(path);
  db.exec(sql);
  const left = join(scratchFolder(), "library.sqlite");
  for (const ending of ["", "-wal"]) copyFileSync(path + ending, left + ending);
  db.close();
  return left;
}

function pageOf(path: string, name: string, type: "internal" | "leaf"): number {
  const db = new Database(path, { readonly: true });
  try {
    const query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno";
    return db.prepare(query).pluck().get(name, type) as number;
  } finally {
    db.close();
  }
}

function zeroPage(path: string, page: number): string {
  return patch(path, (page - 1) * PAGE, Buffer.alloc(PAGE));
}

function writtenBy(path: string, version: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(version);
  return patch(path, 96, bytes);
}

function full(path: string, by: Engine = engine, scope: InspectOptions["scope"] = "alone"): Inspection {
  return inspect(by, path, { check: "full", scope, scratch: `${path}-look.tmp` });
}

function expectSound(path: string, ...warnings: (string | RegExp)[]): void {
  const { verdict } = full(path);
  expect(verdict).toEqual({ kind: "sound", warnings: warnings.map((each) => expect.stringMatching(each)) });
}

/** The look for rows without a parent is a part of its own, since it is no look for damage. */
function expectOrphans(path: string, ...warnings: (string | RegExp)[]): void {
  expectSound(path);
  const part = { kind: "foreign-keys" } as const;
  const { verdict } = inspect(engine, path, { check: "full", part, scope: "alone", scratch: `${path}-look.tmp` });
  expect(verdict).toEqual({ kind: "sound", warnings: warnings.map((each) => expect.stringMatching(each)) });
}

function expectCorrupt(path: string, problem: RegExp): void {
  const { verdict } = full(path);
  expect(verdict).toMatchObject({ kind: "corrupt" });
  expect(verdict.kind === "corrupt" ? verdict.problems[0] : "").toMatch(problem);
}

describe("a sound database", () => {
  test.each(["delete", "wal", "truncate", "persist"])("in journal mode %s", (mode) => {
    const path = library("", mode);
    expectSound(path);
    expect(full(path).journalMode).toBe(mode === "wal" ? "wal" : "delete");
  });

  test("with a log that holds half of it", () => {
    const path = withLog("INSERT INTO authors VALUES (2, 'Bob'); CREATE TABLE tags (x);");
    expect(full(path, engine, "alone").self?.tables).toEqual(["authors", "books"]);
    for (const scope of ["logged", "whole"] as const) {
      const { verdict, self } = full(path, engine, scope);
      expect(self?.tables).toEqual(["authors", "books", "tags"]);
      expect(verdict).toEqual({ kind: "sound", warnings: [] });
    }
  });

  test.each([512, 65536])("with pages of %d bytes", (size) => {
    const path = join(scratchFolder(), "library.sqlite");
    const db = new Database(path);
    db.pragma(`page_size = ${size}`);
    db.exec("CREATE TABLE a (x); INSERT INTO a VALUES (1)");
    db.close();
    expectSound(path);
  });

  test.each(["FULL", "INCREMENTAL"])("with auto-vacuum %s and free pages", (mode) => {
    const path = join(scratchFolder(), "library.sqlite");
    const db = new Database(path);
    db.pragma(`auto_vacuum = ${mode}`);
    db.exec(`CREATE TABLE a (x); INSERT INTO a VALUES (randomblob(90000)); CREATE TABLE b (y); DELETE FROM a;`);
    db.close();
    expectSound(path);
  });

  test("in UTF-16, with every kind of object", () => {
    const path = join(scratchFolder(), "library.sqlite");
    const db = new Database(path);
    db.exec(`PRAGMA encoding = 'UTF-16';
      CREATE TABLE a (x TEXT PRIMARY KEY, y INT AS (length(x)) STORED, CHECK (x <> '')) WITHOUT ROWID, STRICT;
      CREATE TABLE c (id INTEGER PRIMARY KEY AUTOINCREMENT);
      CREATE VIEW v AS SELECT x FROM a;
      CREATE INDEX i ON a (lower(x)) WHERE y > 1;
      CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO c VALUES (NULL); END;
      CREATE VIRTUAL TABLE f USING fts5(body);
      CREATE VIRTUAL TABLE r USING rtree(id, x0, x1);
      INSERT INTO a (x) VALUES ('größe'), ('本'); INSERT INTO f VALUES ('words'); INSERT INTO r VALUES (1, 2, 3); ANALYZE;`);
    db.close();
    expectSound(path);
  });
});

describe("damage of the file is corruption", () => {
  const NO_DATABASE = /^file is not a database$/;
  test.each<[string, (path: string) => unknown, RegExp]>([
    ["cut in half", (path) => truncateSync(path, 20 * PAGE), /malformed|page|Tree/i],
    ["cut in the middle of a page", (path) => truncateSync(path, statSync(path).size - 1000), /malformed|page|Tree/i],
    ["cut after its first page", (path) => truncateSync(path, PAGE), /malformed|page|Tree/i],
    ["cut inside its header", (path) => truncateSync(path, 50), NO_DATABASE],
    [
      "text",
      (path) => writeFileSync(path, "Dear diary, today I saved my book list as text.\n".repeat(200)),
      NO_DATABASE,
    ],
    ["random bytes", (path) => writeFileSync(path, noise(20 * PAGE)), NO_DATABASE],
    ["random bytes after a good header", (path) => patch(path, 100, noise(20 * PAGE)), /malformed|page|Tree/i],
    ["all zeros", (path) => writeFileSync(path, Buffer.alloc(10 * PAGE)), NO_DATABASE],
    ["page 1 zeroed", (path) => zeroPage(path, 1), NO_DATABASE],
    ["an interior page zeroed", (path) => zeroPage(path, pageOf(path, "books", "internal")), /malformed|page|Tree/i],
    ["a leaf page zeroed", (path) => zeroPage(path, pageOf(path, "books", "leaf")), /malformed|page|Tree/i],
    [
      "a leaf of an index zeroed",
      (path) => zeroPage(path, pageOf(path, "books_title", "leaf")),
      /malformed|page|Tree/i,
    ],
    [
      "a page of noise",
      (path) => patch(path, (pageOf(path, "books", "leaf") - 1) * PAGE, noise(PAGE)),
      /malformed|page|Tree/i,
    ],
    [
      "one cell pointer changed",
      (path) => patch(path, (pageOf(path, "books", "leaf") - 1) * PAGE + 8, "\xff\xff"),
      /malformed|page|Tree/i,
    ],
    [
      "the freelist points nowhere",
      (path) => patch(path, 32, Buffer.from([0, 0, 0xff, 0xff, 0, 0, 0, 3])),
      /freelist/i,
    ],
    ["the page size is none", (path) => patch(path, 16, Buffer.from([0x30, 0x39])), NO_DATABASE],
    ["the magic is another", (path) => patch(path, 0, "SQLite format 4\0"), NO_DATABASE],
  ])("%s", (_, damage, problem) => {
    const path = library();
    damage(path);
    expectCorrupt(path, problem);
  });

  test("a table and its index share a page", () => {
    const path = library();
    const root = `(SELECT rootpage FROM sqlite_schema WHERE name = 'books')`;
    expectCorrupt(
      withSql(path, `UPDATE sqlite_schema SET rootpage = ${root} WHERE name = 'books_title'`),
      /malformed|page|Tree|missing from index/i,
    );
  });

  test("an index lacks entries that the table has", () => {
    const path = library();
    withSql(
      path,
      "CREATE TABLE saved AS SELECT * FROM sqlite_schema WHERE name = 'books_title'; DELETE FROM sqlite_schema WHERE name = 'books_title'",
    );
    withSql(path, "INSERT INTO books VALUES (5000, 'unlisted', 1), (5001, 'unlisted too', 1)");
    withSql(path, "INSERT INTO sqlite_schema SELECT * FROM saved");
    const { verdict } = full(path);
    expect(verdict.kind).toBe("corrupt");
    expect(verdict.kind === "corrupt" && [...verdict.problems].sort()).toEqual([
      "row 2001 missing from index books_title",
      "row 2002 missing from index books_title",
      "wrong # of entries in index books_title",
    ]);
  });

  test("an index holds other values than the table", () => {
    expectCorrupt(declare(library(), "books_title", "(title)", "(author)"), /missing from index books_title|differ/);
  });

  test("a unique index holds a value twice", () => {
    const path = library("INSERT INTO books VALUES (9000, 'Title 7 of a book', 1)");
    expectCorrupt(
      declare(path, "books_title", "CREATE INDEX", "CREATE UNIQUE INDEX"),
      /^non-unique entry in index books_title$/,
    );
  });

  test("a table without row numbers is out of order", () => {
    const path = library("CREATE TABLE w (k TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO w VALUES ('a'), ('B')");
    expectCorrupt(
      declare(path, "w", "PRIMARY KEY", "PRIMARY KEY DESC"),
      /out of order|not in PRIMARY KEY order|missing/,
    );
  });

  test("the schema makes no sense, and no newer SQLite wrote it", () => {
    expectCorrupt(
      declare(library(), "books", "CREATE TABLE", "CREATE GARBAGE"),
      /^malformed database schema \(books\)/,
    );
  });

  test("damage that stands in the log alone", () => {
    const path = withLog("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'books'");
    expect(full(path, engine, "alone").verdict.kind).toBe("sound");
    expect(full(path, engine, "logged").verdict.kind).toBe("corrupt");
    expect(full(path, engine, "whole").verdict.kind).toBe("corrupt");
  });

  test("no more findings are kept than a person could read", () => {
    const path = declare(library(), "books_title", "(title)", "(author)");
    const { verdict } = full(path);
    expect(verdict.kind === "corrupt" && verdict.problems.length).toBe(100);
  });
});

describe("what breaks the application's own rules is a warning", () => {
  test("a CHECK constraint", () => {
    const path = library(
      "CREATE TABLE c (n INTEGER CHECK (n > 0)); PRAGMA ignore_check_constraints = ON; INSERT INTO c VALUES (-1)",
    );
    expectSound(path, /^CHECK constraint failed in c$/);
  });

  test("a NOT NULL constraint", () => {
    const path = declare(
      library("INSERT INTO books VALUES (9000, NULL, 1)"),
      "books",
      "title TEXT",
      "title TEXT NOT NULL",
    );
    expectSound(path, /^NULL value in books\.title$/);
  });

  test("a type", () => {
    const path = declare(library("CREATE TABLE s (n BLOB); INSERT INTO s VALUES (7)"), "s", "n BLOB", "n TEXT");
    expectSound(path, /value in s\.n$/);
  });

  test("a type of a strict table", () => {
    const path = declare(
      library("CREATE TABLE s (n ANY) STRICT; INSERT INTO s VALUES (''seven'')".replaceAll("''", "'")),
      "s",
      "n ANY",
      "n INTEGER",
    );
    expectSound(path, /^non-INTEGER value in s\.n$/);
  });

  test("foreign keys, counted by table", () => {
    const path = library(
      "INSERT INTO books VALUES (9000, 'x', 77), (9001, 'y', 78); CREATE TABLE loans (book REFERENCES books); INSERT INTO loans VALUES (0)",
    );
    expectOrphans(path, "1 row without a parent: loans → books", "2 rows without a parent: books → authors");
  });

  test("a foreign key whose parent has no unique key", () => {
    const path = library("CREATE TABLE p (x); CREATE TABLE c (y REFERENCES p (x)); INSERT INTO c VALUES (1)");
    expectOrphans(path, /^foreign keys could not be checked: foreign key mismatch/);
  });

  // Each can be rebuilt from the data, by the application: https://sqlite.org/fts5.html, 6.10.
  test.each<[string, string, string, RegExp]>([
    ["a full-text index that lost its words", "fts5(body)", "DELETE FROM f_data WHERE id > 10", /fts5/i],
    ["a full-text index of other words", "fts5(body)", "UPDATE f_content SET c0 = 'other words'", /fts5/i],
    ["a full-text index without its sizes", "fts5(body)", "DROP TABLE f_docsize", /FTS5/],
    ["an older full-text index of other words", "fts4(body)", "UPDATE f_content SET c0body = 'other words'", /FTS4/],
    ["a spatial index that lost a row", "rtree(id, x0, x1)", "DELETE FROM f_rowid", /RTree/],
  ])("%s", (_, module, damage, warning) => {
    const values = module.startsWith("rtree") ? "1, 2, 3" : "'some words'";
    const path = library(`CREATE VIRTUAL TABLE f USING ${module}; INSERT INTO f VALUES (${values})`);
    expectSound(withSql(path, damage), warning);
  });

  test("they do not hide damage", () => {
    const path = library("INSERT INTO books VALUES (9000, 'x', 77)");
    expectCorrupt(zeroPage(path, pageOf(path, "books", "leaf")), /malformed|page|Tree/i);
  });
});

describe("a format that this SQLite does not know", () => {
  const formats: readonly [string, (path: string) => string][] = [
    ["for reading", (path) => patch(path, 19, Buffer.from([3]))],
    ["of the schema", (path) => patch(path, 44, Buffer.from([0, 0, 0, 5]))],
  ];

  test.each(formats)("%s is damage", (_, damage) => {
    expect(full(damage(library())).verdict.kind).toBe("corrupt");
  });

  test.each(formats)("%s is none where a newer SQLite wrote the file", (_, damage) => {
    expect(full(writtenBy(damage(library()), 3_999_000)).verdict).toEqual({
      kind: "impossible",
      reason: expect.stringContaining("SQLite 3.999.0 wrote it"),
    });
  });
});

describe("what this process cannot judge is never corruption", () => {
  const slugged = (sql: string) => {
    const path = library();
    const db = openWithSlug(path, "readwrite");
    db.exec(sql);
    db.close();
    return path;
  };
  const expectImpossible = (path: string, reason: RegExp, by = engine) => {
    const { verdict } = full(path, by);
    expect(verdict).toEqual({ kind: "impossible", reason: expect.stringMatching(reason) });
  };

  test("a format in which it could not write", () => {
    expectImpossible(
      patch(library(), 18, Buffer.from([3])),
      /^its format for writing is 3, and SQLite .* can only read it$/,
    );
  });

  test("an unknown collation on an index", () => {
    expectImpossible(
      declare(library(), "books_title", "(title)", "(title COLLATE GERMAN)"),
      /no such collation sequence: GERMAN/,
    );
  });

  test("an unknown collation on a column with an index", () => {
    expectImpossible(
      declare(library(), "books", "title TEXT", "title TEXT COLLATE GERMAN"),
      /no such collation sequence: GERMAN/,
    );
  });

  test("an unknown collation on a column that nothing sorts by: judged without it", () => {
    const path = declare(library(), "authors", "name TEXT", "name TEXT COLLATE GERMAN");
    expect(full(path).verdict).toEqual({ kind: "sound", warnings: [] });
  });

  test("an unknown function in an index", () => {
    expectImpossible(slugged("CREATE INDEX books_slug ON books (slug(title))"), /slug/);
  });

  test("an unknown function in the condition of an index", () => {
    expectImpossible(slugged("CREATE INDEX books_slug ON books (title) WHERE slug(title) > 'm'"), /slug/);
  });

  test.each([
    ["in a constraint", "CREATE TABLE c (x CHECK (slug(x) = x)); INSERT INTO c VALUES ('a')"],
    ["in a generated column", "CREATE TABLE g (x, y AS (slug(x)) STORED); INSERT INTO g (x) VALUES ('A')"],
    ["in a default", "CREATE TABLE d (x DEFAULT (slug('A'))); INSERT INTO d DEFAULT VALUES"],
    [
      "in a view and a trigger",
      "CREATE VIEW v AS SELECT slug(title) FROM books; CREATE TRIGGER t AFTER INSERT ON books BEGIN SELECT slug(new.title); END",
    ],
  ])("an unknown function %s is no damage", (_, sql) => {
    expect(full(slugged(sql)).verdict.kind).not.toBe("corrupt");
  });

  test("an unknown function in a constraint keeps nothing else from being judged", () => {
    const path = slugged("CREATE TABLE c (x CHECK (slug(x) = x)); INSERT INTO c VALUES ('a')");
    expect(full(path).verdict.kind).toBe("sound");
    expectCorrupt(zeroPage(path, pageOf(path, "books", "leaf")), /malformed|page|Tree/i);
  });

  test("the application's opener brings the function: judged", () => {
    const path = slugged("CREATE INDEX books_slug ON books (slug(title))");
    expect(full(path, custom).verdict).toEqual({ kind: "sound", warnings: [] });
  });

  test("a virtual table of an unknown kind", () => {
    const path = withSql(
      library(),
      "INSERT INTO sqlite_schema VALUES ('table', 'geo', 'geo', 0, 'CREATE VIRTUAL TABLE geo USING spatial_future(x)')",
    );
    expect(full(path).verdict.kind).not.toBe("corrupt");
  });

  test("a schema that a newer SQLite wrote", () => {
    const path = declare(library(), "books", "CREATE TABLE", "CREATE FUTURE TABLE");
    expectImpossible(
      writtenBy(path, 9_012_003),
      /^SQLite 9\.12\.3 wrote it and this is 3\.\d+\.\d+: malformed database schema \(books\)/,
    );
  });

  test("a file format that a newer SQLite wrote", () => {
    const path = patch(library(), 19, Buffer.from([3]));
    expectImpossible(writtenBy(path, 9_012_003), /^SQLite 9\.12\.3 wrote it .*: file is not a database$/);
  });

  test("a newer SQLite wrote it, and it can be read all the same", () => {
    expectSound(writtenBy(library(), 9_012_003));
  });

  test("a newer SQLite wrote it, and it is damaged all the same", () => {
    const path = library();
    zeroPage(path, pageOf(path, "books", "internal"));
    expectCorrupt(writtenBy(path, 9_012_003), /malformed|page|Tree/i);
  });

  test("the application's own opener cannot read it: a wrong key, perhaps", () => {
    const path = library();
    writeFileSync(path, noise(20 * PAGE));
    expectImpossible(path, /opener cannot read it: a wrong key, or another format/, custom);
  });

  test("the application's own opener reads it, and it is damaged", () => {
    const path = library();
    zeroPage(path, pageOf(path, "books", "internal"));
    expect(full(path, custom).verdict.kind).toBe("corrupt");
  });
});

describe("trouble that is not the file's is thrown by its own name", () => {
  test("a file that is not there", () => {
    const path = join(scratchFolder(), "library.sqlite");
    expect(refusal(() => full(path))).toMatchObject({ code: "IO_FAILED", details: { cause: "ENOENT" } });
  });

  test("a folder", () => {
    const path = join(scratchFolder(), "library.sqlite");
    mkdirSync(path);
    expect(refusal(() => full(path))).toMatchObject({ code: "IO_FAILED", details: { cause: "EISDIR" } });
  });

  test("a database that another connection holds alone", () => {
    const path = library();
    const db = new Database(path);
    onTestFinished(() => void db.close());
    db.exec("BEGIN EXCLUSIVE; INSERT INTO authors VALUES (3, 'Eve')");
    const look = { check: "full", scope: "whole", scratch: `${path}-look.tmp`, timeout: 0 } as const;
    expect(refusal(() => inspect(engine, path, look))).toMatchObject({ code: "DB_IN_USE" });
  });
});

describe("a user who may not do everything", () => {
  const examined = (path: string) =>
    asUnprivileged(new URL("../fixtures/examine-alone.ts", import.meta.url), "examineAlone", path);
  const permitted = (path: string, mode: number, folder: number, owner: "own" | "another's") => {
    permit(path, mode, owner);
    permit(dirname(path), folder, owner);
    onTestFinished(() => chmodSync(dirname(path), 0o700));
  };

  test("may not read it: an I/O error, never corruption", async () => {
    const path = library();
    permitted(path, 0o000, 0o755, "own");
    expect((await examined(path)).error).toMatchObject({
      code: "IO_FAILED",
      message: expect.stringContaining("EACCES"),
      corruption: false,
    });
  });

  test.each([
    ["delete", "own"],
    ["delete", "another's"],
    ["wal", "own"],
    ["wal", "another's"],
  ] as const)("may only read it, in mode %s, %s: judged all the same, and nothing is left", async (mode, owner) => {
    const path = library("", mode);
    permitted(path, 0o444, 0o555, owner);
    expect(await examined(path)).toEqual({
      value: {
        verdict: { kind: "sound", warnings: [] },
        self: expect.objectContaining({ tables: ["authors", "books"] }),
        journalMode: mode,
      },
    });
    expect(readdirSync(dirname(path))).toEqual(["library.sqlite"]);
  });

  test.each(["own", "another's"] as const)("may only read it, and it is damaged, %s: corrupt", async (owner) => {
    const path = library("", "wal");
    zeroPage(path, pageOf(path, "books", "leaf"));
    permitted(path, 0o444, 0o555, owner);
    expect(await examined(path)).toMatchObject({ value: { verdict: { kind: "corrupt" } } });
  });
});

describe("looking changes nothing and leaves nothing", () => {
  const seen = (path: string) => {
    const folder = join(path, "..");
    return readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString("base64"), statSync(join(folder, name)).mtimeMs]);
  };

  test.each([
    ["in a rollback mode", "delete", ""],
    ["in WAL mode", "wal", ""],
    ["that is damaged", "wal", "damage"],
    ["whose constraints call unknown functions", "delete", "slug"],
  ])("a database %s", (_, mode, kind) => {
    const path = library("", mode);
    if (kind === "damage") zeroPage(path, 3);
    if (kind === "slug") declare(path, "authors", "name TEXT", "name TEXT CHECK (slug(name) = name)");
    const before = seen(path);
    full(path);
    inspect(engine, path, { check: "none", scope: "alone", scratch: `${path}-look.tmp` });
    expect(seen(path)).toEqual(before);
  });

  test.each(["alone", "logged"] as const)("a main file beside a log, looked at %s", (scope) => {
    const path = withLog("INSERT INTO authors VALUES (2, 'Bob')");
    const before = seen(path);
    expect(full(path, engine, scope).verdict.kind).toBe("sound");
    expect(seen(path)).toEqual(before);
  });

  test("a shared memory of another time is neither believed nor touched", () => {
    const path = withLog("INSERT INTO authors VALUES (2, 'Bob'); CREATE TABLE tags (x);");
    writeFileSync(`${path}-shm`, noise(32_768));
    const before = seen(path);
    expect(full(path, engine, "logged").self?.tables).toEqual(["authors", "books", "tags"]);
    expect(seen(path)).toEqual(before);
  });
});

describe("what the database says of itself", () => {
  test("is read without a check as well", () => {
    const path = library();
    zeroPage(path, pageOf(path, "books", "leaf"));
    const { verdict, self } = inspect(engine, path, { check: "none", scope: "alone", scratch: `${path}-look.tmp` });
    expect(verdict).toEqual({ kind: "sound", warnings: [] });
    expect(self).toEqual({ stamp: null, ledger: [], backup: null, ownDigest: null, tables: ["authors", "books"] });
  });

  test("is read from a damaged database as far as it goes", () => {
    const path = library();
    zeroPage(path, pageOf(path, "books", "leaf"));
    expect(full(path).self?.tables).toEqual(["authors", "books"]);
  });

  test("is null where the file says nothing", () => {
    const path = library();
    zeroPage(path, 1);
    expect(full(path).self).toBeNull();
  });
});

/** The same bytes in every run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 42;
  for (let n = 0; n < length; n++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[n] = state >>> 16;
  }
  return bytes;
}
