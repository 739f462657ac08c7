/** A corrupt database at launch: what can be read of it is kept, a backup has the rest, and the report says so. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import type { LaunchReport } from "../../src/index.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { hashOf, query, Workspace } from "../fixtures/workspace.ts";

const PAGE = 4096;
const BOOKS = 400;

/** A library that was backed up, and written to since. */
async function written(version = "1.0.0"): Promise<Workspace> {
  const app = new Workspace().release(2);
  await app.launch(version, titles(1, BOOKS));
  await app.launch(version);
  await app.launch(version, titles(BOOKS + 1, BOOKS + 50));
  query(app.path, (db) => {
    db.exec("DELETE FROM book WHERE id BETWEEN 10 AND 20; UPDATE book SET title = 'renamed' WHERE id = 30");
    db.exec(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 300)
      INSERT INTO author SELECT i, 'author ' || i || hex(zeroblob(30)) FROM c`);
  });
  return app;
}

function titles(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, n) => `Book ${from + n} ${"x".repeat(60)}`);
}

/** Pages of a table, in the order of their numbers: `dbstat` is not compiled in, so they are told by their rows. */
function leavesOf(file: string, text: string): number[] {
  const bytes = readFileSync(file);
  return Array.from({ length: bytes.length / PAGE }, (_, n) => n + 1).filter((page) => {
    const content = bytes.subarray((page - 1) * PAGE, page * PAGE);
    return content[0] === 13 && content.includes(text);
  });
}

function zero(file: string, ...pages: number[]): void {
  const bytes = readFileSync(file);
  for (const page of pages) bytes.fill(0, (page - 1) * PAGE, page * PAGE);
  writeFileSync(file, bytes);
}

function rootOf(file: string, table: string): number {
  return query(file, (db) =>
    Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(table)),
  );
}

const count = (app: Workspace, table: string) =>
  query(app.path, (db) => Number(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()));

const names = (report: LaunchReport) => report.actions.map(({ action }) => action);
const savedIn = (report: LaunchReport) => report.actions.find(({ action }) => action === "salvage")?.saved;
const quarantined = (app: Workspace) => app.kept().filter((name) => /-corrupt\.sqlite$/.test(name));

async function expectHealthy(app: Workspace, version = "1.0.0"): Promise<void> {
  const next = await app.launch(version);
  expect(next.found.state).toBe("healthy");
  expect(readdirSync(app.folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(query(app.path, (db) => db.pragma("integrity_check", { simple: true }))).toBe("ok");
}

describe("with a backup", () => {
  test("rows of pages that cannot be read come from it, all others are as they were last", async () => {
    const app = await written();
    const [, second] = leavesOf(app.path, "Book 60 ");
    const lost = leavesOf(app.path, "Book 60 ")[0] ?? second ?? 0;
    zero(app.path, lost);
    const found = hashOf(app.path);
    const report = await app.launch("1.0.0");
    expect(report.found.state).toBe("corrupt");
    expect(names(report).filter((name) => name !== "check")).toEqual(["salvage", "quarantine", "back-up"]);
    expect(count(app, "book")).toBe(BOOKS + 50 - 11);
    expect(app.titles()).toContain("renamed");
    expect(app.titles()).not.toContain(titles(15, 15)[0]);
    const saved = savedIn(report);
    const rows = saved?.fromBackup?.rows ?? 0;
    expect(rows).toBeGreaterThan(10);
    expect(saved).toMatchObject({
      rows: BOOKS + 50 - 11 + 300 - rows,
      fromBackup: { file: "library-v1.0.0.sqlite" },
      lostAtMost: 0,
      lostAndFound: null,
    });
    const book = saved?.tables.find(({ table }) => table === "book");
    expect(book?.fromBackup).toMatchObject({ rows, ranges: [{ rows }] });
    expect(report.warnings.join("\n")).toContain(
      `The database was corrupt and is healed: ${saved?.rows} rows of it could be read, and ${rows} are from library-v1.0.0.sqlite of `,
    );
    expect(report.warnings.join("\n")).toMatch(
      /; none is known to be lost\. The corrupt file is kept as .*-corrupt\.sqlite\./,
    );
    expect(quarantined(app).map((name) => hashOf(join(app.backups, name)))).toEqual([found]);
    await expectHealthy(app);
  });

  const damages: [string, (file: string) => void][] = [
    ["page 1 is zero", (file) => zero(file, 1)],
    ["an index or a table's first page is zero", (file) => zero(file, rootOf(file, "book"))],
    ["it is cut short", (file) => truncateSync(file, statSync(file).size - 3 * PAGE - 100)],
    ["the page with the ledger is zero", (file) => zero(file, rootOf(file, "_holdfast_migrations"))],
    ["the page with the stamp is zero", (file) => zero(file, rootOf(file, "_holdfast_stamp"))],
  ];
  test.each(damages)("%s: rows that were written after the backup are there", async (_, damage) => {
    const app = await written();
    const id = query(app.path, (db) => db.prepare("SELECT database_id FROM _holdfast_stamp").pluck().get());
    damage(app.path);
    const report = await app.launch("1.0.0");
    expect(names(report)).toContain("salvage");
    expect(app.titles()).toContain("renamed");
    expect(app.titles()).not.toContain(titles(15, 15)[0]);
    expect(count(app, "book")).toBeGreaterThanOrEqual(BOOKS - 11);
    expect(query(app.path, (db) => db.prepare("SELECT database_id FROM _holdfast_stamp").pluck().get())).toBe(id);
    await expectHealthy(app);
  });

  test("of a version with another layout: its rows come in the layout that the corrupt database has", async () => {
    const app = new Workspace().release({
      "0001_books.sql": "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL);",
    });
    await app.launch("1.0.0", titles(1, BOOKS));
    await app.launch("1.0.0");
    app.release({
      "0001_books.sql": "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL);",
      "0002_loud.sql": "UPDATE book SET title = upper(title);",
    });
    await app.launch("1.1.0");
    rmSync(join(app.backups, "library-v1.1.0.sqlite"));
    rmSync(join(app.backups, "library-v1.1.0.sqlite.sha256"));
    zero(app.path, leavesOf(app.path, "BOOK 60 ")[0] ?? 0);
    const report = await app.launch("1.1.0");
    expect(savedIn(report)?.fromBackup).toMatchObject({ file: "library-v1.0.0.sqlite" });
    expect(app.titles()).toEqual(titles(1, BOOKS).map((title) => title.toUpperCase()));
    await expectHealthy(app, "1.1.0");
  });

  test("that backup is kept with the corrupt file, for damage in values shows to nobody; and goes with it", async () => {
    const app = await written();
    const backup = hashOf(join(app.backups, "library-v1.0.0.sqlite"));
    zero(app.path, leavesOf(app.path, "Book 60 ")[0] ?? 0);
    await app.launch("1.0.0");
    const [kept] = quarantined(app);
    expect(hashOf(join(app.backups, `${kept}-backup`))).toBe(backup);
    expect(hashOf(join(app.backups, "library-v1.0.0.sqlite"))).not.toBe(backup);
    await app.launch("1.0.0", ["one more"], { quarantineRetention: 0 });
    expect(app.kept()).toEqual(["library-v1.0.0.sqlite"]);
  });

  test("nothing can be read: the backup is restored as it is", async () => {
    const app = await written();
    writeFileSync(app.path, "Dear diary,\n".repeat(1000));
    const report = await app.launch("1.0.0");
    expect(names(report).filter((name) => name !== "check")).toEqual(["restore", "quarantine", "back-up"]);
    expect(count(app, "book")).toBe(BOOKS);
  });

  test("twice without a clean close between: a loop, and said to be one", async () => {
    const app = await written();
    zero(app.path, leavesOf(app.path, "Book 60 ")[0] ?? 0);
    const child = new AppProcess(app, "1.0.0");
    await child.hear();
    await child.kill();
    for (const ending of ["-wal", "-shm"]) rmSync(app.path + ending, { force: true });
    zero(app.path, leavesOf(app.path, "Book 60 ")[0] ?? 0);
    const report = await app.launch("1.0.0", [], { lockTimeout: "10s", integrityCheck: "full" });
    expect(names(report)).toContain("salvage");
    expect(report.warnings.join("\n")).toContain("This is a loop");
  });
});

describe("without a backup", () => {
  const NONE = { backupRetention: 0 } as const;

  async function unsecured(): Promise<Workspace> {
    const app = new Workspace().release(2);
    await app.launch("1.0.0", titles(1, BOOKS), NONE);
    return app;
  }

  test("what can be read is opened, and the report says what cannot", async () => {
    const app = await unsecured();
    const lost = leavesOf(app.path, "Book 60 ")[0] ?? 0;
    zero(app.path, lost);
    const found = hashOf(app.path);
    const report = await app.launch("1.0.0", [], NONE);
    const saved = savedIn(report);
    const missing = BOOKS - count(app, "book");
    expect(missing).toBeGreaterThan(10);
    expect(saved).toMatchObject({ rows: BOOKS - missing, fromBackup: null, lostAtMost: missing, lostAndFound: null });
    expect(report.warnings.join("\n")).toContain(
      `The database was corrupt, and there is no backup that could be used: ${BOOKS - missing} rows of it could be read; at most ${missing} rows may be lost.`,
    );
    expect(quarantined(app).map((name) => hashOf(join(app.backups, name)))).toEqual([found]);
    await app.launch("1.0.0", [], NONE);
    expect(count(app, "book")).toBe(BOOKS - missing);
  });

  test("the schema is gone: the application's migrations tell it", async () => {
    const app = await unsecured();
    zero(app.path, 1);
    const report = await app.launch("1.0.0", [], NONE);
    expect(names(report)).toContain("salvage");
    expect(app.titles()).toEqual(titles(1, BOOKS));
    expect(names(await app.launch("1.0.0", [], NONE))).not.toContain("migrate");
  });

  test("the ledger is gone, and the schema is what the migrations make: they are not run again", async () => {
    const app = await unsecured();
    zero(app.path, rootOf(app.path, "_holdfast_migrations"));
    const report = await app.launch("1.0.0", [], NONE);
    expect(names(report)).not.toContain("migrate");
    expect(app.titles()).toEqual(titles(1, BOOKS));
  });

  test("the ledger is gone, and the schema is another: refused, untouched", async () => {
    const app = await unsecured();
    zero(app.path, rootOf(app.path, "_holdfast_migrations"));
    const before = app.snapshot();
    const error = await app.release(3).refusal("1.1.0", NONE);
    expect(error).toMatchObject({ code: "NO_USABLE_BACKUP" });
    expect(error.message).toContain(
      "of which too little can be read: which migrations were applied to it cannot be read, and there is no backup of it",
    );
    expect(app.snapshot()).toEqual(before);
  });

  test("nothing can be read: refused, untouched", async () => {
    const app = await unsecured();
    writeFileSync(app.path, "Dear diary,\n".repeat(1000));
    const before = app.snapshot();
    const error = await app.refusal("1.0.0", NONE);
    expect(error).toMatchObject({ code: "NO_USABLE_BACKUP" });
    expect(error.message).toContain("not one row of the application's could be read");
    expect(app.snapshot()).toEqual(before);
  });

  test('db-on-corruption = "restore" reads nothing: refused', async () => {
    const app = await unsecured();
    zero(app.path, leavesOf(app.path, "Book 60 ")[0] ?? 0);
    const before = app.snapshot();
    const error = await app.refusal("1.0.0", { ...NONE, onCorruption: "restore" });
    expect(error).toMatchObject({ code: "NO_USABLE_BACKUP" });
    expect(app.snapshot()).toEqual(before);
  });
});

test("a plan says that it would be healed, and changes nothing", async () => {
  const app = await written();
  zero(app.path, leavesOf(app.path, "Book 60 ")[0] ?? 0);
  const before = app.snapshot();
  const report = await app.plan("1.0.0");
  expect(report.outcome).toBe("would-open");
  expect(report.actions).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ action: "salvage", certain: false }),
      expect.objectContaining({ action: "quarantine", certain: false }),
    ]),
  );
  expect(app.snapshot()).toEqual(before);
  expect(existsSync(app.path)).toBe(true);
});

test("a log of another database, beside a corrupt one, is not read for it", async () => {
  const app = await written();
  const other = new Workspace().release(2);
  await other.launch("1.0.0", ["Of another database"]);
  const db = new Database(other.path);
  db.pragma("wal_autocheckpoint = 0");
  db.exec("UPDATE book SET title = 'foreign'");
  writeFileSync(`${app.path}-wal`, readFileSync(`${other.path}-wal`));
  db.close();
  zero(app.path, leavesOf(app.path, "Book 60 ")[0] ?? 0);
  await app.launch("1.0.0");
  expect(app.titles()).not.toContain("foreign");
  expect(count(app, "book")).toBe(BOOKS + 50 - 11);
});
