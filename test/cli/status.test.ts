import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { STATUS_OF } from "../../src/cli/exit-status.ts";
import { textOfIntent } from "../../src/database/intent.ts";
import { HoldfastError, status } from "../../src/index.ts";
import { placesOf, temporaryIn } from "../../src/places.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { query } from "../fixtures/workspace.ts";
import { CommandLine } from "./command-line.ts";

const VERSION = 'db-app-version = "1.0.0"';
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

async function launched(): Promise<CommandLine> {
  const app = new CommandLine(VERSION);
  await app.launch("1.0.0");
  return app;
}

describe("status --json", () => {
  test("shows paths, sizes, stamp, layout and backups", async () => {
    const app = await launched();
    expect(await app.status()).toEqual({
      exitStatus: 0,
      appVersion: "1.0.0",
      paths: {
        settings: join(app.folder, "settings.toml"),
        database: app.path,
        migrations: app.migrations,
        backups: app.backups,
        lock: placesOf(app.path, undefined).lock,
        index: app.index(),
      },
      database: {
        state: "readable",
        problem: null,
        file: { path: app.path, size: statSync(app.path).size, modifiedAt: TIME },
        sidecars: [],
        journalMode: "wal",
      },
      heldBy: "nobody",
      stamp: { databaseId: expect.stringMatching(/^[0-9a-f-]{36}$/), version: "1.0.0", changedAt: TIME },
      layout: {
        applied: [
          { name: "0001_books.sql", appliedAt: TIME, appVersion: "1.0.0" },
          { name: "0002_authors.sql", appliedAt: TIME, appVersion: "1.0.0" },
        ],
        relation: "equal",
        pending: [],
      },
      backups: [
        {
          file: "library-v1.0.0.sqlite",
          version: "1.0.0",
          createdAt: TIME,
          reason: "launch",
          label: null,
          size: statSync(join(app.backups, "library-v1.0.0.sqlite")).size,
          verifiedAt: TIME,
          newest: true,
        },
      ],
      otherBackups: 0,
      demoted: [],
      quarantined: [],
      unfinishedSwap: null,
      warnings: [],
    });
  });

  test("names the migrations that are pending", async () => {
    const app = await launched();
    app.release(3);
    expect((await app.status()).layout).toMatchObject({ relation: "behind", pending: ["0003_progress.sql"] });
  });

  test("marks the newest backup by its sequence, the highest version or not", async () => {
    const app = await launched();
    app.release(3);
    await app.launch("2.0.0", ["Emma"]);
    await app.launch("1.5.0");
    const { backups } = await app.status();
    expect(backups.map(({ version, newest }) => [version, newest])).toEqual([
      ["1.5.0", true],
      ["2.0.0", false],
    ]);
  });

  test("shows demoted and quarantined files with their sizes", async () => {
    const app = await launched();
    app.release(3);
    await app.launch("2.0.0");
    app.release(2);
    await app.launch("1.0.0");
    writeFileSync(app.path, "no database");
    await app.launch("1.0.0");
    const { demoted, quarantined } = await app.status();
    expect(demoted).toMatchObject([{ file: "library-v2.0.0-demoted.sqlite", version: "2.0.0", at: TIME }]);
    expect(demoted[0]?.size).toBe(statSync(join(app.backups, "library-v2.0.0-demoted.sqlite")).size);
    expect(quarantined).toMatchObject([{ file: expect.stringMatching(/-corrupt\.sqlite$/), size: 11, at: TIME }]);
  });

  test("counts what a demoted database has and this one lacks, for an application that can read both", async () => {
    const app = await launched();
    await app.release(3).launch("2.0.0");
    query(app.path, (db) => db.exec("INSERT INTO book (id, title) VALUES (100, 'Emma'), (101, 'Watt')"));
    await app.release(2).launch("1.0.0");
    expect((await app.status()).demoted).toMatchObject([{ id: "v2.0.0-demoted", lacking: null }]);
    app.release(3);
    expect((await app.status("--app-version", "2.0.0")).demoted).toMatchObject([
      { lacking: { rows: 2, complete: true } },
    ]);
    const { stdout } = await app.run(["status", "--app-version", "2.0.0"]);
    expect(stdout).toMatch(
      /version 2\.0\.0 has 2 rows that the database lacks; to bring them in: holdfast demoted merge v2\.0\.0-demoted\n/,
    );
    const boot = await app.run(["boot", "--app-version", "2.0.0"]);
    expect(boot.stdout).toMatch(
      /warning +A database of version 2\.0\.0 .* with 2 rows that the current one lacks\. To bring them in: holdfast demoted merge v2\.0\.0-demoted\n/,
    );
  });

  test("counts the backups of another database that shares the folder, and shows none of them", async () => {
    const app = await launched();
    mkdirSync(join(app.folder, "other"));
    app.write(
      "other/settings.toml",
      'db-path = "library.sqlite"',
      'db-migrations = "../migrations"',
      'db-backup-dir = "../backups"',
      VERSION,
    );
    await app.run(["boot", "--settings", "other/settings.toml"]);
    const seen = await app.status();
    expect([seen.backups.length, seen.otherBackups]).toEqual([1, 1]);
  });

  test("prints an error of the settings as an object", async () => {
    const { exitStatus, stdout } = await new CommandLine("db-colour = 1").run(["status", "--json"]);
    expect(exitStatus).toBe(STATUS_OF.SETTINGS_INVALID);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "SETTINGS_INVALID" } });
  });
});

