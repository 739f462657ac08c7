import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { hashOf, query, Workspace } from "../fixtures/workspace.ts";

const names = (report: { actions: readonly { action: string }[] }) => report.actions.map((each) => each.action);

describe("the first launch", () => {
  test("creates the database in WAL mode, migrates, stamps and backs it up", async () => {
    const app = new Workspace().release(3);
    const report = await app.launch("1.0.0", ["Emma"]);
    expect(report.outcome).toBe("opened");
    expect(report.found).toEqual({ state: "new", version: null, layout: "none" });
    expect(names(report)).toEqual(["create", "migrate", "stamp", "back-up"]);
    expect(app.titles()).toEqual(["Emma"]);
    expect(app.kept()).toEqual(["library-v1.0.0.sqlite"]);
    expect(query(app.path, (db) => db.pragma("journal_mode", { simple: true }))).toBe("wal");
    expect(app.temporaries()).toEqual([]);
    expect(statSync(app.path).mode & 0o777).toBe(0o600);
    expect(statSync(app.backups).mode & 0o777).toBe(0o700);
    expect(statSync(join(app.backups, "library-v1.0.0.sqlite")).mode & 0o777).toBe(0o600);
  });

  test("leaves no database behind when a migration fails", async () => {
    const app = new Workspace().release({ "0001_a.sql": "CREATE TABLE a (x);", "0002_b.sql": "CREATE TABEL b (x);" });
    const error = await app.refusal("1.0.0");
    expect(error.code).toBe("MIGRATION_FAILED");
    expect(error.message).toContain("0002_b.sql");
    expect(existsSync(app.path)).toBe(false);
    expect(app.temporaries()).toEqual([]);
  });
});

describe("a quiet launch", () => {
  test("writes nothing into the database and keeps the standing backup", async () => {
    const app = new Workspace().release(2);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    const before = app.snapshot();
    const report = await app.launch("1.0.0");
    expect(report.found).toEqual({ state: "healthy", version: "1.0.0", layout: "equal" });
    expect(report.actions).toEqual([]);
    expect(app.snapshot()).toEqual(before);
  });

  test("takes a new backup where the content changed", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0", ["Persuasion"]);
    expect(app.titles(join(app.backups, "library-v1.0.0.sqlite"))).toEqual(["Emma"]);
    await app.launch("1.0.0");
    expect(app.titles(join(app.backups, "library-v1.0.0.sqlite"))).toEqual(["Emma", "Persuasion"]);
    expect(app.kept()).toEqual(["library-v1.0.0.sqlite"]);
  });

  test("stamps a newer version of equal layout, and opens an older one without a restore", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const up = await app.launch("1.1.0", ["Persuasion"]);
    expect(names(up)).toEqual(["stamp", "back-up"]);
    const down = await app.launch("1.0.0");
    expect(names(down)).toEqual(["stamp", "back-up"]);
    expect(app.titles()).toEqual(["Emma", "Persuasion"]);
  });
});

describe("an upgrade", () => {
  test("takes a restore point under the old version, then migrates, stamps and backs up", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const report = await app.release(3).launch("2.0.0");
    expect(report.found).toEqual({ state: "healthy", version: "1.0.0", layout: "behind" });
    expect(report.actions.map(({ action, version, applied }) => [action, version ?? applied])).toEqual([
      ["check", undefined],
      ["back-up", "1.0.0"],
      ["migrate", ["0002_authors.sql", "0003_progress.sql"]],
      ["stamp", "2.0.0"],
      ["back-up", "2.0.0"],
    ]);
    expect(app.kept()).toEqual(["library-v1.0.0.sqlite", "library-v2.0.0.sqlite"]);
    expect(app.titles(join(app.backups, "library-v1.0.0.sqlite"))).toEqual(["Emma"]);
  });

  test("rolls back when a migration fails, and a crash loop takes no second restore point", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    app.release({
      "0001_books.sql": readMigration(app),
      "0002_bad.sql": "INSERT INTO book (title) VALUES ('x'); SELECT nonsense;",
    });
    expect((await app.refusal("2.0.0")).code).toBe("MIGRATION_FAILED");
    const after = app.snapshot();
    expect((await app.refusal("2.0.0")).code).toBe("MIGRATION_FAILED");
    expect(app.snapshot()).toEqual(after);
    expect(app.titles()).toEqual(["Emma"]);
  });

  test("a migration that ends the transaction is refused before anything runs", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const before = app.snapshot();
    app.release({ "0001_books.sql": readMigration(app), "0002_bad.sql": "CREATE TABLE x (y);\nCOMMIT;" });
    const error = await app.refusal("2.0.0");
    expect(error.code).toBe("MIGRATION_FAILED");
    expect(error.message).toContain("line 2 says COMMIT");
    expect(app.snapshot()).toEqual(before);
  });

  test("a migration that cannot run in a transaction works on a copy; its failure leaves everything as it was", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const text = readMigration(app);
    app.release({
      "0001_books.sql": text,
      "0002_v.sql": "-- holdfast: no-transaction\nDELETE FROM book; SELECT nonsense;",
    });
    expect((await app.refusal("2.0.0")).code).toBe("MIGRATION_FAILED");
    expect(app.titles()).toEqual(["Emma"]);
    expect(app.temporaries()).toEqual([]);
    app.release({
      "0001_books.sql": text,
      "0002_v.sql": "-- holdfast: no-transaction\nPRAGMA page_size = 8192; VACUUM;",
    });
    const report = await app.launch("2.0.0");
    expect(names(report)).toEqual(["check", "back-up", "migrate", "stamp", "back-up"]);
    expect(app.titles()).toEqual(["Emma"]);
  });
});

