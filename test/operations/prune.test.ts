import { copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backup, type ChangeReport, list, prune } from "../../src/index.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { Workspace } from "../fixtures/workspace.ts";

const options = { appVersion: "1.2.0" } as const;

/** Three versions with a backup each, and one with a label. */
async function three(): Promise<Workspace> {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["first"], { backupRetention: 3 });
  await app.launch("1.0.0", [], { backupRetention: 3 });
  await backup(app.settings({ backupRetention: 3 }), { appVersion: "1.0.0", label: "mine" });
  for (const version of ["1.1.0", "1.2.0"]) {
    // Only a migration changes the stamp, and so the version that a backup is of.
    app.release(version === "1.1.0" ? 2 : 3);
    await app.launch(version, [version], { backupRetention: 3 });
  }
  expect(app.kept()).toEqual([
    "library-v1.0.0-2.sqlite",
    "library-v1.0.0.sqlite",
    "library-v1.1.0.sqlite",
    "library-v1.2.0.sqlite",
  ]);
  return app;
}

const names = (files: readonly { readonly file?: string }[]) => files.map(({ file = "" }) => file.split("/").at(-1));

describe("prune", () => {
  test("removes what is beyond retention, and says why each file goes or stays", async () => {
    const app = await three();
    const report = await prune(app.settings({ backupRetention: 2 }), options);
    expect(report).toMatchObject({
      outcome: "done",
      operation: "prune",
      actions: [
        {
          action: "remove",
          file: join(app.backups, "library-v1.0.0.sqlite"),
          reason: "beyond the 2 that db-backup-retention keeps, the lowest version first",
        },
      ],
      kept: [
        { file: join(app.backups, "library-v1.2.0.sqlite"), reason: "the running version's backup" },
        { file: join(app.backups, "library-v1.1.0.sqlite"), reason: "among the 2 highest versions" },
        { file: join(app.backups, "library-v1.0.0-2.sqlite"), reason: 'labelled "mine"' },
      ],
      warnings: [],
    });
    expect(app.kept()).toEqual(["library-v1.0.0-2.sqlite", "library-v1.1.0.sqlite", "library-v1.2.0.sqlite"]);
    expect(existsSync(join(app.backups, "library-v1.0.0.sqlite.sha256"))).toBe(false);
    expect((await list(app.settings(), options)).files.map(({ id }) => id)).toEqual(["v1.2.0", "v1.1.0", "v1.0.0-2"]);
  });

  test("says the same beforehand, and removes nothing then", async () => {
    const app = await three();
    const settings = app.settings({ backupRetention: 1 });
    const before = app.snapshot();
    const planned = await prune(settings, { ...options, dryRun: true });
    expect(app.snapshot()).toEqual(before);
    expect(names(planned.actions)).toEqual(["library-v1.1.0.sqlite", "library-v1.0.0.sqlite"]);
    const plans: ChangeReport[] = [];
    const confirm = (plan: ChangeReport) => plans.push(plan) < 2;
    const done = await prune(settings, { ...options, confirm });
    expect(plans[0]?.actions).toEqual(planned.actions);
    expect(names(done.actions)).toEqual(names(planned.actions));
    expect(done.kept).toEqual(planned.kept);
  });

  test("removes nothing when the answer is no", async () => {
    const app = await three();
    const before = app.snapshot();
    const error = await refused(prune(app.settings({ backupRetention: 1 }), { ...options, confirm: () => false }));
    expect(error.code).toBe("ABORTED");
    expect(app.snapshot()).toEqual(before);
  });

  test("asks nothing where nothing goes", async () => {
    const app = await three();
    const confirm = () => {
      throw new Error("it asked");
    };
    const report = await prune(app.settings({ backupRetention: 3 }), { ...options, confirm });
    expect(report).toMatchObject({ outcome: "done", actions: [] });
    expect(report.kept).toHaveLength(4);
  });

  test("removes no backup where backups are turned off", async () => {
    const app = await three();
    const report = await prune(app.settings({ backupRetention: 0 }), options);
    expect(report.actions).toEqual([]);
    expect(report.kept.map(({ reason }) => reason)).toContain("backups are turned off, and none is removed");
    expect(app.kept()).toHaveLength(4);
  });

  test("keeps what was demoted, and the newest of what was quarantined", async () => {
    const app = await three();
    app.release(2);
    await app.launch("1.1.0", [], { backupRetention: 9 });
    for (const day of [20, 21, 22]) {
      writeFileSync(join(app.backups, `library-202611${day}T101500Z-corrupt.sqlite`), `of the ${day}`);
    }
    const report = await prune(app.settings({ backupRetention: 9, quarantineRetention: 1 }), { appVersion: "1.1.0" });
    expect(report.actions.map(({ file = "", reason }) => [file.split("/").at(-1), reason])).toEqual([
      ["library-20261121T101500Z-corrupt.sqlite", "beyond the 1 that db-quarantine-retention keeps"],
      ["library-20261120T101500Z-corrupt.sqlite", "beyond the 1 that db-quarantine-retention keeps"],
    ]);
    expect(report.kept).toContainEqual({
      file: join(app.backups, "library-v1.2.0-demoted.sqlite"),
      reason: "demoted: deleted only by holdfast demoted remove",
    });
    expect(names(report.kept)).toContain("library-20261122T101500Z-corrupt.sqlite");
  });

  test("works while the application runs", async () => {
    const app = await three();
    const running = new AppProcess(app, "1.2.0", { backupRetention: 3 });
    expect(await running.hear()).toMatchObject({ ok: true });
    await running.order("backup");
    await prune(app.settings({ backupRetention: 2 }), options);
    expect(app.kept()).not.toContain("library-v1.0.0.sqlite");
    expect(await running.order("close")).toMatchObject({ ok: true });
  });

  test("leaves another database's backups in the folder alone", async () => {
    const app = await three();
    const other = await three();
    copyFileSync(join(other.backups, "library-v1.0.0.sqlite"), join(app.backups, "library-v0.1.0.sqlite"));
    const report = await prune(app.settings({ backupRetention: 1 }), options);
    expect(app.kept()).toContain("library-v0.1.0.sqlite");
    expect(report.kept).toContainEqual({
      file: join(app.backups, "library-v0.1.0.sqlite"),
      reason: "a backup of another database",
    });
  });

  test("has nothing to do where there is nothing", async () => {
    const app = new Workspace().release(1);
    expect(await prune(app.settings(), options)).toMatchObject({ outcome: "done", actions: [], kept: [] });
    rmSync(app.path, { force: true });
    expect(existsSync(app.backups)).toBe(false);
  });
});
