import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { guard, move } from "../../src/index.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { query, Workspace } from "../fixtures/workspace.ts";

const options = { appVersion: "1.0.0" } as const;

async function withBackup(): Promise<Workspace> {
  const app = new Workspace().release(2);
  await app.launch("1.0.0", ["first"]);
  await app.launch("1.0.0", ["second"]);
  return app;
}

describe("move", () => {
  test("relocates the database with its backups and their index, and says what to set", async () => {
    const app = await withBackup();
    const target = join(app.folder, "elsewhere");
    const report = await move(app.settings(), target, options);
    const path = join(target, "library.sqlite");
    expect(report).toMatchObject({ outcome: "done", settings: [{ key: "db-path", value: path }] });
    expect(app.titles(path)).toEqual(["first", "second"]);
    expect(existsSync(app.path)).toBe(false);
    expect(app.kept()).toEqual([]);
    const library = await guard(app.settings({ path }), options);
    expect(library.report).toMatchObject({ outcome: "opened", found: { state: "healthy" }, warnings: [] });
    await library.close();
    expect(query(path, (db) => db.pragma("journal_mode", { simple: true }))).toBe("wal");
    expect(readdirSync(join(target, "backups"))).toContain("library-v1.0.0.sqlite");
  });

  test("leaves word for a launch that still looks for it at its old place", async () => {
    const app = await withBackup();
    const path = join(app.folder, "elsewhere", "library.sqlite");
    await move(app.settings(), join(app.folder, "elsewhere"), options);
    const error = await app.refusal("1.0.0");
    expect(error).toMatchObject({ code: "NOT_FOUND", hint: expect.stringContaining(`Set db-path = "${path}"`) });
    expect(existsSync(app.path)).toBe(false);
    const plan = await app.plan("1.0.0");
    expect(plan).toMatchObject({ outcome: "would-refuse", error: { code: "NOT_FOUND" } });
  });

  test("keeps the old files when it is told to, in the journal mode that they had", async () => {
    const app = await withBackup();
    const before = app.titles();
    const kept = app.kept();
    await move(app.settings(), join(app.folder, "elsewhere"), { ...options, keep: true });
    expect(app.titles()).toEqual(before);
    expect(app.kept()).toEqual(kept);
    expect(query(app.path, (db) => db.pragma("journal_mode", { simple: true }))).toBe("wal");
    expect((await app.launch("1.0.0")).outcome).toBe("opened");
  });

  test("moves into a folder that is there, beside what is in it", async () => {
    const app = await withBackup();
    const target = join(app.folder, "elsewhere");
    mkdirSync(target);
    writeFileSync(join(target, "notes.txt"), "mine");
    await move(app.settings(), target, options);
    expect(readdirSync(target).sort()).toEqual(["backups", "library.sqlite", "notes.txt"]);
  });

  test.each(["library.sqlite", "library.sqlite-wal", "backups"])("replaces no %s", async (name) => {
    const app = await withBackup();
    const target = join(app.folder, "elsewhere");
    mkdirSync(target);
    writeFileSync(join(target, name), "mine");
    const before = app.snapshot();
    expect((await refused(move(app.settings(), target, options))).message).toContain("exists already");
    expect(app.snapshot()).toEqual(before);
  });

  test("is refused while the application runs", async () => {
    const app = await withBackup();
    const running = new AppProcess(app, "1.0.0");
    await running.hear();
    const error = await refused(move(app.settings(), join(app.folder, "elsewhere"), options));
    expect(error.code).toBe("DB_IN_USE");
    expect(existsSync(join(app.folder, "elsewhere"))).toBe(false);
  });

  test("leaves everything as it was when it is aborted", async () => {
    const app = await withBackup();
    const before = app.titles();
    const kept = app.kept();
    const controller = new AbortController();
    const onEvent = ({ kind, done }: { kind: string; done?: number }) => {
      if (kind === "copy" && done) controller.abort(new Error("enough"));
    };
    const target = join(app.folder, "elsewhere");
    const error = await refused(move(app.settings(), target, { ...options, signal: controller.signal, onEvent }));
    expect(error.code).toBe("ABORTED");
    expect([existsSync(target), app.titles(), app.kept()]).toEqual([false, before, kept]);
    expect(readdirSync(app.folder).filter((name) => name.includes("moving"))).toEqual([]);
    expect(query(app.path, (db) => db.pragma("journal_mode", { simple: true }))).toBe("wal");
  });

  test("says with dryRun what it would do, and does nothing", async () => {
    const app = await withBackup();
    const before = app.snapshot();
    const report = await move(app.settings(), join(app.folder, "elsewhere"), { ...options, dryRun: true });
    expect(report.outcome).toBe("would-do");
    expect(report.actions.map(({ file }) => file)).toEqual(
      expect.arrayContaining([app.path, join(app.backups, "library-v1.0.0.sqlite")]),
    );
    expect(app.snapshot()).toEqual(before);
  });
});
