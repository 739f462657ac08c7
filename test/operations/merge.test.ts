import { appendFileSync, copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type ChangeReport,
  type MergeReport,
  merge,
  mergeDemoted,
  type ProgressEvent,
  restore,
} from "../../src/index.ts";
import { CommandLine } from "../cli/command-line.ts";
import { leaveHotJournal, makeForeign, smashTable } from "../faults/damage.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { hashOf, query } from "../fixtures/workspace.ts";

const VERSION = 'db-app-version = "1.0.0"';
const options = { appVersion: "1.0.0" } as const;

/** Sealed, with its content in its backup, and another database that has one row more and one that differs. */
async function twoDatabases(): Promise<CommandLine & { other: string }> {
  const app = Object.assign(new CommandLine(VERSION), { other: "" });
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  app.other = join(app.folder, "other.sqlite");
  copyFileSync(app.path, app.other);
  query(app.other, (db) => {
    db.pragma("journal_mode = DELETE");
    db.exec("INSERT INTO book VALUES (2, 'Villette'); INSERT INTO author VALUES (1, 'Brontë')");
  });
  return app;
}

async function inConflict(): Promise<CommandLine & { other: string }> {
  const app = await twoDatabases();
  query(app.other, (db) => db.exec("UPDATE book SET title = 'Emma, 2nd edition' WHERE id = 1"));
  return app;
}

/** A hundred thousand rows that only the other one has. */
function fill(app: { other: string }): void {
  query(app.other, (db) =>
    db.exec(
      "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n LIMIT 100000) INSERT INTO book SELECT i, 'a title of some length that fills the pages' FROM n",
    ),
  );
}

