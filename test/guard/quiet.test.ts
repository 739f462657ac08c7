/** The seal, and what a launch does with and without it. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { parse } from "smol-toml";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Guarded, guard, type LaunchReport, type ProgressEvent } from "../../src/index.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { rewriteRecord } from "../fixtures/rewrite-record.ts";
import { query, Workspace } from "../fixtures/workspace.ts";

const DAY = 86_400_000;
const seal = (app: Workspace) => join(app.backups, ".library-db-seal.toml");
const opened = (app: Workspace) => join(app.backups, ".library-db-opened.toml");
const names = ({ actions }: LaunchReport) => actions.map(({ action }) => action);
const inDays = (days: number) => ({ now: () => new Date(Date.now() + days * DAY) });

/** Launched, used and closed; then again, so that its backup holds what was written. */
async function settled(rows: readonly string[] = ["Emma"]): Promise<Workspace> {
  const app = new Workspace().release(2);
  await app.launch("1.0.0", rows);
  await app.launch("1.0.0");
  return app;
}

describe("a clean close", () => {
  test("seals the database: what stat says of the file, the stamp, the layout, the boot and the last check", async () => {
    const app = await settled();
    const text = readFileSync(seal(app), "utf8");
    const { ino, size, mtimeNs, ctimeNs } = statSync(app.path, { bigint: true });
    for (const [key, value] of Object.entries({ ino, size, mtime: mtimeNs, ctime: ctimeNs })) {
      expect(text).toContain(`${key} = "${value}"`);
    }
    expect(text).toMatch(/^checked_at = \d{4}-/m);
    expect(text).toMatch(/^boot = "(id|since):/m);
    expect(text).toMatch(/^stamp_version = "1\.0\.0"$/m);
    expect(text).not.toContain("dev");
    expect(statSync(seal(app)).mode & 0o777).toBe(0o600);
    expect(existsSync(opened(app))).toBe(false);
  });

  test("of the last holder only", async () => {
    const app = await settled();
    const first = new AppProcess(app, "1.0.0");
    expect((await first.hear()).ok).toBe(true);
    const second = await app.guard("1.0.0");
    await first.order("close");
    expect(existsSync(seal(app))).toBe(false);
    await second.close();
    expect(existsSync(seal(app))).toBe(true);
    expect(names(await app.launch("1.0.0"))).not.toContain("check");
  });

  test("gives no seal with synchronous=OFF, beside another program, or where the stamp was tampered with", async () => {
    const spoilers: ((library: Guarded, app: Workspace) => unknown)[] = [
      ({ db }) => db.pragma("synchronous = OFF"),
      ({ db }) => db.exec("UPDATE _holdfast_stamp SET app_version = '9.9.9'"),
      ({ db }) => db.exec("DROP TABLE _holdfast_stamp"),
    ];
    for (const spoil of spoilers) {
      const app = await settled();
      const library = await app.guard("1.0.0");
      spoil(library, app);
      await library.close();
      expect(existsSync(seal(app))).toBe(false);
    }
    const app = await settled();
    const library = await app.guard("1.0.0");
    const other = new Database(app.path);
    onTestFinished(() => void other.close());
    other.prepare("SELECT count(*) FROM book").get();
    library.db.exec("INSERT INTO book (title) VALUES ('x')");
    await library.close();
    expect(existsSync(seal(app))).toBe(false);
  });
});

describe("a settings file", () => {
  async function sealedBy(
    text: string,
  ): Promise<{ app: Workspace; file: string; launch: () => Promise<LaunchReport> }> {
    const app = new Workspace().release(1);
    const file = join(app.folder, "settings.toml");
    writeFileSync(file, text);
    const launch = async () => {
      const library = await guard(file);
      await library.backup;
      await library.close();
      return library.report;
    };
    await launch();
    return { app, file, launch };
  }
  const TEXT = `title = "db-path"\n  db-path = 'library.sqlite' # here\ndb-app-version = "1.0.0"\n`;

  test("that nobody touched is not even parsed, and one that was written anew may say the same", async () => {
    const { app, file, launch } = await sealedBy(TEXT);
    expect(await launch()).toMatchObject({ actions: [], appVersion: "1.0.0" });
    expect(parse(readFileSync(seal(app), "utf8"))).toMatchObject({
      settings_version: "1.0.0",
      rules: { retention: 2 },
    });
    writeFileSync(file, `# a comment\n${TEXT}`);
    expect(names(await launch())).toEqual([]);
    expect(names(await launch())).toEqual([]);
  });

  test("that says something else is heard", async () => {
    const { app, file, launch } = await sealedBy(TEXT);
    writeFileSync(file, TEXT.replace("1.0.0", "1.1.0"));
    expect(await launch()).toMatchObject({ appVersion: "1.1.0", found: { version: "1.0.0" } });
    writeFileSync(file, `${TEXT}db-backup-retentoin = 3\n`);
    await expect(launch()).rejects.toMatchObject({ code: "SETTINGS_INVALID" });
    writeFileSync(file, TEXT.replace("library.sqlite", "other.sqlite"));
    expect(names(await launch())[0]).toBe("create");
    expect(existsSync(join(app.folder, "other.sqlite"))).toBe(true);
  });

  test("with db-path where only a parser finds it is parsed", async () => {
    const { launch } = await sealedBy(`db-app-version = "1.0.0"\n"db-path" = "library.sqlite"\n`);
    expect((await launch()).outcome).toBe("opened");
  });
});

test("two databases that share a backup folder and a stem have a seal each", async () => {
  const app = new Workspace().release(1);
  const other = { path: join(app.folder, "library.db"), migrations: app.migrations };
  for (let launch = 0; launch < 3; launch++) {
    const reports: LaunchReport[] = [await app.launch("1.0.0")];
    const library = await guard(other, { appVersion: "1.0.0" });
    await library.backup;
    await library.close();
    reports.push(library.report);
    if (launch === 2) expect(reports.map(names)).toEqual([[], []]);
  }
  expect(existsSync(seal(app).replace(".toml", "-2.toml"))).toBe(true);
});

describe("a sealed database", () => {
  test("opens with nothing in the way and nothing behind, and the seal is gone while it is open", async () => {
    const app = await settled();
    const library = await app.guard("1.0.0");
    expect([existsSync(seal(app)), existsSync(opened(app))]).toEqual([false, true]);
    expect(library.report).toMatchObject({
      outcome: "opened",
      found: { state: "healthy", version: "1.0.0", layout: "equal" },
      actions: [],
      warnings: [],
    });
    expect(await library.backup).toMatchObject({ result: "unchanged" });
    expect(app.titles()).toEqual(["Emma"]);
    await library.close();
    expect([existsSync(seal(app)), existsSync(opened(app))]).toEqual([true, false]);
  });

  test("loads better-sqlite3 and Holdfast's own few files, and no more", async () => {
    const app = await settled();
    const program = `
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
      const { guard } = await import(${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)});
      const library = await guard(${JSON.stringify(app.settings())}, { appVersion: "1.0.0" });
      await library.backup;
      await library.close();
      console.log(JSON.stringify([library.report.actions, loaded]));`;
    const [actions, loaded] = JSON.parse(
      execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" }),
    ) as [unknown[], string[]];
    expect(actions).toEqual([]);
    const files = loaded.filter((url) => url.startsWith("file:"));
    const strangers = files.filter((url) => url.includes("node_modules") && !url.includes("/better-sqlite3/"));
    expect(strangers).toEqual([]);
    expect(files.filter((url) => !url.includes("node_modules")).length).toBeLessThanOrEqual(3);
    expect(loaded).not.toContain("node:worker_threads");
    expect(loaded).not.toContain("node:child_process");
  });

  test("is backed up behind the application where something was written since", async () => {
    const app = await settled();
    await app.launch("1.0.0", ["Persuasion"]);
    const report = await app.launch("1.0.0");
    expect(names(report)).toEqual(["back-up"]);
    expect(app.titles(join(app.backups, "library-v1.0.0.sqlite"))).toEqual(["Emma", "Persuasion"]);
    expect(names(await app.launch("1.0.0"))).toEqual([]);
  });

  test("stays sealed when a plan or a read-only launch looked at it", async () => {
    const app = await settled();
    const before = app.snapshot();
    await app.plan("1.0.0");
    await app.plan("2.0.0");
    const library = await app.guard("1.0.0", {}, { readonly: true });
    expect(library.report.actions).toEqual([]);
    expect(() => library.db.exec("DELETE FROM book")).toThrow(/readonly/);
    await library.close();
    expect(app.snapshot()).toMatchObject(before);
    expect(names(await app.launch("1.0.0"))).toEqual([]);
  });

  test("is checked behind the application once its last check is older than db-integrity-interval", async () => {
    const app = await settled();
    expect(names(await app.launch("1.0.0", [], {}, inDays(6)))).toEqual([]);
    const report = await app.launch("1.0.0", [], {}, inDays(8));
    expect(report.actions).toMatchObject([
      { action: "back-up", unchanged: true },
      { action: "check", reason: "every page is read behind the application", file: app.path },
    ]);
  });

  test.each<[string, (app: Workspace) => unknown]>([
    ["a foreign writer", (app) => query(app.path, (db) => db.exec("INSERT INTO book (title) VALUES ('x')"))],
    [
      "a copy put in place by hand",
      (app) => {
        copyFileSync(app.path, `${app.path}.copy`);
        renameSync(`${app.path}.copy`, app.path);
      },
    ],
    [
      "a write that restored size and mtime",
      (app) => {
        const { atimeMs, mtimeMs } = statSync(app.path);
        const bytes = readFileSync(app.path);
        writeFileSync(app.path, bytes);
        utimesSync(app.path, atimeMs / 1000, mtimeMs / 1000);
      },
    ],
    ["a seal that was torn", (app) => writeFileSync(seal(app), "database = ")],
    [
      "a seal that was edited",
      (app) => writeFileSync(seal(app), readFileSync(seal(app), "utf8").replace(/^scrub_interval = .*$/m, "")),
    ],
    ["a seal of another file", (app) => rewriteRecord(seal(app), (text) => text.replace(/ino = .*/, 'ino = "1"'))],
  ])("is checked before it opens after %s", async (_, disturb) => {
    const app = await settled();
    disturb(app);
    expect(names(await app.launch("1.0.0"))).toEqual(["check", "back-up"]);
    await app.launch("1.0.0");
    expect(names(await app.launch("1.0.0"))).toEqual([]);
  });

  test("a seal in which one letter was changed is not believed, whatever it says", async () => {
    const app = await settled();
    await app.launch("1.1.0", ["not in a backup"], { backupRetention: 3 });
    await app.launch("1.2.0", ["not in a backup either"], { backupRetention: 3 });
    writeFileSync(seal(app), readFileSync(seal(app), "utf8").replace("\nretention = 3", "\nretention = 1"));
    const report = await app.launch("1.2.0", [], { backupRetention: 3 });
    expect(names(report)).toEqual(["check", "back-up"]);
    expect(app.kept()).toEqual(["library-v1.0.0.sqlite", "library-v1.1.0.sqlite", "library-v1.2.0.sqlite"]);
  });

  test.each<[string, (app: Workspace) => Parameters<Workspace["launch"]>]>([
    ["a changed setting", () => ["1.0.0", [], { backupRetention: 3 }]],
    ["another version", () => ["1.0.1", []]],
  ])("is not checked, but looked at, with %s", async (_, call) => {
    const app = await settled();
    const report = await app.launch(...call(app));
    expect(names(report)).not.toContain("check");
    expect(report.outcome).toBe("opened");
  });

  test("is checked before the restore point of an upgrade", async () => {
    const app = await settled();
    expect(names(await app.release(3).launch("2.0.0"))).toEqual(["check", "back-up", "migrate", "stamp", "back-up"]);
  });

  test("always, when db-integrity-check is full", async () => {
    const app = await settled();
    for (let launch = 0; launch < 2; launch++) {
      expect(names(await app.launch("1.0.0", [], { integrityCheck: "full" }))[0]).toBe("check");
    }
  });

  test("whose backup folder was meddled with opens at once, and that is seen to behind it", async () => {
    const app = await settled();
    writeFileSync(app.index(), "no index");
    const report = await app.launch("1.0.0");
    expect(names(report)).not.toContain("check");
    expect(report.warnings.join()).toContain(`The index ${app.index()} could not be used`);
    expect(names(await app.launch("1.0.0"))).toEqual([]);
  });

  test("moved with its folder is another file: it is checked", async () => {
    const app = await settled();
    const other = new Workspace().release(2);
    for (const file of ["library.sqlite"]) copyFileSync(join(app.folder, file), join(other.folder, file));
    expect(names(await other.launch("1.0.0"))[0]).toBe("check");
  });
});

describe("an application that was killed", () => {
  async function killed(rows = "INSERT INTO book (title) VALUES ('in the log')"): Promise<Workspace> {
    const app = await settled();
    const process = new AppProcess(app, "1.0.0");
    expect((await process.hear()).ok).toBe(true);
    await process.order({ exec: rows });
    await process.kill();
    return app;
  }

  test("in this run of the machine: SQLite recovers the log, and all pages are read behind the application", async () => {
    const app = await killed();
    const report = await app.launch("1.0.0");
    expect(names(report)).toEqual(["back-up", "check"]);
    expect(app.titles()).toEqual(["Emma", "in the log"]);
    // The copy was checked in full, and is as good as the original.
    expect(readFileSync(seal(app), "utf8")).toMatch(/^checked_at = /m);
  });

  test("without backups is checked behind the application all the same", async () => {
    const app = await killed();
    const report = await app.launch("1.0.0", [], { backupRetention: 0 });
    expect(report.actions.filter(({ action }) => action === "check")).toMatchObject([
      { reason: "every page is read behind the application" },
    ]);
  });

  test.each([
    ["in the head", 20],
    ["in its first commit", 600],
  ])("and its log has a turned bit %s: what SQLite cannot read of it is kept", async (_, at) => {
    const app = await killed();
    const log = `${app.path}-wal`;
    const bytes = readFileSync(log);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(log, bytes);
    const report = await app.launch("1.0.0");
    expect(app.titles()).toEqual(["Emma"]);
    const [kept] = report.actions.filter(({ action }) => action === "quarantine");
    expect(kept?.file).toMatch(/-corrupt\.sqlite-wal$/);
    expect(readFileSync(kept?.file ?? "")).toEqual(bytes);
    expect(report.warnings.join()).toContain("1 commit in it cannot be read");
    expect(names(await app.launch("1.0.0"))).not.toContain("quarantine");
  });

  test("and its stamp was damaged: it gets no other, and the backups are still its own", async () => {
    const app = await killed();
    const page = query(app.path, (db) =>
      db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = '_holdfast_stamp'").pluck().get(),
    ) as number;
    const bytes = readFileSync(app.path);
    // How many rows the page has.
    bytes.writeUInt16BE(0, (page - 1) * 4096 + 3);
    writeFileSync(app.path, bytes);
    const report = await app.launch("1.0.0");
    expect(names(report)).toEqual(["check", "salvage", "quarantine", "back-up"]);
    expect(app.titles()).toEqual(["Emma", "in the log"]);
  });

  test("before the machine was started anew: every page is read before the database opens", async () => {
    const app = await killed();
    rewriteRecord(opened(app), (text) => text.replace(/^boot = .*$/m, 'boot = "id:an-earlier-boot"'));
    const report = await app.launch("1.0.0");
    expect(report.actions[0]).toMatchObject({ action: "check", reason: expect.stringContaining("started anew") });
    expect(app.titles()).toEqual(["Emma", "in the log"]);
  });

  test("and another file was put in place since: every page is read before the database opens", async () => {
    const app = await killed();
    copyFileSync(app.path, `${app.path}.copy`);
    renameSync(`${app.path}.copy`, app.path);
    const report = await app.launch("1.0.0");
    expect(report.actions[0]).toMatchObject({ action: "check", reason: expect.stringContaining("another file") });
  });

  test("with a seal from an earlier boot: the record of this one says so", async () => {
    const app = await settled();
    rewriteRecord(seal(app), (text) => text.replace(/^boot = .*$/m, 'boot = "id:an-earlier-boot"'));
    const process = new AppProcess(app, "1.0.0");
    expect(await process.hear()).toMatchObject({ ok: true, actions: [] });
    await process.kill();
    expect(readFileSync(opened(app), "utf8")).not.toContain("an-earlier-boot");
    expect(names(await app.launch("1.0.0", [], {}))).not.toContain("restore");
  });
});

describe("damage that shows behind the application", () => {
  /** A page of the table is zeroed on the disk; the application does not read it. */
  function damage(app: Workspace): void {
    const page = query(app.path, (db) =>
      db.prepare("SELECT max(pageno) FROM dbstat WHERE name = 'book' AND pagetype = 'leaf'").pluck().get(),
    ) as number;
    const bytes = readFileSync(app.path);
    bytes.fill(0, (page - 1) * 4096, page * 4096);
    writeFileSync(app.path, bytes);
  }

  test("raises an event, marks the database suspect, stops its backup, and the next launch heals it", async () => {
    const app = await settled(Array.from({ length: 400 }, (_, n) => `Book ${n} ${"x".repeat(60)}`));
    const backup = join(app.backups, "library-v1.0.0.sqlite");
    const good = readFileSync(backup);
    // Rot below the file system leaves all times as they were; here the seal is made to agree.
    damage(app);
    const { mtimeNs, ctimeNs } = statSync(app.path, { bigint: true });
    rewriteRecord(seal(app), (text) =>
      text.replace(/^mtime = .*$/m, `mtime = "${mtimeNs}"`).replace(/^ctime = .*$/m, `ctime = "${ctimeNs}"`),
    );
    const events: ProgressEvent[] = [];
    const library = await app.guard("1.0.0", {}, { ...inDays(8), onEvent: (event) => events.push(event) });
    const outcome = await library.backup;
    expect(outcome.warnings.join()).toContain("failed its check behind the application");
    expect(events.map(({ kind }) => kind)).toContain("suspect");
    await library.close();
    expect(existsSync(seal(app))).toBe(false);
    expect(readFileSync(backup)).toEqual(good);
    const next = await app.launch("1.0.0");
    expect(names(next)).toEqual(["check", "salvage", "quarantine", "back-up"]);
    expect(app.titles()).toHaveLength(400);
    expect(names(await app.launch("1.0.0"))).not.toContain("check");
  });
});

describe("close({ backup: 'abandon' })", () => {
  test("does not wait, and leaves nothing of the backup behind", async () => {
    const app = await settled();
    query(app.path, (db) => db.exec("CREATE TABLE scan (bytes BLOB); INSERT INTO scan VALUES (zeroblob(60000000))"));
    const before = [app.kept(), readFileSync(join(app.backups, "library-v1.0.0.sqlite"))];
    const library = await app.guard("1.0.0");
    await library.close({ backup: "abandon" });
    expect(await library.backup).toMatchObject({ result: "abandoned", actions: [] });
    expect(app.temporaries()).toEqual([]);
    expect([app.kept(), readFileSync(join(app.backups, "library-v1.0.0.sqlite"))]).toEqual(before);
    expect(existsSync(seal(app))).toBe(true);
    expect(names(await app.launch("1.0.0"))).toEqual(["back-up"]);
  });
});
