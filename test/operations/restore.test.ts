import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import {
  backup,
  type ChangeReport,
  list,
  listDemoted,
  merge,
  move,
  recover,
  removeDemoted,
  restore,
  restoreDemoted,
} from "../../src/index.ts";
import { CommandLine } from "../cli/command-line.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { hashOf, query, Workspace } from "../fixtures/workspace.ts";

const TWO = { "0001_books.sql": "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL);" } as const;

/** A backup with the first row, and a second row that only the database has. */
async function twoStates(): Promise<Workspace> {
  const app = new Workspace().release(2);
  await app.launch("1.0.0", ["first"]);
  await app.launch("1.0.0");
  await app.launch("1.0.0", ["second"], { backupMinInterval: "1d" });
  expect(app.titles()).toEqual(["first", "second"]);
  return app;
}

const options = { appVersion: "1.0.0" } as const;

describe("restore", () => {
  test("puts the newest backup in the database's place, and keeps what stood there", async () => {
    const app = await twoStates();
    const report = await restore(app.settings(), "latest", options);
    expect(app.titles()).toEqual(["first"]);
    const aside = join(app.backups, "library-v1.0.0-demoted.sqlite");
    expect(report).toMatchObject({
      outcome: "done",
      operation: "restore",
      database: app.path,
      actions: [
        { action: "demote", file: aside, version: "1.0.0" },
        { action: "restore", file: join(app.backups, "library-v1.0.0.sqlite"), version: "1.0.0" },
      ],
    });
    expect(app.titles(aside)).toEqual(["first", "second"]);
    expect(app.temporaries()).toEqual([]);
  });

  test("leaves a database that the next launch opens, in the journal mode that it had", async () => {
    const app = await twoStates();
    await restore(app.settings(), "latest", options);
    const library = await app.guard("1.0.0");
    expect(library.report).toMatchObject({ outcome: "opened", found: { state: "healthy", layout: "equal" } });
    expect(library.db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(library.db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = '_holdfast_backup'").pluck().get()).toBe(
      0,
    );
    await library.close();
  });

  test("knows a backup by its id, its file name and its path", async () => {
    for (const name of ["v1.0.0", "library-v1.0.0.sqlite", "backups/library-v1.0.0.sqlite"]) {
      const app = await twoStates();
      await restore(app.settings(), name.startsWith("backups/") ? join(app.folder, name) : name, options);
      expect(app.titles()).toEqual(["first"]);
    }
  });

  test("brings a missing database back", async () => {
    const app = await twoStates();
    rmSync(app.path);
    const report = await restore(app.settings(), "latest", options);
    expect(report.actions.map(({ action }) => action)).toEqual(["restore"]);
    expect(app.titles()).toEqual(["first"]);
  });

  test("quarantines a corrupt database, as it was found", async () => {
    const app = await twoStates();
    writeFileSync(app.path, "no database at all");
    const report = await restore(app.settings(), "latest", options);
    expect(report.actions).toMatchObject([{ action: "quarantine" }, { action: "restore" }]);
    expect(app.kept().filter((name) => name.endsWith("-corrupt.sqlite"))).toHaveLength(1);
    expect(app.titles()).toEqual(["first"]);
  });

  test("takes any database file, with the log beside it, and leaves that file alone", async () => {
    const app = await twoStates();
    const other = join(app.folder, "other.sqlite");
    const library = await app.guard("1.0.0");
    library.db.prepare("INSERT INTO book (title) VALUES ('in the log')").run();
    copyFileSync(app.path, other);
    copyFileSync(`${app.path}-wal`, `${other}-wal`);
    await library.close();
    const before = readdirSync(app.folder).filter((name) => name.startsWith("other"));
    await restore(app.settings(), other, options);
    expect(app.titles()).toEqual(["first", "second", "in the log"]);
    expect(readdirSync(app.folder).filter((name) => name.startsWith("other"))).toEqual(before);
  });

  test("restores into another folder, and leaves the database alone", async () => {
    const app = await twoStates();
    const before = app.snapshot();
    const target = join(app.folder, "elsewhere");
    const report = await restore(app.settings(), "latest", { ...options, target });
    expect(report.database).toBe(join(target, "library.sqlite"));
    expect(app.titles(join(target, "library.sqlite"))).toEqual(["first"]);
    expect(app.snapshot()).toEqual(before);
    expect((await refused(restore(app.settings(), "latest", { ...options, target }))).message).toContain(
      "exists already",
    );
  });

  test("says with dryRun what it would do, and does nothing", async () => {
    const app = await twoStates();
    const before = app.snapshot();
    const report = await restore(app.settings(), "latest", { ...options, dryRun: true });
    expect(report).toMatchObject({ outcome: "would-do", actions: [{ action: "demote" }, { action: "restore" }] });
    expect(app.snapshot()).toEqual(before);
  });

  test("asks with the same plan, and a no changes nothing", async () => {
    const app = await twoStates();
    const before = app.snapshot();
    const asked: ChangeReport[] = [];
    const confirm = (plan: ChangeReport) => {
      asked.push(plan);
      return false;
    };
    const error = await refused(restore(app.settings(), "latest", { ...options, confirm }));
    expect(error.code).toBe("ABORTED");
    expect(asked).toMatchObject([{ outcome: "would-do", actions: [{ action: "demote" }, { action: "restore" }] }]);
    expect(app.snapshot()).toEqual(before);
  });

  test("is refused while the application runs", async () => {
    const app = await twoStates();
    const running = new AppProcess(app, "1.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    const error = await refused(restore(app.settings(), "latest", options));
    expect(error).toMatchObject({ code: "DB_IN_USE" });
    await running.kill();
    expect(app.titles()).toEqual(["first", "second"]);
  });

  test("refuses a backup whose bytes changed", async () => {
    const app = await twoStates();
    appendFileSync(join(app.backups, "library-v1.0.0.sqlite"), "x");
    const error = await refused(restore(app.settings(), "latest", options));
    expect(error).toMatchObject({
      code: "NO_USABLE_BACKUP",
      hint: expect.stringMatching(/If there is none, copy this one elsewhere: .* --force/),
    });
    expect(app.titles()).toEqual(["first", "second"]);
    const elsewhere = join(app.folder, "elsewhere.sqlite");
    copyFileSync(join(app.backups, "library-v1.0.0.sqlite"), elsewhere);
    await restore(app.settings(), elsewhere, { ...options, force: true });
    expect(app.titles()).toEqual(["first"]);
  });

  test("refuses what this application cannot read, unless it is forced", async () => {
    const app = await twoStates();
    app.release(3);
    await app.launch("2.0.0");
    app.release(2);
    const newer = join(app.folder, "newer.sqlite");
    copyFileSync(join(app.backups, "library-v2.0.0.sqlite"), newer);
    const error = await refused(restore(app.settings(), newer, options));
    expect(error).toMatchObject({ code: "DOWNGRADE_REFUSED", hint: expect.stringContaining("--force") });
    await restore(app.settings(), newer, { ...options, force: true });
    expect(query(app.path, (db) => db.prepare("SELECT app_version FROM _holdfast_stamp").pluck().get())).toBe("2.0.0");
  });

  test("refuses a backup of another database, unless it is forced", async () => {
    const [app, other] = [await twoStates(), await twoStates()];
    const file = join(other.backups, "library-v1.0.0.sqlite");
    const error = await refused(restore(app.settings(), file, options));
    expect(error.message).toContain("another database");
    expect(app.titles()).toEqual(["first", "second"]);
    await restore(app.settings(), file, { ...options, force: true });
    expect(app.titles()).toEqual(["first"]);
  });

  test("tells the names that there are when it is given another", async () => {
    const app = await twoStates();
    const error = await refused(restore(app.settings(), "v9", options));
    expect(error).toMatchObject({ code: "NOT_FOUND", hint: "There are: v1.0.0." });
  });

  test("leaves everything as it was when it is aborted", async () => {
    const app = await twoStates();
    const before = app.snapshot();
    const controller = new AbortController();
    const onEvent = ({ kind }: { kind: string }) => {
      if (kind === "copy") controller.abort(new Error("enough"));
    };
    const error = await refused(restore(app.settings(), "latest", { ...options, signal: controller.signal, onEvent }));
    expect(error.code).toBe("ABORTED");
    expect(app.snapshot()).toEqual(before);
    expect(app.temporaries()).toEqual([]);
  });
});

describe("a demoted database", () => {
  async function demoted(): Promise<Workspace> {
    const app = new Workspace().release(TWO);
    await app.launch("1.0.0", ["first"]);
    await app.launch("1.0.0");
    app.release(2);
    await app.launch("2.0.0", ["second"]);
    app.release(TWO);
    await app.launch("1.0.0", ["third"]);
    expect(app.kept()).toContain("library-v2.0.0-demoted.sqlite");
    app.release(2);
    return app;
  }

  test("is listed with its rows beside those of the database", async () => {
    const app = await demoted();
    const { files } = await listDemoted(app.settings(), { appVersion: "2.0.0", rows: true });
    expect(files).toMatchObject([
      { id: "v2.0.0-demoted", kind: "demoted", version: "2.0.0", layout: "equal", rows: expect.any(Array) },
    ]);
    expect(files[0]?.rows).toContainEqual({ table: "author", rows: 0, live: null });
    expect(files[0]?.rows).toContainEqual({ table: "book", rows: 2, live: 2 });
  });

  test("is brought back to the application that can read it, and stays where it is", async () => {
    const app = await demoted();
    await restoreDemoted(app.settings(), "v2.0.0-demoted", { appVersion: "2.0.0" });
    expect(app.titles()).toEqual(["first", "second"]);
    expect(app.kept()).toEqual(
      expect.arrayContaining(["library-v2.0.0-demoted.sqlite", "library-v1.0.0-demoted.sqlite"]),
    );
  });

  test("is not brought back to one that cannot", async () => {
    const app = (await demoted()).release(TWO);
    const error = await refused(restoreDemoted(app.settings(), "v2.0.0-demoted", options));
    expect(error.code).toBe("DOWNGRADE_REFUSED");
    expect(app.titles()).toEqual(["first", "third"]);
  });

  test("is deleted only when it is named, and nothing else is", async () => {
    const app = await demoted();
    expect((await refused(removeDemoted(app.settings(), "v1.0.0", options))).code).toBe("NOT_FOUND");
    const before = app.kept();
    await removeDemoted(app.settings(), "v2.0.0-demoted", options);
    expect(app.kept()).toEqual(before.filter((name) => name !== "library-v2.0.0-demoted.sqlite"));
  });

  test("is deleted after it was said what goes with it", async () => {
    const app = await demoted();
    const plan = async () => await removeDemoted(app.settings(), "v2.0.0-demoted", { ...options, dryRun: true });
    expect((await plan()).actions).toMatchObject([
      {
        action: "remove",
        reason:
          "it is deleted for good; the current database has all of its rows, perhaps with other values, which this shows: holdfast diff v2.0.0-demoted",
      },
    ]);
    query(join(app.backups, "library-v2.0.0-demoted.sqlite"), (db) =>
      db.exec("PRAGMA journal_mode = DELETE; INSERT INTO book VALUES (8, 'fourth'), (9, 'fifth')"),
    );
    expect((await plan()).actions).toMatchObject([
      { reason: "it is deleted for good, with 2 rows that the current database lacks" },
    ]);
    writeFileSync(app.path, "no database at all");
    expect((await plan()).actions).toMatchObject([
      { reason: "it is deleted for good, with everything that only it has" },
    ]);
    expect(app.kept()).toContain("library-v2.0.0-demoted.sqlite");
  });

  test("is deleted in words that do not name the database", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.launch("1.0.0");
    copyFileSync(join(app.backups, "library-v1.0.0.sqlite"), join(app.backups, "library-v2.0.0-demoted.sqlite"));
    const { stdout } = await app.run(["demoted", "remove", "v2.0.0-demoted", "--yes"]);
    expect(stdout).toMatch(`holdfast demoted remove has changed what is kept of ${app.path}\n`);
  });
});

describe("a copy of a backup elsewhere", () => {
  /** Sound in all its pages, with another row than it was taken with. */
  async function edited(name: string): Promise<{ app: Workspace; copy: string }> {
    const app = await twoStates();
    const original = join(app.backups, "library-v1.0.0.sqlite");
    const copy = join(app.folder, name);
    copyFileSync(original, copy);
    query(copy, (db) => db.exec("UPDATE book SET title = 'edited'"));
    return { app, copy };
  }

  test("is not restored when its bytes are not those that it was taken with", async () => {
    const { app, copy } = await edited("stick.sqlite");
    const before = app.snapshot();
    for (const more of [{}, { target: join(app.folder, "elsewhere") }, { dryRun: true }]) {
      expect(await refused(restore(app.settings(), copy, { ...options, ...more }))).toMatchObject({
        code: "DB_CORRUPT",
        message: `${copy} cannot be restored: its bytes are not those that were recorded of it, beside it or in it. Nothing was changed.`,
        hint: expect.stringContaining(`holdfast restore "${copy}" --force`),
      });
    }
    expect(await refused(merge(app.settings(), copy, options))).toMatchObject({
      code: "DB_CORRUPT",
      hint: expect.stringContaining("--target <folder> --force makes a database of it that can be merged"),
    });
    expect(app.snapshot()).toEqual(before);
    const target = join(app.folder, "to-merge");
    await restore(app.settings(), copy, { ...options, target, force: true });
    await merge(app.settings(), join(target, "library.sqlite"), { ...options, onConflict: "keep-incoming" });
    expect(app.titles()).toEqual(["edited", "second"]);
  });

  test("is restored all the same by force, which says it", async () => {
    const { app, copy } = await edited("stick.sqlite");
    const { warnings } = await restore(app.settings(), copy, { ...options, force: true });
    expect(app.titles()).toEqual(["edited"]);
    expect(warnings).toEqual([`${copy}: its bytes are not those that were recorded of it.`]);
  });

  test("is held against the checksum beside it, where it says nothing of itself", async () => {
    const { app, copy } = await edited("stick.sqlite");
    const plain = join(app.folder, "plain.sqlite");
    query(copy, (db) => db.prepare("VACUUM INTO ?").run(plain));
    query(plain, (db) => db.exec("DROP TABLE _holdfast_backup"));
    await restore(app.settings(), plain, { ...options, dryRun: true });
    writeFileSync(`${plain}.sha256`, `${"0".repeat(64)}  plain.sqlite\n`);
    expect((await refused(restore(app.settings(), plain, options))).code).toBe("DB_CORRUPT");
    writeFileSync(`${plain}.sha256`, `${hashOf(plain)}  plain.sqlite\n`);
    await restore(app.settings(), plain, options);
    expect(app.titles()).toEqual(["edited"]);
  });

  test("that is damaged gives up what can be read of it, which is restored as a database", async () => {
    const { app, copy } = await edited("stick.sqlite");
    const [root, size] = query(copy, (db) => [
      Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name LIKE 'sqlite_autoindex_%'").pluck().get()),
      Number(db.pragma("page_size", { simple: true })),
    ]);
    const bytes = readFileSync(copy);
    writeFileSync(copy, bytes.fill(255, (root - 1) * size, root * size));
    const error = await refused(restore(app.settings(), copy, options));
    expect(error.hint).toContain(`holdfast recover "${copy}"`);
    const { output } = await recover(app.settings(), { ...options, source: copy });
    await restore(app.settings(), String(output), options);
    expect(app.titles()).toEqual(["edited"]);
  });

  test("that cannot be judged is not called damaged", async () => {
    const app = await twoStates();
    const other = join(app.folder, "other.sqlite");
    query(app.path, (db) => db.prepare("VACUUM INTO ?").run(other));
    query(other, (db) => {
      db.function("folded", { deterministic: true }, (title) => title);
      db.exec("CREATE INDEX folded ON book (folded(title))");
    });
    expect(await refused(restore(app.settings(), other, options))).toMatchObject({
      code: "CHECK_IMPOSSIBLE",
      hint: expect.stringContaining("no sign of damage"),
    });
  });
});

describe("before it is asked", () => {
  test("says what was written since the backup was taken", async () => {
    const app = await twoStates();
    const { actions } = await restore(app.settings(), "latest", { ...options, dryRun: true });
    const from = (await list(app.settings(), options)).files[0]?.at;
    expect(actions[1]).toMatchObject({ action: "restore", lost: { from, to: statSync(app.path).mtime.toISOString() } });
  });

  test("says nothing of a loss where nothing was written", async () => {
    const app = await twoStates();
    await app.launch("1.0.0");
    await backup(app.settings(), options);
    const { actions } = await restore(app.settings(), "latest", { ...options, dryRun: true });
    expect(actions[1]).not.toHaveProperty("lost");
  });

  test("warns of a file without a stamp, which may be anybody's", async () => {
    const app = await twoStates();
    const other = join(app.folder, "other.sqlite");
    new Database(other).exec("CREATE TABLE recipe (title TEXT)").close();
    const { warnings } = await restore(app.settings(), other, { ...options, dryRun: true });
    expect(warnings).toEqual([expect.stringContaining(`To look at it first: holdfast diff "${other}"`)]);
  });
});

describe("where the database was moved away", () => {
  test("every command says where to", async () => {
    const app = await twoStates();
    const target = join(app.folder, "elsewhere");
    await move(app.settings(), target, options);
    const where = expect.stringContaining(`was moved to ${join(target, "library.sqlite")}`);
    expect((await list(app.settings(), options)).warnings).toEqual([where]);
    expect(await refused(backup(app.settings(), options))).toMatchObject({
      code: "NOT_FOUND",
      message: where,
      hint: `Set db-path = "${join(target, "library.sqlite")}" in the settings.`,
    });
    const copy = join(target, "backups", "library-v1.0.0.sqlite");
    const { warnings } = await restore(app.settings(), copy, { ...options, dryRun: true });
    expect(warnings).toEqual([where]);
  });
});

describe("list", () => {
  test("says nothing of the rows of a database that cannot be read", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.launch("1.0.0");
    writeFileSync(app.path, "no database at all");
    const { stdout } = await app.run(["list", "--rows"]);
    expect(stdout).toMatch(/book +0 rows\n/);
    expect(stdout).toContain("could not be counted");
  });

  test("names everything there is to go back to, and changes nothing", async () => {
    const app = await twoStates();
    writeFileSync(app.path, "no database at all");
    await app.launch("1.0.0");
    const before = app.snapshot();
    const { files, warnings } = await list(app.settings(), { ...options, rows: true });
    expect(warnings).toEqual([expect.stringMatching(/could not be counted: .* is damaged: file is not a database\.$/)]);
    expect(files).toMatchObject([
      { id: "v1.0.0", kind: "backup", reason: "launch", newest: true, layout: "equal", version: "1.0.0" },
      { id: expect.stringMatching(/^\d{8}T\d{6}Z-corrupt$/), kind: "quarantined", layout: null },
    ]);
    expect(files[0]?.rows).toContainEqual({ table: "book", rows: 1, live: 1 });
    expect(app.snapshot()).toEqual(before);
  });

  test("works without a database, and without anything at all", async () => {
    const app = new Workspace().release(2);
    expect((await list(app.settings(), options)).files).toEqual([]);
    expect(existsSync(app.backups)).toBe(false);
    mkdirSync(app.backups);
    expect((await list(app.settings(), { ...options, rows: true })).files).toEqual([]);
  });
});
