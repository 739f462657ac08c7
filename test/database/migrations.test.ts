import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { checksumOf } from "../../src/database/layout.ts";
import type { MigrationInput } from "../../src/database/migration-files.ts";
import { findMigrations, findUnfit } from "../../src/database/migrations.ts";
import { refusal } from "../fixtures/refusal.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

function folderOf(files: Record<string, string>): string {
  const folder = scratchFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const inFolder = (files: Record<string, string>) => findMigrations(folderOf(files));
const named = (text: string) => inFolder({ "0001_a.sql": text })[0];

/** What a script did: each migration's `up` may write its name into a table. */
async function run(migration: { load(): Promise<unknown> } | undefined): Promise<unknown> {
  const db = new Database(":memory:");
  try {
    const up = await migration?.load();
    if (typeof up === "function") await up(db);
    else db.exec(String(up));
    return db.prepare("SELECT name FROM sqlite_schema").pluck().all();
  } finally {
    db.close();
  }
}

describe("a folder of migrations", () => {
  test("every form, in the order of the names", async () => {
    const migrations = inFolder({
      "0010_last.sql": "CREATE TABLE last (x);",
      "0002_both.up.sql": "CREATE TABLE both_ways (x);",
      "0002_both.down.sql": "DROP TABLE both_ways;",
      "0001_books.sql": "CREATE TABLE books (x);",
      "0003_script.mjs": "export function up(db) { db.exec('CREATE TABLE scripted (x)'); }",
      "0004_script.js": "export const up = async (db) => { db.exec('CREATE TABLE awaited (x)'); };",
      "0005_up_only.up.sql": "CREATE TABLE one_way (x);",
    });
    expect(migrations.map((each) => each.name)).toEqual([
      "0001_books.sql",
      "0002_both.up.sql",
      "0003_script.mjs",
      "0004_script.js",
      "0005_up_only.up.sql",
      "0010_last.sql",
    ]);
    const made = [];
    for (const each of migrations) made.push(await run(each));
    expect(made).toEqual([["books"], ["both_ways"], ["scripted"], ["awaited"], ["one_way"], ["last"]]);
    expect(migrations.map((each) => each.down)).toEqual([null, "DROP TABLE both_ways;", null, null, null, null]);
  });

  test("the checksum is over the text of up alone", () => {
    const up = "CREATE TABLE a (x);\r\n";
    const [first] = inFolder({ "0001_a.up.sql": up, "0001_a.down.sql": "DROP TABLE a;" });
    expect(first?.checksum).toBe(checksumOf(up));
    const [second] = inFolder({ "0001_a.up.sql": up, "0001_a.down.sql": "DROP TABLE IF EXISTS a;" });
    expect(second?.checksum).toBe(first?.checksum);
    const [script] = inFolder({ "0001_a.mjs": "export function up() {}\n" });
    expect(script?.checksum).toBe(checksumOf("export function up() {}\n"));
  });

  test("other files are no migrations", () => {
    const migrations = inFolder({
      "0001_a.sql": "SELECT 1;",
      "README.md": "# Migrations",
      ".DS_Store": "",
      "._0001_a.sql": "\u0000",
      "0001_a.sql.orig": "SELECT 2;",
      "schema.json": "{}",
    });
    expect(migrations.map((each) => each.name)).toEqual(["0001_a.sql"]);
  });

  test("an empty folder holds none", () => {
    expect(inFolder({})).toEqual([]);
  });

  test("a migration may be empty", async () => {
    expect(await run(named(""))).toEqual([]);
  });

  test("a folder that is absent is an error, never no migrations", () => {
    const folder = join(scratchFolder(), "migrations");
    expect(refusal(() => findMigrations(folder))).toMatchObject({
      code: "SETTINGS_INVALID",
      message: `The migrations folder ${folder} does not exist.`,
      hint: expect.stringContaining("db-migrations"),
      details: { key: "db-migrations", value: folder },
    });
  });

  test("a file in its place is an error", () => {
    const file = join(scratchFolder(), "migrations");
    writeFileSync(file, "");
    expect(refusal(() => findMigrations(file)).code).toBe("SETTINGS_INVALID");
  });

  test("a .down.sql without its .up.sql is an error", () => {
    const folder = folderOf({ "0001_a.sql": "SELECT 1;", "0001_a.down.sql": "SELECT 2;" });
    expect(refusal(() => findMigrations(folder))).toMatchObject({
      code: "SETTINGS_INVALID",
      message: `${join(folder, "0001_a.down.sql")} has no 0001_a.up.sql beside it.`,
    });
  });

  test("a folder with the name of a migration is an I/O error, not a missing migration", () => {
    const folder = scratchFolder();
    mkdirSync(join(folder, "0001_a.sql"));
    expect(refusal(() => findMigrations(folder))).toMatchObject({ code: "IO_FAILED" });
  });
});

test("false: none", () => {
  expect(findMigrations(false)).toEqual([]);
});

describe("migrations passed in code", () => {
  test("keep their own order, and may be text or functions", async () => {
    const migrations = findMigrations([
      { name: "books", up: "CREATE TABLE books (x);", down: "DROP TABLE books;" },
      {
        name: "authors",
        up: (db) => db.exec("CREATE TABLE authors (x)"),
        compatibleSince: "1.2.0",
        transaction: false,
      },
    ]);
    expect(migrations).toMatchObject([
      { name: "books", down: "DROP TABLE books;", compatibleSince: null, transaction: true },
      { name: "authors", down: null, compatibleSince: "1.2.0", transaction: false },
    ]);
    expect([await run(migrations[0]), await run(migrations[1])]).toEqual([["books"], ["authors"]]);
  });

  test.each<[string, MigrationInput, string]>([
    ["of text: over the text", { name: "a", up: "SELECT 1;\r\n" }, checksumOf("SELECT 1;\n")],
    ["of a function: over the name, for a bundler may change the text", { name: "a", up: () => {} }, checksumOf("a")],
    ["its own, when it brings one", { name: "a", up: () => {}, checksum: "sha256:own" }, "sha256:own"],
  ])("the checksum %s", (_, input, checksum) => {
    expect(findMigrations([input])[0]?.checksum).toBe(checksum);
  });

  test("text may hold directives too", () => {
    const [migration] = findMigrations([
      { name: "a", up: "-- holdfast: no-transaction\n-- holdfast: compatible-since 1.2.0\nVACUUM;" },
    ]);
    expect(migration).toMatchObject({ transaction: false, compatibleSince: "1.2.0" });
  });

  test("what is passed wins over the directive", () => {
    const [migration] = findMigrations([
      { name: "a", up: "-- holdfast: compatible-since 1.2.0\nSELECT 1;", compatibleSince: "1.3.0" },
    ]);
    expect(migration?.compatibleSince).toBe("1.3.0");
  });

  test.each<[string, MigrationInput[], RegExp]>([
    [
      "two of one name",
      [
        { name: "a", up: "SELECT 1;" },
        { name: "a", up: "SELECT 2;" },
      ],
      /^Two migrations are named a\.$/,
    ],
    ["no name", [{ name: "", up: "SELECT 1;" }], /needs a name/],
    ["no up", [{ name: "a" } as unknown as MigrationInput], /needs a name and an "up"/],
    ["an up that is neither text nor function", [{ name: "a", up: 3 } as unknown as MigrationInput], /an "up"/],
    [
      "a version that is none",
      [{ name: "a", up: "", compatibleSince: "soon" }],
      /a says compatible-since soon, which is no version\./,
    ],
  ])("%s: refused", (_, input, message) => {
    const error = refusal(() => findMigrations(input));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toMatch(message);
  });
});

describe("directives", () => {
  test.each<[string, string, { transaction: boolean; compatibleSince: string | null }]>([
    ["none", "CREATE TABLE a (x);", { transaction: true, compatibleSince: null }],
    ["no-transaction", "-- holdfast: no-transaction\nVACUUM;", { transaction: false, compatibleSince: null }],
    [
      "compatible-since",
      "-- holdfast: compatible-since 1.2.0\nSELECT 1;",
      { transaction: true, compatibleSince: "1.2.0" },
    ],
    [
      "both",
      "-- holdfast: no-transaction\n-- holdfast: compatible-since 2.0.0-beta.1\nVACUUM;",
      { transaction: false, compatibleSince: "2.0.0-beta.1" },
    ],
    [
      "after other lines",
      "CREATE TABLE a (x);\n\n-- holdfast: no-transaction",
      { transaction: false, compatibleSince: null },
    ],
    ["indented, without spaces", "\t--holdfast:no-transaction\nVACUUM;", { transaction: false, compatibleSince: null }],
    [
      "line endings of Windows",
      "-- holdfast: compatible-since 1.2.0\r\nSELECT 1;\r\n",
      { transaction: true, compatibleSince: "1.2.0" },
    ],
    [
      "after a byte order mark",
      "\uFEFF-- holdfast: no-transaction\nVACUUM;",
      { transaction: false, compatibleSince: null },
    ],
    [
      "in the middle of a line: a comment like any other",
      "SELECT 1; -- holdfast: no-transaction",
      { transaction: true, compatibleSince: null },
    ],
    [
      "a comment that only speaks of it",
      "-- holdfast is great\nSELECT 1;",
      { transaction: true, compatibleSince: null },
    ],
  ])("%s", (_, text, expected) => {
    expect(named(text)).toMatchObject(expected);
  });

  test("in a script", () => {
    const [migration] = inFolder({
      "0001_a.mjs": "// holdfast: no-transaction\n// holdfast: compatible-since 1.2.0\nexport function up() {}",
    });
    expect(migration).toMatchObject({ transaction: false, compatibleSince: "1.2.0" });
  });

  test.each([
    [
      "an unknown word",
      "-- holdfast: no-transactions\nVACUUM;",
      /0001_a\.sql says "holdfast: no-transactions", which means nothing\.$/,
    ],
    ["no word", "-- holdfast:\nSELECT 1;", /which means nothing/],
    [
      "compatible-since without a version",
      "-- holdfast: compatible-since\nSELECT 1;",
      /compatible-since nothing, which is no version/,
    ],
    [
      "compatible-since with half a version",
      "-- holdfast: compatible-since 1.2\nSELECT 1;",
      /compatible-since 1\.2, which is no version/,
    ],
  ])("%s: refused", (_, text, message) => {
    const error = refusal(() => named(text));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toMatch(message);
    expect(error.hint).toContain("compatible-since");
  });
});

describe("findUnfit: what must not run is found before anything runs", () => {
  test("none", async () => {
    expect(
      await findUnfit(inFolder({ "0001_a.sql": "CREATE TABLE a (x);", "0002_b.mjs": "export function up() {}" })),
    ).toBeNull();
  });

  test("the first that says COMMIT", async () => {
    const pending = inFolder({
      "0001_a.sql": "CREATE TABLE a (x);",
      "0002_b.sql": "CREATE TABLE b (x);\nCOMMIT;",
      "0003_c.sql": "BEGIN;",
    });
    expect(await findUnfit(pending)).toEqual({
      name: "0002_b.sql",
      why: "line 2 says COMMIT, but all pending migrations run in one transaction",
    });
  });

  test("one of its own transaction may say it", async () => {
    expect(await findUnfit(inFolder({ "0001_a.sql": "-- holdfast: no-transaction\nBEGIN; COMMIT;" }))).toBeNull();
  });

  test.each([
    ["a script that cannot be parsed", "export function up( {", /^it could not be loaded: /],
    [
      "a script that throws while it loads",
      "throw new Error('no such luck');",
      /^it could not be loaded: no such luck$/,
    ],
    [
      "a script that imports what is not there",
      "import 'nowhere-to-be-found'; export function up() {}",
      /^it could not be loaded: .*nowhere-to-be-found/,
    ],
    ["a script without up", "export function down() {}", /exports no function "up"$/],
    ["a script whose up is no function", "export const up = 'CREATE TABLE a (x)';", /exports no function "up"$/],
  ])("%s", async (_, text, why) => {
    const found = await findUnfit(inFolder({ "0001_a.mjs": text }));
    expect(found?.name).toBe("0001_a.mjs");
    expect(found?.why).toMatch(why);
  });

  test("a huge one can be read as well", async () => {
    const pending = findMigrations([{ name: "icons", up: `INSERT INTO icons VALUES (x'${"00".repeat(8_000_000)}');` }]);
    expect(await findUnfit(pending)).toBeNull();
  });
});
