import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { type DoctorReport, doctor, type Finding, move } from "../../src/index.ts";
import { CommandLine } from "../cli/command-line.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { asUnprivileged, permit } from "../fixtures/unprivileged.ts";
import { query, Workspace } from "../fixtures/workspace.ts";

const VERSION = { appVersion: "1.0.0" } as const;

async function launched(): Promise<Workspace> {
  const app = new Workspace().release(2);
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  return app;
}

function finding({ findings }: DoctorReport, name: string): Finding | undefined {
  return findings.find((each) => each.name === name);
}

/** All but what hangs on the machine that this runs on. */
function amiss({ findings }: DoctorReport): string[] {
  const ofMachine = new Set(["file system", "space", "synced folder"]);
  return findings.filter(({ name, state }) => state !== "ok" && !ofMachine.has(name)).map(({ name }) => name);
}

describe("doctor", () => {
  test("finds nothing amiss after clean launches, and changes nothing", async () => {
    const app = await launched();
    const before = app.snapshot();
    const report = await doctor(app.settings(), VERSION);
    expect(report).toMatchObject({ outcome: "healthy", database: app.path });
    expect(amiss(report)).toEqual([]);
    expect(report).not.toHaveProperty("error");
    expect(app.snapshot()).toEqual(before);
    // The seal still stands: the launch is a quiet one.
    expect((await app.launch("1.0.0")).actions).toEqual([]);
  });

  test("needs no version", async () => {
    const report = await doctor((await launched()).settings());
    expect(report.outcome).toBe("healthy");
    expect(amiss(report)).toEqual(["settings"]);
  });

  test("looks at a machine on which nothing was launched yet, and makes nothing there", async () => {
    const app = new Workspace().release(2);
    const report = await doctor(app.settings(), VERSION);
    expect(report.outcome).toBe("healthy");
    expect(finding(report, "database")).toMatchObject({ state: "note" });
    expect(app.snapshot()).toEqual({});
  });

  test("works while the application runs, and names its process where the system tells it", async () => {
    const app = await launched();
    const running = new AppProcess(app, "1.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    const report = await doctor(app.settings(), VERSION);
    expect(report.outcome).toBe("healthy");
    expect(finding(report, "pages")).toMatchObject({ state: "ok", message: expect.stringContaining("has it open") });
    const told = finding(report, "lock")?.message ?? "";
    expect(told).toContain("A running application");
    // Some file systems tell /proc another device than stat.
    if (told.includes("process"))
      expect(told).toContain(`process ${running.process.pid}, ${basename(process.execPath)})`);
    expect(await running.order("close")).toEqual({ ok: true });
  });

  test("tells a corrupt database, and that backups are there", async () => {
    const app = await launched();
    writeFileSync(app.path, "no database at all");
    const before = app.snapshot();
    const report = await doctor(app.settings(), VERSION);
    expect(report).toMatchObject({
      outcome: "ailing",
      error: { code: "DB_CORRUPT", hint: "holdfast boot" },
    });
    expect(app.snapshot()).toEqual(before);
  });

  test("tells a missing database, and where it was moved to", async () => {
    const app = await launched();
    const target = join(app.folder, "elsewhere");
    await move(app.settings(), target, VERSION);
    const moved = await doctor(app.settings(), VERSION);
    expect(moved.error).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("was moved to") });
    expect(finding(moved, "database")?.remedy).toBe(`Set db-path = ${JSON.stringify(join(target, "library.sqlite"))}`);
    rmSync(join(target, "library.sqlite"));
    const missing = await doctor(app.settings({ path: join(target, "library.sqlite") }), VERSION);
    expect(missing.error).toMatchObject({ code: "NOT_FOUND", hint: "holdfast restore latest" });
  });

  test("tells what stands in the database's place", async () => {
    const app = new Workspace().release(2);
    mkdirSync(app.path);
    expect((await doctor(app.settings(), VERSION)).error).toMatchObject({
      code: "IO_FAILED",
      message: expect.stringContaining("is a folder"),
    });
  });

  test("tells settings that are wrong, as a finding", async () => {
    const report = await doctor({ path: "x", backupRetention: -1 } as never);
    expect(report).toMatchObject({ outcome: "ailing", database: null, error: { code: "SETTINGS_INVALID" } });
    const app = await launched();
    rmSync(app.migrations, { recursive: true });
    const without = await doctor(app.settings(), VERSION);
    expect(without.error).toMatchObject({ code: "SETTINGS_INVALID", details: { problems: ["settings"] } });
    expect(without.warnings).toEqual([]);
    app.release(2);
  });

  test("holds the index against the files", async () => {
    const app = await launched();
    renameSync(join(app.backups, "library-v1.0.0.sqlite"), join(app.folder, "away.sqlite"));
    const report = await doctor(app.settings(), VERSION);
    expect(finding(report, "index")).toMatchObject({ state: "warning", remedy: "holdfast rebuild-index" });
    expect(finding(report, "backups")).toMatchObject({ state: "warning", remedy: "holdfast backup" });
    appendFileSync(app.index(), "nonsense");
    renameSync(join(app.folder, "away.sqlite"), join(app.backups, "library-v1.0.0.sqlite"));
    const damaged = await doctor(app.settings(), VERSION);
    expect(finding(damaged, "index")?.message).toContain("could not be used");
    expect(finding(damaged, "backups")).toMatchObject({ state: "warning", remedy: "holdfast verify --all" });
  });

  test("counts what was set aside and left behind, and extra folders that are missing", async () => {
    const app = await launched();
    app.release(3);
    await app.launch("2.0.0");
    app.release(2);
    await app.launch("1.0.0");
    const temporary = join(app.backups, `.library-${"0".repeat(8)}-look-${"0".repeat(12)}.tmp`);
    writeFileSync(temporary, "another database's");
    mkdirSync(join(app.folder, "media"));
    const settings = app.settings({ extra: [join(app.folder, "media"), join(app.folder, "covers")] });
    const report = await doctor(settings, VERSION);
    expect(finding(report, "demoted")).toMatchObject({
      state: "note",
      message: expect.stringContaining("library-v2.0.0-demoted.sqlite"),
    });
    expect(finding(report, "temporaries")?.state).toBe("ok");
    expect(finding(report, "extra folders")).toMatchObject({
      state: "warning",
      message: expect.stringMatching(/covers/),
    });
    expect(report.warnings).toEqual([finding(report, "extra folders")?.message]);
  });

  test("tells the newer application that came back what was set aside", async () => {
    const app = await launched();
    app.release(3);
    await app.launch("2.0.0");
    query(app.path, (db) => db.exec("INSERT INTO book (id, title) VALUES (100, 'Persuasion'), (101, 'Emma')"));
    app.release(2);
    await app.launch("1.0.0", ["Dubliners"]);
    app.release(3);
    const told = {
      state: "note",
      message: expect.stringContaining("with 2 rows that the current one lacks"),
      remedy: "holdfast demoted merge v2.0.0-demoted",
    };
    expect(finding(await doctor(app.settings(), { appVersion: "2.0.0" }), "demoted")).toMatchObject(told);
    await app.launch("2.0.0");
    expect(finding(await doctor(app.settings(), { appVersion: "2.0.0" }), "demoted")).toMatchObject(told);
  });

  test("with an opener says what can be said of a key", async () => {
    const app = await launched();
    const opener = new URL("../fixtures/plain-opener.ts", import.meta.url);
    expect(finding(await doctor(app.settings(), { ...VERSION, opener }), "opener")).toMatchObject({ state: "ok" });
    expect(finding(await doctor(app.settings(), VERSION), "opener")).toBeUndefined();
  });

  test.skipIf(process.platform === "win32")("tells what this user may not do", async () => {
    const app = await launched();
    const seen = async (): Promise<DoctorReport> => {
      const { value, error } = await asUnprivileged(
        new URL("../../src/index.ts", import.meta.url),
        "doctor",
        app.settings(),
        VERSION,
      );
      if (error) throw new Error(error.message);
      return value as DoctorReport;
    };
    for (const folder of [app.folder, app.backups]) {
      for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((each) => each.isFile()))
        permit(join(folder, name), 0o600);
      permit(folder, 0o700);
    }
    expect(finding(await seen(), "permissions")).toMatchObject({ state: "ok" });
    permit(app.backups, 0o500);
    expect((await seen()).error).toMatchObject({ code: "BACKUP_FAILED", hint: `chmod u+w "${app.backups}"` });
    permit(app.path, 0o400);
    expect((await seen()).error).toMatchObject({ code: "DB_READ_ONLY", hint: `chmod u+w "${app.path}"` });
    permit(app.path, 0o000);
    expect((await seen()).error).toMatchObject({ code: "IO_FAILED", hint: `chmod u+rw "${app.path}"` });
    permit(app.backups, 0o700);
  });

  test("stops when it is told to", async () => {
    const app = await launched();
    await expect(doctor(app.settings(), { ...VERSION, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ABORTED",
    });
  });
});

