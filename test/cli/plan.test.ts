import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { STATUS_OF } from "../../src/cli/exit-status.ts";
import { CommandLine } from "./command-line.ts";

describe("plan --json", () => {
  test("prints what a first launch would do, and does none of it", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    const report = await app.json("plan");
    expect(report).toMatchObject({
      exitStatus: 0,
      outcome: "would-open",
      database: app.path,
      appVersion: "1.0.0",
      found: { state: "new", version: null, layout: "none" },
      warnings: [],
      blockedMs: expect.any(Number),
    });
    expect(report.actions.map(({ action, certain }) => [action, certain])).toEqual([
      ["create", false],
      ["migrate", false],
      ["stamp", false],
      ["back-up", false],
    ]);
    expect(existsSync(app.path)).toBe(false);
    expect(existsSync(app.backups)).toBe(false);
  });

  test("changes nothing where migrations are pending", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    app.release(3);
    const before = app.everything();
    const report = await app.json("plan", "--app-version", "1.1.0");
    expect(report.outcome).toBe("would-open");
    expect(report.found).toEqual({ state: "healthy", version: "1.0.0", layout: "behind" });
    expect(report.actions.find((each) => each.action === "migrate")?.applied).toEqual(["0003_progress.sql"]);
    expect(app.everything()).toEqual(before);
  });

  test("exits with the status that the launch would have when it would refuse", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"', 'db-on-corruption = "refuse"');
    writeFileSync(app.path, "no database");
    const report = await app.json("plan");
    expect(report).toMatchObject({
      exitStatus: STATUS_OF.DB_CORRUPT,
      outcome: "would-refuse",
      error: { code: "DB_CORRUPT" },
    });
  });

  test("calls a refusal that came before any report by the plan's name", async () => {
    const report = await new CommandLine("db-colour = 1").json("plan", "--app-version", "1.0.0");
    expect(report).toMatchObject({ outcome: "would-refuse", error: { code: "SETTINGS_INVALID" } });
  });
});

describe("plan", () => {
  test("speaks in the conditional, and marks what only doing it can tell", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    app.release(3);
    const { exitStatus, stdout } = await app.run(["plan", "--app-version", "1.1.0"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Would open ${app.path} for version 1\\.1\\.0\\.\\n`));
    expect(stdout).toMatch(/^ {2}would check\? {4}library\.sqlite\n/m);
    expect(stdout).toMatch(/^ {2}would back up\? {2}version 1\.0\.0\n +the last state before the migrations$/m);
    expect(stdout).toMatch(/^ {2}would migrate\? {2}0003_progress\.sql$/m);
    expect(stdout).toMatch(/^ {2}\? {15}not certain: only doing it can tell$/m);
  });

  test("tells why it would refuse on standard error", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"', 'db-on-corruption = "restore"');
    writeFileSync(app.path, "no database");
    const { exitStatus, stdout, stderr } = await app.run(["plan"]);
    expect(exitStatus).toBe(STATUS_OF.NO_USABLE_BACKUP);
    expect(stdout).toMatch(/^Would refuse /);
    expect(stderr).toMatch(/^Error: .+\nTry: .+\n$/);
  });
});