function readMigration(app: Workspace): string {
  return readFileSync(join(app.migrations, "0001_books.sql"), "utf8");
}

describe("a downgrade", () => {
  test("restores the backup that fits, demotes the newer database, and says what window is lost", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.release(2).launch("2.0.0", ["Written by 2"]);
    const report = await app.release(1).launch("1.0.0");
    expect(report.found).toEqual({ state: "healthy", version: "2.0.0", layout: "ahead" });
    expect(names(report)).toEqual(["restore", "demote", "back-up"]);
    const lost = report.actions.find((each) => each.action === "restore")?.lost;
    expect(lost && lost.from < lost.to).toBe(true);
    expect(app.titles()).toEqual(["Emma"]);
    expect(app.titles(join(app.backups, "library-v2.0.0-demoted.sqlite"))).toEqual(["Emma", "Written by 2"]);
    expect(query(app.path, (db) => db.pragma("journal_mode", { simple: true }))).toBe("wal");
  });

  test("never overwrites a demoted file", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    for (const title of ["first", "second"]) {
      await app.release(2).launch("2.0.0", [title]);
      await app.release(1).launch("1.0.0");
    }
    expect(app.titles(join(app.backups, "library-v2.0.0-demoted.sqlite"))).toContain("first");
    expect(app.titles(join(app.backups, "library-v2.0.0-demoted-2.sqlite"))).toContain("second");
  });

  test("without a backup that fits is refused, and nothing is touched", async () => {
    const app = new Workspace().release(2);
    await app.launch("2.0.0", ["Emma"]);
    const before = app.snapshot();
    const error = await app.release(1).refusal("1.0.0");
    expect(error.code).toBe("DOWNGRADE_WITHOUT_BACKUP");
    expect(app.snapshot()).toEqual(before);
  });

  test("is opened as it is when every newer migration declares itself compatible", async () => {
    const app = new Workspace().release(1);
    const text = readMigration(app);
    await app.launch("1.0.0", ["Emma"]);
    app.release({
      "0001_books.sql": text,
      "0002_i.sql": "-- holdfast: compatible-since 1.0.0\nCREATE INDEX by_title ON book(title);",
    });
    await app.launch("2.0.0", ["Persuasion"]);
    const report = await app.release(1).launch("1.0.0");
    expect(names(report)).toEqual(["back-up"]);
    expect(app.titles()).toEqual(["Emma", "Persuasion"]);
  });

  test("loses no row of the newer app that was still in its log when it was killed", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.release(2).launch("2.0.0");
    leaveRowInLog(app, "only in the log");
    const report = await app.release(1).launch("1.0.0");
    expect(names(report)).toContain("demote");
    expect(app.titles(join(app.backups, "library-v2.0.0-demoted.sqlite"))).toContain("only in the log");
    expect(app.titles()).toEqual(["Emma"]);
  });
});

/** As an application that was killed leaves it: a committed row in the WAL, not in the main file. */
function leaveRowInLog(app: Workspace, title: string): void {
  const db = new Database(app.path);
  db.pragma("wal_autocheckpoint = 0");
  db.prepare("INSERT INTO book (title) VALUES (?)").run(title);
  const files = ["", "-wal"].map((ending) => [ending, readFileSync(app.path + ending)] as const);
  db.close();
  for (const [ending, bytes] of files) writeFileSync(app.path + ending, bytes);
}