describe("status", () => {
  test("reads well", async () => {
    const app = await launched();
    const { exitStatus, stdout, stderr } = await app.run(["status"]);
    expect([exitStatus, stderr]).toEqual([0, ""]);
    const told = stdout
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "<when>")
      .replaceAll(/[0-9a-f-]{36}/g, "<id>")
      .replaceAll(/\d+\.\d kB/g, "<size>")
      .replaceAll(app.folder, "~");
    expect(told).toBe(`  Settings     ~/settings.toml
  Database     ~/library.sqlite
               readable; its pages are not checked here
               <size>, changed <when>, write-ahead log
  Held by      nobody
  Stamp        version 1.0.0, since <when>
               id <id>
  Layout       2 migrations applied; the layout is the application's (version 1.0.0)
               0001_books.sql    <when>  by version 1.0.0
               0002_authors.sql  <when>  by version 1.0.0
  Backups      ~/backups
               library-v1.0.0.sqlite  1.0.0  <when>  launch  <size>  verified <when>  newest
  Demoted      none
  Quarantined  none
`);
  });

  test.each<[string, (app: CommandLine) => void, string, string]>([
    ["corrupt", (app) => writeFileSync(app.path, "no database"), "corrupt: file is not a database", "not known"],
    ["missing", (app) => rmSync(app.path), "missing: there is no file", "none"],
  ])("says in words that a database is %s", async (_, harm, words, layout) => {
    const app = await launched();
    harm(app);
    const { exitStatus, stdout, stderr } = await app.run(["status"]);
    expect([exitStatus, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`  Database     ${app.path}\n               ${words}\n`);
    expect(stdout).toContain(`  Stamp        ${layout}\n  Layout       ${layout}\n`);
    expect(stdout).toContain("library-v1.0.0.sqlite");
  });

  test("needs no app version", async () => {
    const { exitStatus, appVersion, layout } = await new CommandLine().status();
    expect([exitStatus, appVersion, layout]).toEqual([0, null, null]);
  });

  test("goes on without migrations that are not there, and warns", async () => {
    const app = await launched();
    rmSync(app.migrations, { recursive: true });
    const { layout, warnings } = await app.status();
    expect(layout).toMatchObject({ relation: null, pending: [] });
    expect(warnings).toEqual([expect.stringContaining(app.migrations)]);
  });

  test("tells of a swap that was cut off, and does not look at a database that is being replaced", async () => {
    const app = await launched();
    const staged = temporaryIn(app.folder, placesOf(app.path, undefined), "restore");
    const identity = { ino: "1", size: "1", mtime: "1" };
    const intent = textOfIntent({ database: app.path, staged, staged_identity: identity, sidecars: [] });
    app.write("backups/.library-db-intent.toml", intent);
    const { exitStatus, database, unfinishedSwap } = await app.status();
    expect(exitStatus).toBe(0);
    expect(database.state).toBe("unknown");
    expect(unfinishedSwap).toMatchObject({
      resumable: false,
      differences: expect.arrayContaining([`${staged} is gone`]),
    });
    expect((await app.run(["status"])).stdout).toContain("Swap         unfinished, and it cannot be completed:");
  });
});