describe("merge", () => {
  test("brings the rows of another database, behind a restore point", async () => {
    const app = await twoDatabases();
    const report = await merge(app.settings(), app.other, options);
    expect(app.titles()).toEqual(["Emma", "Villette"]);
    expect(report).toMatchObject({
      outcome: "done",
      operation: "merge",
      database: app.path,
      actions: [
        {
          action: "back-up",
          file: join(app.backups, "library-v1.0.0.sqlite"),
          reason: "the last state before the merge",
        },
        {
          action: "merge",
          table: "book",
          file: app.other,
          reason: "1 row new, 1 row the same",
          ms: expect.any(Number),
        },
        { action: "merge", table: "author", file: app.other, reason: "1 row new" },
      ],
      warnings: [],
      merge: { outcome: "merged", conflicts: { total: 0 } },
    });
    expect(app.titles(join(app.backups, "library-v1.0.0.sqlite"))).toEqual(["Emma"]);
    expect(app.temporaries()).toEqual([]);
  });

  test("leaves a database that the next launch opens at once, and backs up", async () => {
    const app = await twoDatabases();
    await merge(app.settings(), app.other, options);
    expect(existsSync(`${app.path}-wal`)).toBe(false);
    const report = await app.launch("1.0.0");
    expect(report).toMatchObject({ outcome: "opened", actions: [{ action: "back-up" }], warnings: [] });
    expect(app.titles(join(app.backups, "library-v1.0.0.sqlite"))).toEqual(["Emma", "Villette"]);
  });

  test("of what was not sealed leaves the next launch to check it", async () => {
    const app = await twoDatabases();
    rmSync(join(app.backups, ".library-db-seal.toml"));
    await merge(app.settings(), app.other, options);
    expect((await app.launch("1.0.0")).actions[0]).toMatchObject({
      action: "check",
      reason: /no record of a clean close/,
    });
  });

  test("lists the conflicts, and writes nothing", async () => {
    const app = await inConflict();
    const before = app.snapshot();
    const error = await refused(merge(app.settings(), app.other, options));
    expect(error).toMatchObject({
      code: "MERGE_CONFLICT",
      message: `1 row of ${app.other} cannot be brought into ${app.path} without a conflict. Nothing was written.`,
      hint: expect.stringContaining(`holdfast merge ${app.other} --on-conflict keep-current, or the other's`),
      details: { report: { conflicts: { total: 1, listed: [{ table: "book", key: { id: 1 } }] } } },
    });
    expect(await refused(merge(app.settings(), app.other, { ...options, dryRun: true }))).toMatchObject({
      code: "MERGE_CONFLICT",
    });
    expect(app.snapshot()).toEqual(before);
  });

  test("keeps the present values, or takes the others, as it is told", async () => {
    const app = await inConflict();
    const kept = await merge(app.settings(), app.other, { ...options, onConflict: "keep-current" });
    expect(app.titles()).toEqual(["Emma", "Villette"]);
    expect(kept.actions[1]).toMatchObject({ reason: "1 row new, 1 row with other values left as they are" });
    await merge(app.settings(), app.other, { ...options, onConflict: "keep-incoming" });
    expect(app.titles()).toEqual(["Emma, 2nd edition", "Villette"]);
  });

  test("takes the tables that are named", async () => {
    const app = await inConflict();
    const report = await merge(app.settings(), app.other, { ...options, tables: ["author"] });
    expect(report.actions).toMatchObject([{ action: "back-up" }, { table: "author" }]);
    expect(app.titles()).toEqual(["Emma"]);
  });

  test.each(["latest", "v1.0.0"])(
    "brings deleted rows back from %s, which its restore point leaves alone",
    async (id) => {
      const app = await twoDatabases();
      query(app.path, (db) => db.exec("DELETE FROM book; INSERT INTO author VALUES (7, 'Brontë')"));
      const source = join(app.backups, "library-v1.0.0.sqlite");
      const before = hashOf(source);
      const report = await merge(app.settings(), id, { ...options, tables: ["book"] });
      expect(app.titles()).toEqual(["Emma"]);
      expect(hashOf(source)).toBe(before);
      const label = "before the merge of v1.0.0";
      expect(report.actions).toMatchObject([
        {
          action: "back-up",
          file: join(app.backups, "library-v1.0.0-2.sqlite"),
          reason: `the last state before the merge; labelled "${label}", and kept until you delete it`,
        },
        { action: "merge", table: "book", reason: "1 row new" },
      ]);
      await restore(app.settings(), label, options);
      expect(app.titles()).toEqual([]);
    },
  );

  test("merges a backup that retention would have pushed out", async () => {
    const app = await twoDatabases();
    await app.launch("2.0.0", ["Persuasion"], { backupRetention: 2 });
    query(app.path, (db) => db.exec("DELETE FROM book"));
    await merge(app.settings({ backupRetention: 1 }), "v1.0.0", { ...options, appVersion: "2.0.0" });
    expect(app.titles()).toEqual(["Emma"]);
    expect(app.titles(join(app.backups, "library-v1.0.0.sqlite"))).toEqual(["Emma"]);
  });

  test("does nothing where there is nothing to bring, and does not ask", async () => {
    const app = await twoDatabases();
    const before = app.snapshot();
    const confirm = () => expect.fail("it was asked");
    const report = await merge(app.settings(), "v1.0.0", { ...options, confirm });
    expect(report).toMatchObject({ outcome: "done", actions: [], merge: { outcome: "merged" } });
    expect(app.snapshot()).toEqual(before);
  });

  test("says what would come of it, and a no changes nothing", async () => {
    const app = await twoDatabases();
    const before = app.snapshot();
    const foreseen = {
      outcome: "would-do",
      actions: [
        { action: "back-up", version: "1.0.0" },
        { action: "merge", table: "book", reason: "1 row new, 1 row the same" },
        { action: "merge", table: "author" },
      ],
      merge: { outcome: "would-merge" },
    };
    expect(await merge(app.settings(), app.other, { ...options, dryRun: true })).toMatchObject(foreseen);
    const asked: ChangeReport[] = [];
    const confirm = (plan: ChangeReport) => {
      asked.push(plan);
      return false;
    };
    expect(await refused(merge(app.settings(), app.other, { ...options, confirm }))).toMatchObject({
      code: "ABORTED",
    });
    expect(asked).toMatchObject([foreseen]);
    expect(app.snapshot()).toEqual(before);
  });

  test("is refused when there is no restore point, and nothing is changed", async () => {
    const app = await twoDatabases();
    query(app.path, (db) => db.exec("CREATE TABLE scan (bytes BLOB); INSERT INTO scan VALUES (zeroblob(10000))"));
    smashTable(app.path, "scan");
    const before = app.snapshot();
    const error = await refused(merge(app.settings(), app.other, options));
    expect(error).toMatchObject({
      code: "BACKUP_FAILED",
      message: expect.stringMatching(/failed its check.* nothing is merged; nothing was changed\.$/),
    });
    expect(app.snapshot()).toEqual(before);
  });

  test("takes no restore point where there are to be no backups, and says so", async () => {
    const app = await twoDatabases();
    const report = await merge(app.settings({ backupRetention: 0 }), app.other, options);
    expect(report.actions.map(({ action }) => action)).toEqual(["merge", "merge"]);
    expect(report.warnings).toEqual([expect.stringContaining("db-backup-retention is 0")]);
  });

  test("is refused while the application runs", async () => {
    const app = await twoDatabases();
    const running = new AppProcess(app, "1.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    expect(await refused(merge(app.settings(), app.other, options))).toMatchObject({ code: "DB_IN_USE" });
  });

  test("leaves a database that was not closed to a launch", async () => {
    const app = await twoDatabases();
    const running = new AppProcess(app, "1.0.0");
    await running.hear();
    await running.order({ exec: "INSERT INTO book (title) VALUES ('in the log')" });
    await running.kill();
    const before = app.snapshot();
    const error = await refused(merge(app.settings(), app.other, options));
    expect(error).toMatchObject({ code: "CHECK_IMPOSSIBLE", hint: expect.stringContaining("holdfast boot") });
    expect(app.snapshot()).toEqual(before);
  });

  test("takes nothing from a damaged file", async () => {
    const app = await twoDatabases();
    appendFileSync(join(app.backups, "library-v1.0.0.sqlite"), "x");
    const before = app.snapshot();
    expect(await refused(merge(app.settings(), "v1.0.0", options))).toMatchObject({
      code: "NO_USABLE_BACKUP",
      message: expect.stringContaining("cannot be merged"),
    });
    expect(app.snapshot()).toEqual(before);
  });

  test("takes nothing of what a kill left half written", async () => {
    const app = await twoDatabases();
    const file = join(app.folder, "half.sqlite");
    makeForeign(file, ["Emma", "Villette"]);
    leaveHotJournal(file);
    await merge(app.settings(), file, options);
    expect(app.titles()).toEqual(["Emma", "Villette"]);
    expect(existsSync(`${file}-journal`)).toBe(true);
  });

  test.each(["wal", "delete"])(
    "in mode %s leaves everything as it was when it is aborted in the middle",
    async (mode) => {
      const app = await twoDatabases();
      query(app.path, (db) => db.pragma(`journal_mode = ${mode}`));
      await app.launch("1.0.0", ["Shirley"]);
      fill(app);
      const before = app.snapshot();
      const names = Object.keys(before);
      for (const when of ["compare", "back-up", "merge"] as const) {
        const controller = new AbortController();
        const onEvent = ({ kind, done = 0 }: ProgressEvent) => {
          if (kind === when && (kind === "back-up" || done > 1000)) controller.abort(new Error("enough"));
        };
        const error = await refused(
          merge(app.settings(), app.other, {
            ...options,
            onConflict: "keep-current",
            signal: controller.signal,
            onEvent,
          }),
        );
        expect(error).toMatchObject({ code: "ABORTED" });
        expect(app.titles()).toEqual(["Emma", "Shirley"]);
        expect(Object.keys(app.snapshot())).toEqual(names);
      }
      // A transaction that is rolled back was in the file for a moment, outside of WAL mode.
      if (mode === "wal") expect(app.snapshot()["library.sqlite"]).toBe(before["library.sqlite"]);
      expect((await app.launch("1.0.0")).actions.map(({ action }) => action)).not.toContain("check");
    },
  );
});

describe("a demoted database", () => {
  const ONE = { "0001_books.sql": "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL);" };

  async function demoted(): Promise<CommandLine> {
    const app = new CommandLine().release(ONE);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    app.release(2);
    await app.launch("2.0.0", ["Villette"]);
    app.release(ONE);
    await app.launch("1.0.0", ["Shirley"]);
    app.release(2);
    await app.launch("2.0.0");
    expect(app.kept()).toContain("library-v2.0.0-demoted.sqlite");
    return app;
  }

  test("gives its rows, and stays where it is", async () => {
    const app = await demoted();
    const report = await mergeDemoted(app.settings(), "v2.0.0-demoted", {
      appVersion: "2.0.0",
      onConflict: "keep-incoming",
    });
    expect(report).toMatchObject({ operation: "demoted merge", merge: { conflicts: { total: 1 } } });
    expect(app.titles()).toEqual(["Emma", "Villette"]);
    expect(app.kept()).toContain("library-v2.0.0-demoted.sqlite");
    const other = await refused(mergeDemoted(app.settings(), "v2.0.0", { appVersion: "2.0.0" }));
    expect(other).toMatchObject({ code: "NOT_FOUND", hint: expect.stringContaining("demoted list") });
  });

  test("on the command line lists what is in the way", async () => {
    const app = await demoted();
    const merging = ["demoted", "merge", "v2.0.0-demoted", "--app-version", "2.0.0", "--yes"];
    const { exitStatus, stdout, stderr } = await app.run(merging);
    expect(exitStatus).toBe(40);
    expect(stdout).toContain('conflict  book, id 2\n            title is "Shirley"; the other has "Villette"\n');
    expect(stderr).toContain("holdfast demoted merge v2.0.0-demoted --on-conflict keep-current");
    const done = await app.run([...merging, "--on-conflict", "keep-current"]);
    expect(done).toMatchObject({ exitStatus: 0, stderr: "" });
    expect(done.stdout).toMatch(`holdfast demoted merge had nothing to change in ${app.path}\n`);
    const planned = await app.run([...merging.slice(0, -1), "--dry-run", "--on-conflict", "keep-current"]);
    expect(planned.stdout).toMatch(`holdfast demoted merge would change nothing in ${app.path}\n`);
    expect(app.titles()).toEqual(["Emma", "Shirley"]);
  });
});

describe("holdfast merge", () => {
  test("says what it did, table by table, and what did not fit", async () => {
    const app = await twoDatabases();
    query(app.other, (db) => db.exec("CREATE TABLE shelf (name TEXT); INSERT INTO shelf VALUES ('upper')"));
    const { exitStatus, stdout } = await app.run(["merge", app.other, "--yes"]);
    expect(exitStatus).toBe(0);
    expect(stdout.replaceAll(/ +\d+(\.\d)? m?s$/gm, "")).toBe(`holdfast merge has changed ${app.path}

  kept    backups/library-v1.0.0.sqlite
          its content is the database's already
  merged  book
          1 row new, 1 row the same
  merged  author
          1 row new
  left out  shelf: the current database has no such table: its row does not fit
`);
  });

  test("does not know another way with conflicts", async () => {
    const app = await inConflict();
    const { exitStatus, stderr } = await app.run(["merge", app.other, "--yes", "--on-conflict", "guess"]);
    expect([exitStatus, stderr]).toEqual([3, expect.stringContaining('--on-conflict does not know "guess"')]);
  });

  test("prints one object, for a conflict too", async () => {
    const app = await inConflict();
    const merging = ["merge", app.other, "--yes"];
    expect(await app.json(...merging)).toMatchObject({
      exitStatus: 40,
      outcome: "refused",
      error: { code: "MERGE_CONFLICT", details: { report: { conflicts: { total: 1 } } } },
    });
    expect(await app.json<MergeReport>(...merging, "--on-conflict", "keep-incoming", "--tables", "book")).toMatchObject(
      {
        exitStatus: 0,
        outcome: "done",
        merge: { onConflict: "keep-incoming", tables: [{ table: "book", added: 1, replaced: 1 }] },
      },
    );
    expect(app.titles()).toEqual(["Emma, 2nd edition", "Villette"]);
  });
});