describe("a database that is not there", () => {
  test.each([
    ["missing", (app: Workspace) => rmSync(app.path)],
    ["zero bytes", (app: Workspace) => truncateSync(app.path)],
  ])("(%s) is restored from the newest backup", async (_, damage) => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    damage(app);
    const report = await app.launch("1.0.0");
    expect(report.found.state).toBe("missing");
    expect(names(report)).toEqual(["restore", "back-up"]);
    expect(report.actions[0]?.lost).toBeDefined();
    expect(app.titles()).toEqual(["Emma"]);
  });

  test("its sidecars are quarantined before SQLite can delete them", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    leaveRowInLog(app, "in the log");
    const wal = hashOf(`${app.path}-wal`);
    rmSync(app.path);
    const report = await app.launch("1.0.0");
    expect(names(report)).toEqual(["quarantine", "restore", "back-up"]);
    expect(app.titles()).toEqual(["Emma"]);
    const kept = app.kept().find((name) => name.endsWith("-corrupt.sqlite-wal"));
    expect(kept && hashOf(join(app.backups, kept))).toBe(wal);
  });

  test("an older app does not replace it by an empty one", async () => {
    const app = new Workspace().release(2);
    await app.launch("2.0.0", ["Emma"]);
    await app.launch("2.0.0");
    rmSync(app.path);
    const error = await app.release(1).refusal("1.0.0");
    expect(error.code).toBe("NO_USABLE_BACKUP");
    expect(existsSync(app.path)).toBe(false);
  });
});

describe('a corrupt database, with db-on-corruption = "restore"', () => {
  const RESTORE = { onCorruption: "restore" } as const;
  const damages: [string, (file: string) => void][] = [
    ["truncated", (file) => truncateSync(file, statSync(file).size - 5000)],
    ["text", (file) => writeFileSync(file, "Dear diary,\n".repeat(100))],
    [
      "random bytes",
      (file) => writeFileSync(file, Buffer.from(Array.from({ length: 9000 }, (_, i) => (i * 7919 + 13) % 251))),
    ],
    ["page 1 zeroed", (file) => overwrite(file, 0, Buffer.alloc(4096))],
    ["an interior page zeroed", (file) => overwrite(file, 4096, Buffer.alloc(4096))],
  ];
  test.each(damages)("(%s) is quarantined as found and the best backup restored", async (_, damage) => {
    const app = new Workspace().release(3);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    damage(app.path);
    const found = hashOf(app.path);
    const report = await app.launch("1.0.0", [], RESTORE);
    expect(report.found.state).toBe("corrupt");
    expect(names(report)).toEqual(["check", "restore", "quarantine", "back-up"]);
    expect(app.titles()).toEqual(["Emma"]);
    const kept = app.kept().filter((name) => /^library-\d{8}T\d{6}Z-corrupt\.sqlite$/.test(name));
    expect(kept.map((name) => hashOf(join(app.backups, name)))).toEqual([found]);
  });

  test("is refused untouched when every backup is damaged too", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    overwrite(app.path, 0, Buffer.alloc(4096));
    overwrite(join(app.backups, "library-v1.0.0.sqlite"), 5000, Buffer.from("x"));
    const before = app.snapshot();
    const error = await app.refusal("1.0.0", RESTORE);
    expect(error.code).toBe("NO_USABLE_BACKUP");
    expect(app.snapshot()).toEqual(before);
  });

  test("goes back to an older backup when the newest has lost its bytes", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    await app.launch("1.1.0", ["Persuasion"]);
    await app.launch("1.1.0");
    overwrite(join(app.backups, "library-v1.1.0.sqlite"), 5000, Buffer.from("x"));
    overwrite(app.path, 4096, Buffer.alloc(4096));
    const report = await app.launch("1.1.0", [], RESTORE);
    expect(app.titles()).toEqual(["Emma"]);
    expect(report.warnings.join()).toContain("library-v1.1.0.sqlite was passed over: its bytes do not match");
  });

  test("but sound without a foreign log survives, and the log is quarantined as found", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const other = new Workspace().release(3);
    await other.launch("1.0.0", ["Of another database"]);
    leaveRowInLog(other, "foreign row");
    writeFileSync(`${app.path}-wal`, readFileSync(`${other.path}-wal`));
    const wal = hashOf(`${app.path}-wal`);
    const report = await app.launch("1.0.0");
    expect(names(report)).toContain("quarantine");
    expect(app.titles()).toEqual(["Emma"]);
    expect(app.kept().map((name) => hashOf(join(app.backups, name)))).toContain(wal);
  });

  test("is told from a whole foreign database that hides in a log", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const other = new Workspace().release(1);
    await other.launch("1.0.0", ["foreign"]);
    const db = new Database(other.path);
    db.pragma("wal_autocheckpoint = 0");
    db.exec(
      "UPDATE book SET title = title; CREATE TABLE x (y); UPDATE _holdfast_stamp SET changed_at = changed_at; UPDATE _holdfast_migrations SET name = name",
    );
    const wal = readFileSync(`${other.path}-wal`);
    db.close();
    writeFileSync(`${app.path}-wal`, wal);
    await app.launch("1.0.0");
    expect(app.titles()).toEqual(["Emma"]);
  });

  test("a foreign hot journal is quarantined, and a database's own is rolled back", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    query(app.path, (db) => db.pragma("journal_mode = DELETE"));
    const own = hotJournalOf(app.path);
    await app.launch("1.0.0");
    expect(app.titles()).toEqual(["Emma"]);
    expect(own).toBeGreaterThan(512);

    const other = new Workspace().release(3);
    await other.launch("1.0.0", ["x"]);
    query(other.path, (db) => db.pragma("journal_mode = DELETE"));
    hotJournalOf(other.path);
    renameSync(`${other.path}-journal`, `${app.path}-journal`);
    const journal = hashOf(`${app.path}-journal`);
    await app.launch("1.0.0");
    expect(app.titles()).toEqual(["Emma"]);
    expect(app.kept().map((name) => hashOf(join(app.backups, name)))).toContain(journal);
  });
});

