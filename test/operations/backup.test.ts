import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backup, list, type SettingsInput } from "../../src/index.ts";
import { leaveHotJournal, makeForeign } from "../faults/damage.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { query, Workspace } from "../fixtures/workspace.ts";

const options = { appVersion: "1.0.0" } as const;
const OWN = "library-v1.0.0.sqlite";

/** A backup with the first row, and a second row that only the database has; closed cleanly. */
async function behind(more: Partial<SettingsInput> = {}): Promise<Workspace> {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["first"], more);
  await app.launch("1.0.0", [], more);
  await app.launch("1.0.0", ["second"], { ...more, backupMinInterval: "1d" });
  return app;
}

const besideDatabase = (app: Workspace) => ["-wal", "-shm", "-journal"].filter((end) => existsSync(app.path + end));

describe("backup", () => {
  test("brings the version's backup up to date, and leaves the database as sealed as it was", async () => {
    const app = await behind();
    const before = app.snapshot()["library.sqlite"];
    const report = await backup(app.settings(), options);
    expect(report).toMatchObject({
      outcome: "done",
      operation: "backup",
      database: app.path,
      actions: [{ action: "back-up", reason: "manual", version: "1.0.0", file: join(app.backups, OWN) }],
      warnings: [],
    });
    expect(app.titles(join(app.backups, OWN))).toEqual(["first", "second"]);
    expect(app.snapshot()["library.sqlite"]).toBe(before);
    expect(besideDatabase(app)).toEqual([]);
    expect((await app.launch("1.0.0")).actions.map(({ action }) => action)).not.toContain("check");
  });

  test("has the rows that a running application has committed, and leaves it running", async () => {
    const app = await behind();
    const running = new AppProcess(app, "1.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    await running.order("backup");
    await running.order({ exec: "INSERT INTO book (title) VALUES ('third')" });
    await backup(app.settings(), options);
    expect(app.titles(join(app.backups, OWN))).toEqual(["first", "second", "third"]);
    expect(await running.order({ exec: "INSERT INTO book (title) VALUES ('fourth')" })).toMatchObject({ ok: true });
    expect(await running.order("close")).toMatchObject({ ok: true });
    expect(app.titles()).toEqual(["first", "second", "third", "fourth"]);
  });

  test("works in the very process that has the database open", async () => {
    const app = await behind();
    await using library = await app.guard("1.0.0");
    await library.backup;
    library.db.prepare("INSERT INTO book (title) VALUES ('third')").run();
    await backup(app.settings(), options);
    expect(app.titles(join(app.backups, OWN))).toEqual(["first", "second", "third"]);
    expect(library.db.prepare("SELECT count(*) FROM book").pluck().get()).toBe(3);
  });

  test("says so where the content is backed up already", async () => {
    const app = await behind();
    await backup(app.settings(), options);
    const before = app.kept();
    const { actions } = await backup(app.settings(), options);
    expect(actions).toMatchObject([{ action: "back-up", unchanged: true, file: join(app.backups, OWN) }]);
    expect(app.kept()).toEqual(before);
  });

  test("is no longer content with one whose bytes have rotted", async () => {
    const app = await behind();
    await backup(app.settings(), options);
    const file = join(app.backups, OWN);
    const bytes = readFileSync(file);
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const { actions, warnings } = await backup(app.settings(), options);
    expect(actions).toMatchObject([{ action: "back-up", file }]);
    expect(actions[0]).not.toHaveProperty("unchanged");
    expect(warnings).toEqual([expect.stringMatching(/set aside as library-.*-corrupt\.sqlite/)]);
    expect(query(file, (db) => db.pragma("integrity_check", { simple: true }))).toBe("ok");
  });

  test("is taken without a version, and where backups are turned off", async () => {
    const app = await behind({ backupRetention: 0 });
    expect(app.kept()).toEqual([]);
    await backup(app.settings({ backupRetention: 0 }));
    expect(app.titles(join(app.backups, OWN))).toEqual(["first", "second"]);
  });

  test("of a database that was never guarded is adopted by its first launch", async () => {
    const app = new Workspace().release({ "0001_authors.sql": "CREATE TABLE author (name TEXT)" });
    makeForeign(app.path, ["Emma"]);
    await backup(app.settings(), options);
    expect(app.titles(join(app.backups, "library-unstamped.sqlite"))).toEqual(["Emma"]);
    await app.launch("1.0.0");
    const ids = query(app.index().replace(/\.toml$/, "-lock.sqlite"), () => readFileSync(app.index(), "utf8")).match(
      /database_id = ".*"/g,
    );
    expect(new Set(ids).size).toBe(1);
  });

  test("says with dryRun what it would do, and does nothing", async () => {
    const app = await behind();
    const before = app.snapshot();
    const report = await backup(app.settings(), { ...options, label: "before the import", dryRun: true });
    expect(report).toMatchObject({
      outcome: "would-do",
      actions: [{ action: "back-up", reason: "manual", file: join(app.backups, "library-v1.0.0-2.sqlite") }],
    });
    expect(app.snapshot()).toEqual(before);
  });

  test.each(["beside the application", "without it"])(
    "leaves everything as it was when it is aborted %s",
    async (how) => {
      const app = await behind();
      if (how === "beside the application") {
        const running = new AppProcess(app, "1.0.0", { backupMinInterval: "1d" });
        expect(await running.hear()).toMatchObject({ ok: true });
        await running.order("backup");
      }
      const before = app.snapshot();
      const controller = new AbortController();
      const onEvent = ({ kind }: { kind: string }) => {
        if (kind === "back-up") controller.abort(new Error("enough"));
      };
      const error = await refused(backup(app.settings(), { ...options, signal: controller.signal, onEvent }));
      expect(error.code).toBe("ABORTED");
      expect(app.snapshot()).toEqual(before);
      expect(app.temporaries()).toEqual([]);
    },
  );

  test("refuses where there is no database, and one that is corrupt", async () => {
    const app = await behind();
    writeFileSync(app.path, "no database at all");
    expect((await refused(backup(app.settings(), options))).code).toBe("DB_CORRUPT");
    rmSync(app.path);
    expect((await refused(backup(app.settings(), options))).code).toBe("NOT_FOUND");
    expect(app.titles(join(app.backups, OWN))).toEqual(["first"]);
  });

  test("leaves a transaction that was cut off to the next launch", async () => {
    const app = new Workspace().release({ "0001_authors.sql": "CREATE TABLE author (name TEXT)" });
    makeForeign(app.path, ["Emma"]);
    await app.launch("1.0.0");
    leaveHotJournal(app.path);
    const before = app.snapshot();
    const error = await refused(backup(app.settings(), options));
    expect(error).toMatchObject({ code: "BACKUP_FAILED", hint: expect.stringContaining("holdfast boot") });
    expect(app.snapshot()).toEqual(before);
  });
});

describe("a backup with a label", () => {
  const label = "before the import";

  test("is a file of its own, also where the content is backed up already", async () => {
    const app = await behind();
    await backup(app.settings(), options);
    await backup(app.settings(), { ...options, label });
    await backup(app.settings(), { ...options, label: "another" });
    expect(app.kept()).toEqual(["library-v1.0.0-2.sqlite", "library-v1.0.0-3.sqlite", OWN]);
    const { files } = await list(app.settings(), options);
    expect(files.map(({ id, label }) => [id, label])).toEqual([
      ["v1.0.0-3", "another"],
      ["v1.0.0-2", label],
      ["v1.0.0", null],
    ]);
  });

  test("keeps the version's own name free", async () => {
    const app = await behind({ backupRetention: 0 });
    await backup(app.settings(), { ...options, label });
    expect(app.kept()).toEqual(["library-v1.0.0-2.sqlite"]);
    await app.launch("1.0.0");
    expect(app.kept()).toEqual(["library-v1.0.0-2.sqlite", OWN]);
  });

  test("does not stand for its version: the version's own is refreshed all the same", async () => {
    const app = await behind();
    await backup(app.settings(), { ...options, label });
    expect(app.titles(join(app.backups, OWN))).toEqual(["first"]);
    await app.launch("1.0.0");
    expect(app.titles(join(app.backups, OWN))).toEqual(["first", "second"]);
  });

  test("outlives every version that retention removes", async () => {
    const app = await behind();
    await backup(app.settings(), { ...options, label });
    for (const version of ["1.1.0", "1.2.0", "1.3.0"]) {
      await app.release({ "0001_books.sql": readFileSync(join(app.migrations, "0001_books.sql"), "utf8") });
      await app.launch(version, [version], { backupRetention: 1 });
    }
    expect(app.kept()).toContain("library-v1.0.0-2.sqlite");
    expect(app.kept()).not.toContain(OWN);
  });

  test("may be taken by several at once", async () => {
    const app = await behind();
    const labels = ["one", "two", "three"];
    await Promise.all(labels.map((each) => backup(app.settings(), { ...options, label: each })));
    const { files } = await list(app.settings(), options);
    expect(files.flatMap(({ label }) => label ?? []).sort()).toEqual([...labels].sort());
    for (const { file } of files.filter(({ label }) => label !== null)) {
      expect(app.titles(file)).toEqual(["first", "second"]);
    }
  });

  test.each([
    ["", "is empty"],
    [" ", "is empty"],
    ["x".repeat(101), "has 101 characters"],
    ["two\nlines", "cannot be shown"],
    ["\u{1B}[31m", "cannot be shown"],
    ["half of a pair \uD800", "cannot be shown"],
    ["latest", "how another backup may be called"],
    ["v1.0.0", "how another backup may be called"],
    ["library-v1.0.0.sqlite", "how another backup may be called"],
  ])("is refused as %j, which %s", async (wrong, why) => {
    const app = new Workspace().release(1);
    const error = await refused(backup(app.settings(), { ...options, label: wrong }));
    expect(error).toMatchObject({ code: "SETTINGS_INVALID", message: expect.stringContaining(why) });
  });
});
