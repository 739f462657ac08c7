/** A database whose maker has put SQL into it that Holdfast's own statements would run. */
import { copyFileSync, existsSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { readIndex, writeIndex } from "../../src/backups/index-file.ts";
import { placesOf } from "../../src/places.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { outcomeWithin } from "../fixtures/outcome-within.ts";
import { hashOf, MIGRATIONS, query, Workspace } from "../fixtures/workspace.ts";

const MIGRATIONS_OF_ONE = { "0001_books.sql": MIGRATIONS["0001_books.sql"] };
const FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

function forge(path: string, sql: string): void {
  const db = new Database(path);
  db.unsafeMode();
  db.exec(sql);
  db.close();
}

test("an application that runs for ever is seen to hang", async () => {
  const app = new AppProcess(new Workspace().release(1), "1.0.0");
  expect(await outcomeWithin(app)).toMatchObject({ ok: true });
  app.process.send({ exec: FOR_EVER });
  expect(await outcomeWithin(app, 1000)).toBe("hung");
});

describe("a launch refuses at once, and touches nothing, where", () => {
  test.each<[string, boolean, string]>([
    [
      "a trigger on the stamp runs for ever",
      true,
      `CREATE TRIGGER t AFTER UPDATE ON _holdfast_stamp BEGIN ${FOR_EVER}; END`,
    ],
    [
      "a trigger on the ledger runs for ever",
      true,
      `CREATE TRIGGER t AFTER INSERT ON _holdfast_migrations BEGIN ${FOR_EVER}; END`,
    ],
    ["the stamp is a view that runs for ever", false, `CREATE VIEW _holdfast_stamp AS ${FOR_EVER}`],
    [
      "the ledger is a view whose trigger runs for ever",
      false,
      `CREATE VIEW _holdfast_migrations AS SELECT 1 AS name; CREATE TRIGGER t INSTEAD OF INSERT ON _holdfast_migrations BEGIN ${FOR_EVER}; END`,
    ],
    [
      "the row of a backup is computed without end",
      false,
      `CREATE TABLE _holdfast_backup (id INTEGER PRIMARY KEY, database_id AS (hex(zeroblob(400000000))))`,
    ],
  ])("%s", async (_, guarded, sql) => {
    const app = new Workspace().release(1);
    if (guarded) await app.launch("1.0.0", ["Emma"]);
    forge(app.path, `CREATE TABLE other (x); ${sql}`);
    const before = hashOf(app.path);
    const outcome = await outcomeWithin(new AppProcess(app.release(2), "1.1.0"));
    expect(outcome).toMatchObject({ ok: false, code: "CHECK_IMPOSSIBLE" });
    expect(hashOf(app.path)).toBe(before);
  });
});

test("a version inside the database leads no file out of the backup folder", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0");
  forge(app.path, "UPDATE _holdfast_stamp SET app_version = '/../../escaped'");
  const error = await app.release(2).refusal("1.1.0");
  expect(error.code).toBe("CHECK_IMPOSSIBLE");
  expect(existsSync(join(app.folder, "escaped.sqlite"))).toBe(false);
});

test("an index that lists another file of the folder does not get it deleted", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0");
  const places = placesOf(realpathSync(app.path), undefined);
  const photos = join(places.backups, "photos.zip");
  writeFileSync(photos, "precious");
  const { index } = readIndex(places);
  const [entry] = index.entries;
  if (!entry) throw new Error("there is no backup");
  const listed = { ...entry, file: "photos.zip", version: "0.0.1", size: 8, sha256: null, sequence: 0 };
  writeIndex(places, { ...index, entries: [...index.entries, listed] });
  const report = await app.launch("1.0.1", [], { backupRetention: 1 });
  expect(report.warnings.join()).toContain("photos.zip is listed in the index but was left out");
  expect(existsSync(photos)).toBe(true);
});

test("a backup that says nonsense of itself keeps no other from being taken", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0");
  const planted = join(app.backups, "library-v0.9.0.sqlite");
  copyFileSync(join(app.backups, "library-v1.0.0.sqlite"), planted);
  forge(planted, "UPDATE _holdfast_backup SET created_at = 'soon', sequence = 9223372036854775807, version = '0.9.0'");
  const report = await app.launch("1.0.1");
  expect(report.warnings.join()).toContain("library-v0.9.0.sqlite has the name of a backup but was left out");
  expect(app.kept()).toContain("library-v1.0.1.sqlite");
});

/** A row of the schema that no statement of SQLite's makes. */
function plant(path: string, type: string, name: string, sql: string): void {
  const db = new Database(path);
  db.unsafeMode();
  db.pragma("writable_schema = ON");
  db.prepare("INSERT INTO sqlite_schema VALUES (?, ?, ?, 0, ?)").run(type, name, type === "table" ? name : "book", sql);
  db.close();
}