describe("status changes nothing", () => {
  test.each<[string, (app: CommandLine) => void, string]>([
    ["of a database in order", () => {}, "readable"],
    ["of a corrupt one", (app) => writeFileSync(app.path, "no database"), "corrupt"],
    ["where it is missing", (app) => rmSync(app.path), "missing"],
    ["where it has zero bytes", (app) => writeFileSync(app.path, ""), "empty"],
    ["where the lock is missing", (app) => rmSync(placesOf(app.path, undefined).lock), "readable"],
    ["where the index is damaged", (app) => appendFileSync(app.index(), "torn = "), "readable"],
    ["where the index is missing", (app) => rmSync(app.index()), "readable"],
    ["where the backups are missing", (app) => rmSync(app.backups, { recursive: true }), "readable"],
    [
      "beside a stray log",
      (app) => {
        rmSync(app.path);
        writeFileSync(`${app.path}-wal`, "stray");
      },
      "missing",
    ],
  ])("%s, says so, and exits with 0", async (_, harm, state) => {
    const app = await launched();
    harm(app);
    const before = app.everything();
    const seen = await app.status();
    expect([seen.exitStatus, seen.database.state]).toEqual([0, state]);
    expect(app.everything()).toEqual(before);
  });

  test("where there is nothing yet, not even a folder", async () => {
    const app = new CommandLine();
    app.write("settings.toml", 'db-path = "data/library.sqlite"');
    const before = app.everything();
    expect((await app.status()).database.state).toBe("missing");
    expect(app.everything()).toEqual(before);
    expect(readdirSync(app.folder)).not.toContain("data");
  });

  test.each(["wal", "delete"])(
    "beside an application that runs in journal mode %s, and waits for nobody",
    async (mode) => {
      const app = await launched();
      query(app.path, (db) => db.pragma(`journal_mode = ${mode}`));
      const running = new AppProcess(app, "1.0.0");
      expect(await running.hear()).toMatchObject({ ok: true });
      await running.order("backup");
      await running.order({
        exec: "INSERT INTO book (title) VALUES ('Emma'); BEGIN; INSERT INTO book (title) VALUES ('Emma')",
      });
      const before = app.everything();
      const seen = await app.status();
      expect([seen.exitStatus, seen.heldBy]).toEqual([0, "application"]);
      expect(seen.database).toMatchObject({ state: "readable", journalMode: mode });
      expect(seen.stamp?.version).toBe("1.0.0");
      expect(withoutSharedMemory(app.everything())).toEqual(withoutSharedMemory(before));
      expect(await running.order({ exec: "COMMIT" })).toEqual({ ok: true });
      expect(await running.order("close")).toEqual({ ok: true });
      expect((await app.status()).heldBy).toBe("nobody");
      expect(app.titles()).toEqual(["Emma", "Emma"]);
    },
  );

  test("while another launch is under way, whose database it does not look at", async () => {
    const app = await launched();
    const lock = new Database(placesOf(app.path, undefined).lock);
    lock.exec("BEGIN EXCLUSIVE");
    try {
      const { exitStatus, heldBy, database } = await app.status();
      expect([exitStatus, heldBy, database.state]).toEqual([0, "launch", "unknown"]);
    } finally {
      lock.close();
    }
  });
});

/** SQLite keeps the marks of its readers there; that there is such a file still counts. */
function withoutSharedMemory(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([file, hash]) => [file, file.endsWith("-shm") ? "" : hash]));
}

describe("status()", () => {
  test("may be called by the application that has the database open", async () => {
    const app = new CommandLine();
    const library = await app.guard("1.0.0");
    await library.backup;
    const seen = await status(app.settings(), { appVersion: "1.0.0" });
    expect([seen.heldBy, seen.database.state, seen.paths.settings]).toEqual([
      "application",
      "readable",
      "the settings object",
    ]);
    library.db.exec("INSERT INTO book (title) VALUES ('Emma')");
    const other = new AppProcess(app.release(3), "2.0.0", { lockTimeout: "100ms" });
    expect(await other.hear()).toMatchObject({ ok: false, code: "DB_IN_USE" });
    await library.close();
  });

  test("takes migrations in code", async () => {
    const app = await launched();
    const seen = await status(app.settings(), { migrations: [{ name: "other", up: "SELECT 1" }] });
    expect(seen.paths.migrations).toBeNull();
    expect(seen.layout?.relation).toBe("diverged");
  });

  test("refuses a path that is no file", async () => {
    const app = new CommandLine();
    mkdirSync(app.path);
    await expect(status(app.settings())).rejects.toThrow(HoldfastError);
  });

  test("does not change a backup that it finds unlisted", async () => {
    const app = await launched();
    const copy = join(app.backups, "library-v0.9.0.sqlite");
    copyFileSync(join(app.backups, "library-v1.0.0.sqlite"), copy);
    chmodSync(copy, 0o400);
    const before = app.everything();
    const { backups } = await status(app.settings());
    expect(backups.map(({ file, verifiedAt }) => [file, verifiedAt !== null])).toEqual(
      expect.arrayContaining([
        ["library-v0.9.0.sqlite", false],
        ["library-v1.0.0.sqlite", true],
      ]),
    );
    expect(app.everything()).toEqual(before);
  });
});
