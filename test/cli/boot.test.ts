import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { STATUS_OF } from "../../src/cli/exit-status.ts";
import { CommandLine } from "./command-line.ts";

describe("boot --json", () => {
  test("prints one object for a first launch, the backup's actions included", async () => {
    const app = new CommandLine();
    const report = await app.json("boot", "--app-version", "1.0.0");
    expect(report).toEqual({
      exitStatus: 0,
      outcome: "opened",
      database: app.path,
      appVersion: "1.0.0",
      found: { state: "new", version: null, layout: "none" },
      actions: [
        { action: "create", reason: expect.any(String), file: app.path, ms: expect.any(Number) },
        {
          action: "migrate",
          reason: "2 migrations were pending",
          applied: ["0001_books.sql", "0002_authors.sql"],
          ms: expect.any(Number),
        },
        { action: "stamp", reason: expect.any(String), version: "1.0.0", ms: expect.any(Number) },
        {
          action: "back-up",
          reason: "launch",
          version: "1.0.0",
          file: join(app.backups, "library-v1.0.0.sqlite"),
          ms: expect.any(Number),
        },
      ],
      warnings: [],
      blockedMs: expect.any(Number),
    });
  });

  test("has nothing to tell of a quiet launch", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    const report = await app.json("boot");
    expect(report.exitStatus).toBe(0);
    expect(report.found).toEqual({ state: "healthy", version: "1.0.0", layout: "equal" });
    expect([report.actions, report.warnings]).toEqual([[], []]);
  });

  test("prints a refused launch as its report, with the error, and nothing on standard error", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    writeFileSync(app.path, "no database");
    const { exitStatus, stdout, stderr } = await app.run(["boot", "--json"]);
    const report = JSON.parse(stdout);
    expect(exitStatus).toBe(STATUS_OF.NO_USABLE_BACKUP);
    expect(report).toMatchObject({
      outcome: "refused",
      database: app.path,
      found: { state: "corrupt", version: null, layout: "none" },
      error: { code: "NO_USABLE_BACKUP", message: expect.stringContaining(app.path), details: { path: app.path } },
    });
    expect(report.error.hint).not.toBe("");
    expect(stderr).toBe("");
  });

  test("prints a refusal that came before any report as an object too", async () => {
    const report = await new CommandLine("db-backup-retention = -3").json("boot", "--app-version", "1.0.0");
    expect(report).toEqual({
      exitStatus: STATUS_OF.SETTINGS_INVALID,
      outcome: "refused",
      error: {
        code: "SETTINGS_INVALID",
        message: expect.any(String),
        hint: expect.any(String),
        details: { file: expect.stringContaining("settings.toml"), key: "db-backup-retention", value: -3 },
      },
    });
  });
});

describe("boot", () => {
  test("says what was found, what was done, why, and how long it took", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    app.release(3);
    const { exitStatus, stdout, stderr } = await app.run(["boot", "--app-version", "1.1.0"]);
    expect([exitStatus, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(new RegExp(`^Opened ${app.path} for version 1\\.1\\.0 after [\\d.]+ m?s\\.\\n\\n`));
    const lines = stdout.split("\n").map((line) =>
      line
        .trim()
        .replaceAll(/ {2,}/g, " ")
        .replace(/ [\d.]+ m?s$/, " …"),
    );
    expect(lines.slice(2)).toEqual([
      "found a healthy database of version 1.0.0; the layout is behind the application's",
      "checked library.sqlite …",
      "1 migration is pending, and every page is read before",
      "kept backups/library-v1.0.0.sqlite …",
      "its content is the database's already",
      "migrated 0003_progress.sql …",
      "1 migration was pending",
      "stamped version 1.1.0",
      "in the transaction of the migrations",
      "backed up backups/library-v1.1.0.sqlite …",
      "what the launch opened",
      "",
    ]);
  });

  test("names what a restore lost", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    writeFileSync(app.path, "no database");
    const { exitStatus, stdout } = await app.run(["boot"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toContain("found        a corrupt database whose version cannot be read\n");
    expect(stdout).toMatch(/^ {2}restored {5}from backups\/library-v1\.0\.0\.sqlite/m);
    expect(stdout).toMatch(/what was written between \d{4}-\d\d-\d\d \d\d:\d\d:\d\d and .* is not in it/);
    expect(stdout).toMatch(/^ {2}quarantined {2}as backups\/library-\d+T\d+Z-corrupt\.sqlite/m);
  });

  test("says Error: and Try: on standard error when it refuses, without a stack", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    app.release({ "0001_books.sql": "CREATE TABEL book (id);" });
    const { exitStatus, stdout, stderr } = await app.run(["boot"]);
    expect(exitStatus).toBe(STATUS_OF.MIGRATION_FAILED);
    expect(stdout).toMatch(new RegExp(`^Refused ${app.path} for version 1\\.0\\.0`));
    expect(stderr).toMatch(/^Error: .*0001_books\.sql.*\nTry: .+\n$/);
    expect(stderr).not.toContain("    at ");
  });

  test.each([
    ["db-backup-retention = -3", "db-backup-retention = -3 must be 0 or more", "Mend db-backup-retention in"],
    ["db-backup-retension = 3", "db-backup-retension = 3 is not a setting", "Did you mean db-backup-retention?"],
  ])("names file, key, value and fix of the setting %s", async (setting, message, fix) => {
    const app = new CommandLine(setting);
    const { exitStatus, stdout, stderr } = await app.run(["boot", "--app-version", "1.0.0"]);
    expect([exitStatus, stdout]).toEqual([STATUS_OF.SETTINGS_INVALID, ""]);
    expect(stderr).toContain(`Error: In ${join(app.folder, "settings.toml")}, ${message}`);
    expect(stderr).toContain(`Try: ${fix}`);
  });

  test("blames --app-version, not the settings file, for a version that is none", async () => {
    const { exitStatus, stderr } = await new CommandLine().run(["boot", "--app-version", "banana"]);
    expect(exitStatus).toBe(STATUS_OF.SETTINGS_INVALID);
    expect(stderr).toContain('--app-version (appVersion) = "banana" must be a semantic version');
    expect(stderr).not.toContain("settings.toml");
  });

  test("reads the settings file that is named, with paths relative to it", async () => {
    const app = new CommandLine();
    app.write("other.toml", 'db-path = "other.sqlite"');
    const report = await app.json("boot", "--settings", join(app.folder, "other.toml"), "--app-version", "1.0.0");
    expect(report.database).toBe(join(app.folder, "other.sqlite"));
  });

  test("without a settings file says how to begin", async () => {
    const { exitStatus, stderr } = await new CommandLine().run(["boot", "--settings", "none.toml"]);
    expect(exitStatus).toBe(STATUS_OF.SETTINGS_INVALID);
    expect(stderr).toMatch(/^Error: The settings file .*none\.toml does not exist\.\nTry: Name the one that there is/);
  });
});
