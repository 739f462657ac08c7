import { existsSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Connection, loadEngine } from "../../src/database/open.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const OPENER = new URL("../fixtures/plain-opener.ts", import.meta.url).href;

function database(schema: string): string {
  const path = join(scratchFolder(), "library.sqlite");
  const db = new Database(path);
  db.exec(schema);
  db.close();
  return path;
}

/** With a row of the schema that no statement of SQLite's would have made. */
function forged(sql: string): string {
  const path = database("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)");
  const db = new Database(path);
  db.unsafeMode();
  db.pragma("writable_schema = ON");
  const [, type, name] = /^CREATE (\w+) (\w+)/.exec(sql) ?? [];
  db.prepare("INSERT INTO sqlite_schema VALUES (?, ?, 'book', 0, ?)").run(type?.toLowerCase(), name, sql);
  db.close();
  return path;
}

async function untrusted(path: string, opener?: string): Promise<Connection> {
  const db = (await loadEngine(opener)).openUntrusted(path, "readwrite");
  onTestFinished(() => void db.close());
  return db;
}

function settings(db: Connection): Record<string, unknown> {
  const names = ["trusted_schema", "cell_size_check", "foreign_keys"];
  return Object.fromEntries(names.map((name) => [name, db.pragma(name, { simple: true })]));
}

describe("a connection for Holdfast's own statements", () => {
  test("trusts no schema, checks cells and follows no foreign key", async () => {
    const db = await untrusted(database("CREATE TABLE book (id)"));
    expect(settings(db)).toEqual({ trusted_schema: 0, cell_size_check: 1, foreign_keys: 0 });
  });

  test("lets a schema call the functions of the application's opener", async () => {
    const db = await untrusted(database("CREATE TABLE book (id)"), OPENER);
    expect(settings(db)).toEqual({ trusted_schema: 1, cell_size_check: 1, foreign_keys: 0 });
  });

  test("does not let the schema be written over", async () => {
    const db = await untrusted(database("CREATE TABLE book (id)"));
    db.pragma("writable_schema = ON");
    expect(() => db.exec("UPDATE sqlite_schema SET sql = 'x'")).toThrow("may not be modified");
  });

  test.each([
    ["load_extension('./evil')", /not authorized|unsafe use|no such function/],
    ["fts3_tokenizer('simple', x'0000000000000000')", /unsafe use|disabled/],
    ["readfile('/etc/passwd')", /no such function/],
    ["writefile('/tmp/holdfast-hostile', 'x')", /no such function/],
    ["(SELECT name FROM dbstat)", /unsafe use/],
    ["(SELECT count(*) FROM csv)", /no such table/],
  ])("a view cannot use %s", async (expression, why) => {
    const db = await untrusted(database(`CREATE VIEW evil AS SELECT ${expression} AS x`));
    expect(() => db.prepare("SELECT x FROM evil").all()).toThrow(why);
    expect(existsSync("/tmp/holdfast-hostile")).toBe(false);
  });

  test.each([
    ["ATTACH 'made.db' AS made"],
    ["VACUUM INTO 'made.db'"],
    ["PRAGMA writable_schema = ON"],
    ["CREATE TABLE made (x)"],
  ])("a trigger that says %s is no trigger", async (statement) => {
    const db = await untrusted(forged(`CREATE TRIGGER evil AFTER INSERT ON book BEGIN ${statement}; END`));
    expect(() => db.exec("INSERT INTO book (title) VALUES ('x')")).toThrow(/malformed database schema \(evil\)/);
    expect(existsSync("made.db")).toBe(false);
  });
});

describe("the application's connection", () => {
  test("checks cells, and may call its own functions in views and triggers", async () => {
    const path = database(
      `CREATE TABLE book (title TEXT, slug TEXT);
       CREATE TRIGGER slugs AFTER INSERT ON book BEGIN UPDATE book SET slug = slug_of(title); END;
       CREATE VIEW slugged AS SELECT slug_of(title) AS slug FROM book`,
    );
    const db = (await loadEngine()).open(path, "readwrite");
    onTestFinished(() => void db.close());
    db.function("slug_of", (title) => String(title).toLowerCase());
    db.exec("INSERT INTO book (title) VALUES ('Emma')");
    expect(db.prepare("SELECT slug FROM slugged").pluck().all()).toEqual(["emma"]);
    expect(settings(db)).toEqual({ trusted_schema: 1, cell_size_check: 0, foreign_keys: 1 });
  });
});