describe("holdfast doctor", () => {
  test("prints one page, and exits with 0 for notes and warnings", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"', 'db-extra = ["media"]');
    await app.run(["boot"]);
    const { exitStatus, stdout, stderr } = await app.run(["doctor"]);
    expect([exitStatus, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^Healthy .*library\.sqlite: 0 problems, 1 warning, \d notes?\n\n {2}✓ database +/);
    expect(stdout).toMatch(/ {2}! extra folders +db-extra .*media is not there\.\n +→ Make the folder/);
    expect(stdout.split("\n").filter((line) => /^ {2}[✓·!✗] /.test(line)).length).toBeGreaterThan(14);
    const quiet = await app.run(["doctor", "--quiet"]);
    expect(quiet).toMatchObject({ exitStatus: 0, stdout: "", stderr: expect.stringMatching(/^Warning: db-extra/) });
  });

  test.runIf(process.platform === "linux")("names a program that has the database open without Holdfast", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    const db = new Database(app.path);
    db.prepare("SELECT count(*) FROM book").get();
    const { findings } = await app.json<DoctorReport>("doctor");
    db.close();
    const lock = findings.find(({ name }) => name === "lock");
    // Some file systems tell /proc another device than stat.
    if (lock?.state !== "ok") expect(lock?.message).toContain(`has it open: process ${process.pid}, `);
  });

  test("exits with the status of the first problem, and says it with what helps", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    writeFileSync(app.path, "no database");
    const { exitStatus, stdout, stderr } = await app.run(["doctor"]);
    expect(exitStatus).toBe(20);
    expect(stdout).toMatch(/^Ailing .*: 1 problem, /);
    expect(stdout).toMatch(/✗ database +.* is corrupt: .*\n +→ holdfast boot\n/);
    expect(stderr).toMatch(/^Error: .* is corrupt: .*\nTry: holdfast boot\n$/);
  });

  test("prints an object for programs", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"', 'db-colour = "red"');
    expect(await app.json<DoctorReport>("doctor")).toMatchObject({
      exitStatus: 3,
      outcome: "ailing",
      database: null,
      findings: [{ name: "settings", state: "problem" }],
      error: { code: "SETTINGS_INVALID" },
    });
  });
});