describe("SQL in a file reaches no other file, through launch, migration, backup and restore:", () => {
  const VACUUM = { "0002_small.sql": "-- holdfast: no-transaction\nVACUUM;" };

  test.each([["ATTACH 'made.db' AS made"], ["VACUUM INTO 'made.db'"], ["PRAGMA writable_schema = ON"]])(
    "a trigger that says %s is damage, and the backup is restored",
    async (statement) => {
      const app = new Workspace().release(1);
      await app.launch("1.0.0", ["Emma"]);
      await app.launch("1.0.0");
      plant(app.path, "trigger", "evil", `CREATE TRIGGER evil AFTER INSERT ON book BEGIN ${statement}; END`);
      const report = await app.launch("1.0.0", ["Persuasion"]);
      expect(report.actions.map(({ action }) => action)).toContain("quarantine");
      expect(app.titles()).toEqual(["Emma", "Persuasion"]);
      expect(everyFile(app)).toEqual([]);
    },
  );

  test.each([
    ["load_extension('./made.db')"],
    ["writefile('made.db', 'x')"],
    ["edit('x', 'touch made.db')"],
    ["fts3_tokenizer('x', x'0000000000000000')"],
  ])("a view and a trigger that call %s stay as they are, and do nothing", async (call) => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    forge(
      app.path,
      `CREATE VIEW evil AS SELECT ${call} AS x; CREATE TRIGGER bad AFTER DELETE ON book BEGIN SELECT ${call}; END`,
    );
    const report = await app.release({ ...MIGRATIONS_OF_ONE, ...VACUUM }).launch("1.1.0", ["Persuasion"]);
    expect(report.actions.map(({ action }) => action)).toEqual(expect.arrayContaining(["back-up", "migrate"]));
    rmSync(app.path);
    await app.launch("1.1.0");
    expect(app.titles()).toEqual(["Emma"]);
    query(app.path, (db) => {
      expect(() => db.exec("DELETE FROM book")).toThrow(/unsafe use|no such function/);
      expect(() => db.prepare("SELECT * FROM evil").all()).toThrow(/unsafe use|no such function/);
    });
    expect(everyFile(app)).toEqual([]);
  });

  test("a virtual table of a module that nobody has is the application's to drop", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    plant(app.path, "table", "evil", "CREATE VIRTUAL TABLE evil USING csv(filename='/etc/passwd')");
    const report = await app.launch("1.0.1", ["Persuasion"]);
    expect(report.actions.map(({ action }) => action)).toContain("back-up");
    expect(app.titles()).toEqual(["Emma", "Persuasion"]);
  });
});

/** What the SQL would have made, wherever it stood. */
function everyFile(app: Workspace): string[] {
  return [app.folder, process.cwd(), app.backups].flatMap((folder) =>
    readdirSync(folder).filter((name) => name.startsWith("made")),
  );
}

test("rows without a parent are not looked for before a migration where that would take hours", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  forge(
    app.path,
    `PRAGMA foreign_keys = OFF;
     CREATE TABLE t (x, parent AS (length(replace(hex(zeroblob(10000000)), '0', 'ab')) + x) REFERENCES book(id));
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO t SELECT i FROM n`,
  );
  const opened = new AppProcess(app.release(2), "1.1.0");
  expect(await outcomeWithin(opened)).toMatchObject({ ok: true, actions: expect.arrayContaining(["migrate"]) });
});

describe("a database whose check would take hours", () => {
  const HEAVY = "length(replace(hex(zeroblob(10000000)), '0', 'ab')) + x > 0";

  function endless(path: string): void {
    forge(
      path,
      `PRAGMA ignore_check_constraints = ON; CREATE TABLE t (x CHECK (${HEAVY}));
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO t SELECT i FROM n`,
    );
  }

  test("is refused by its name, and left as it was", async () => {
    const app = new Workspace().release(1);
    endless(app.path);
    const before = hashOf(app.path);
    const error = await app.refusal("1.0.0", {}, { worker: new URL("../fixtures/hasty-worker.ts", import.meta.url) });
    expect(error.code).toBe("CHECK_IMPOSSIBLE");
    expect(error.message).toMatch(new RegExp(`^${realpathSync(app.path)}: It was cut off \\("backup"\\)`));
    expect(hashOf(app.path)).toBe(before);
    expect(app.temporaries()).toEqual([]);
  });

  test("is passed over where it is a backup, and the next one is restored", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    const planted = join(app.backups, "library-v1.0.5.sqlite");
    copyFileSync(join(app.backups, "library-v1.0.0.sqlite"), planted);
    endless(planted);
    forge(planted, "UPDATE _holdfast_backup SET sequence = 99, version = '1.0.5'");
    rmSync(app.path);
    const library = await app.guard("1.0.1", {}, { worker: new URL("../fixtures/hasty-worker.ts", import.meta.url) });
    expect(library.report.warnings.join()).toContain(
      "The backup library-v1.0.5.sqlite was passed over: its check was cut off",
    );
    expect(library.report.actions).toContainEqual(
      expect.objectContaining({ action: "restore", file: join(realpathSync(app.backups), "library-v1.0.0.sqlite") }),
    );
    await library.close({ backup: "abandon" });
    expect(app.titles()).toEqual(["Emma"]);
  });
});