test("a journal that goes back to a length that the database cannot have had is set aside, and the file stays as short", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  query(app.path, (db) => db.pragma("journal_mode = DELETE"));
  hotJournalOf(app.path);
  overwrite(`${app.path}-journal`, 16, Buffer.from([0x10]));
  const report = await app.launch("1.0.0");
  expect(report.actions.map(({ action }) => action)).toContain("quarantine");
  expect(app.titles()).toEqual(["Emma"]);
  expect(statSync(app.path).size).toBeLessThan(1 << 21);
  expect(app.kept().join()).toContain("-corrupt.sqlite-journal");
});

test("a head that was torn in the middle of a transaction is rolled back like all else, and nothing is restored", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  query(app.path, (db) => db.pragma("journal_mode = DELETE"));
  hotJournalOf(app.path);
  overwrite(app.path, 0, Buffer.alloc(512));
  const report = await app.launch("1.0.0");
  expect(report.actions.map(({ action }) => action)).not.toContain("restore");
  expect(app.titles()).toEqual(["Emma"]);
});

/** Leaves `file` in the middle of a transaction that was cut off, with its hot journal. */
function hotJournalOf(file: string): number {
  const db = new Database(file);
  db.pragma("cache_size = 1");
  db.exec("BEGIN; CREATE TABLE filler (x)");
  const insert = db.prepare("INSERT INTO filler VALUES (randomblob(3000))");
  for (let i = 0; i < 200; i++) insert.run();
  const main = readFileSync(file);
  const journal = readFileSync(`${file}-journal`);
  db.exec("ROLLBACK");
  db.close();
  writeFileSync(file, main);
  writeFileSync(`${file}-journal`, journal);
  return journal.length;
}

function overwrite(file: string, offset: number, bytes: Buffer): void {
  const content = readFileSync(file);
  bytes.copy(content, offset);
  writeFileSync(file, content);
}

test("a missing database is not replaced by an empty one while its backups exist, even damaged ones", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  rmSync(app.path);
  const backup = join(app.backups, "library-v1.0.0.sqlite");
  const bytes = readFileSync(backup);
  writeFileSync(backup, "x".repeat(5000));
  expect((await app.refusal("1.0.0")).code).toBe("NO_USABLE_BACKUP");
  rmSync(app.index());
  expect((await app.refusal("1.0.0")).code).toBe("NO_USABLE_BACKUP");
  writeFileSync(backup, bytes);
  await app.launch("1.0.0");
});

test("a copy of the whole folder restores from its own backups while the original still stands", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  const copy = new Workspace().release(1);
  cpSync(app.backups, copy.backups, { recursive: true });
  const report = await copy.launch("1.0.0");
  expect(report.found.state).toBe("missing");
  expect(copy.titles()).toEqual(["Emma"]);
});

test("a damaged full-text index is the application's to rebuild: a warning", async () => {
  const app = new Workspace().release({ "0001.sql": "CREATE VIRTUAL TABLE t USING fts5(x);" });
  await app.launch("1.0.0");
  query(app.path, (db) => {
    for (let i = 0; i < 200; i++) db.prepare("INSERT INTO t VALUES (?)").run(`word${i} and others`);
    db.unsafeMode(true);
    db.pragma("writable_schema = ON");
    db.exec("DELETE FROM t_data WHERE id > 10");
  });
  const report = await app.launch("1.0.0");
  expect(report.found.state).toBe("healthy");
  expect(report.warnings.join()).toContain("fts5");
});
