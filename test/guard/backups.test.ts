import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { hashOf, query, Workspace } from "../fixtures/workspace.ts";

interface Entry {
  version?: string;
  file: string;
  sha256: string;
  reason: string;
  sequence: number;
}

function entries(app: Workspace): Entry[] {
  return (parse(readFileSync(app.index(), "utf8")) as unknown as { entries: Entry[] }).entries;
}

/** One release after another, each with a row of its own. */
async function history(app: Workspace, versions: readonly string[], retention = 2): Promise<void> {
  for (const version of versions) await app.launch(version, [version], { backupRetention: retention });
}

describe("retention", () => {
  test("keeps the two highest versions by default, and says why the others go", async () => {
    const app = new Workspace().release(1);
    await history(app, ["1.0.0", "1.1.0"]);
    const report = await app.launch("1.2.0");
    expect(app.kept()).toEqual(["library-v1.1.0.sqlite", "library-v1.2.0.sqlite"]);
    expect(entries(app).map(({ version }) => version)).toEqual(["1.1.0", "1.2.0"]);
    const retired = report.actions.filter(({ action }) => action === "retire");
    expect(retired).toMatchObject([
      { file: join(app.backups, "library-v1.0.0.sqlite"), reason: expect.stringContaining("db-backup-retention") },
    ]);
    expect(existsSync(join(app.backups, "library-v1.0.0.sqlite.sha256"))).toBe(false);
  });

  test("keeps the running version's backup although it is the lowest", async () => {
    const app = new Workspace().release(1);
    await history(app, ["1.1.0", "1.2.0", "1.0.0"]);
    expect(app.kept()).toEqual(["library-v1.0.0.sqlite", "library-v1.2.0.sqlite"]);
  });

  test("of 0 takes no backup, removes none, and migrates without a restore point", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const before = app.kept();
    const report = await app.release(2).launch("2.0.0", [], { backupRetention: 0 });
    expect(report.actions.map(({ action }) => action)).toEqual(["check", "migrate", "stamp"]);
    expect(app.kept()).toEqual(before);
  });

  test("keeps the newest three quarantined databases, and identical bytes once", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    for (let i = 0; i < 5; i++) {
      writeFileSync(app.path, `not a database ${Math.floor(i / 2)}`);
      await app.launch("1.0.0", [], {}, { now: () => new Date(Date.UTC(2027, 0, 1, 0, 0, i)) });
    }
    const quarantined = app.kept().filter((name) => name.includes("-corrupt"));
    expect(quarantined.map((name) => readFileSync(join(app.backups, name), "utf8"))).toEqual([
      "not a database 0",
      "not a database 1",
      "not a database 2",
    ]);
  });
});

describe("the index", () => {
  const damages: [string, (app: Workspace) => void][] = [
    ["missing", (app) => rmSync(app.index())],
    ["empty", (app) => truncateSync(app.index())],
    ["not TOML", (app) => writeFileSync(app.index(), "[[entries\nfile=")],
    ["torn", (app) => writeFileSync(app.index(), readFileSync(app.index(), "utf8").slice(0, 300))],
    [
      "changed by another hand",
      (app) => writeFileSync(app.index(), readFileSync(app.index(), "utf8").replace("sequence = 2", "sequence = 9")),
    ],
  ];
  test.each(damages)("(%s) is made anew from the backups, which are all found again", async (_, damage) => {
    const app = new Workspace().release(1);
    await history(app, ["1.0.0", "1.1.0"]);
    await app.launch("1.1.0");
    const before = entries(app).map(({ file, sha256, sequence }) => ({ file, sha256, sequence }));
    damage(app);
    const report = await app.launch("1.1.0");
    expect(report.outcome).toBe("opened");
    expect(entries(app).map(({ file, sha256, sequence }) => ({ file, sha256, sequence }))).toEqual(before);
  });

  test.each(damages)("(%s) does not keep a corrupt database from being restored", async (_, damage) => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    damage(app);
    writeFileSync(app.path, "no database");
    await app.launch("1.0.0");
    expect(app.titles()).toEqual(["Emma"]);
  });

  test("that names a file outside the folder, a link or a file that is gone is not followed", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const outside = join(app.folder, "x");
    writeFileSync(outside, "precious");
    const file = join(app.backups, "library-v1.0.0.sqlite");
    for (const [name, prepare] of [
      ["../x", () => {}],
      ["library-v0.9.0.sqlite", () => {}],
      ["library-v0.8.0.sqlite", () => symlinkSync(outside, join(app.backups, "library-v0.8.0.sqlite"))],
    ] as const) {
      prepare();
      const index = readFileSync(app.index(), "utf8");
      const entry = index.slice(index.indexOf("[[entries]]")).replace("library-v1.0.0.sqlite", name);
      writeFileSync(app.index(), `${index}\n${entry}`);
      const report = await app.launch("1.0.0", [], { backupRetention: 1 });
      expect(report.outcome).toBe("opened");
      expect(entries(app).map((each) => each.file)).toEqual(["library-v1.0.0.sqlite"]);
      expect(readFileSync(outside, "utf8")).toBe("precious");
      expect(existsSync(file)).toBe(true);
    }
  });

  test("adopts a backup that was put into the folder by hand, once it is verified", async () => {
    const app = new Workspace().release(1);
    await history(app, ["1.0.0", "1.1.0"], 5);
    const file = join(app.backups, "library-v1.0.0.sqlite");
    const away = join(app.folder, "away");
    renameSync(file, away);
    renameSync(`${file}.sha256`, `${away}.sha256`);
    await app.launch("1.1.0", [], { backupRetention: 5 });
    expect(entries(app).map((each) => each.file)).toEqual(["library-v1.1.0.sqlite"]);
    renameSync(away, file);
    renameSync(`${away}.sha256`, `${file}.sha256`);
    await app.launch("1.1.0", [], { backupRetention: 5 });
    expect(entries(app).map((each) => each.file)).toContain("library-v1.0.0.sqlite");
  });
});

describe("a backup", () => {
  test("is a plain file in rollback-journal mode that describes itself", async () => {
    const app = new Workspace().release(2);
    await app.launch("1.0.0");
    const file = join(app.backups, "library-v1.0.0.sqlite");
    expect(readFileSync(`${file}.sha256`, "utf8")).toBe(`${hashOf(file)}  library-v1.0.0.sqlite\n`);
    const before = hashOf(file);
    const row = query(file, (db) => {
      expect(db.pragma("journal_mode", { simple: true })).toBe("delete");
      expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
      return db.prepare("SELECT version, reason, sequence FROM _holdfast_backup").get();
    });
    expect(row).toEqual({ version: "1.0.0", reason: "launch", sequence: 1 });
    expect(hashOf(file)).toBe(before);
  });

  describe.each<[string, (checksum: string) => void]>([
    ["is gone", (checksum) => rmSync(checksum)],
    ["has zero bytes", (checksum) => writeFileSync(checksum, "")],
    ["names other bytes", (checksum) => writeFileSync(checksum, `${"0".repeat(64)}  library-v1.0.0.sqlite\n`)],
  ])("whose checksum file %s, while the index has its checksum", (_, damage) => {
    test("is restored all the same", async () => {
      const app = new Workspace().release(1);
      await app.launch("1.0.0", ["Emma"]);
      await app.launch("1.0.0");
      damage(join(app.backups, "library-v1.0.0.sqlite.sha256"));
      writeFileSync(app.path, "no database");
      await app.launch("1.0.0");
      expect(app.titles()).toEqual(["Emma"]);
    });

    test("keeps its name and its bytes, and gets its checksum beside it again", async () => {
      const app = new Workspace().release(1);
      await app.launch("1.0.0", ["Emma"]);
      await app.launch("1.0.0");
      const file = join(app.backups, "library-v1.0.0.sqlite");
      const hash = hashOf(file);
      damage(`${file}.sha256`);
      await app.launch("1.0.0");
      expect(hashOf(file)).toBe(hash);
      expect(readFileSync(`${file}.sha256`, "utf8")).toBe(`${hash}  library-v1.0.0.sqlite\n`);
      expect(entries(app)).toMatchObject([{ file: "library-v1.0.0.sqlite", sha256: hash }]);
      expect(app.kept()).toEqual(["library-v1.0.0.sqlite"]);
    });
  });

  describe("that stands alone, without index and checksum file", () => {
    async function alone(): Promise<{ app: Workspace; file: string }> {
      const app = new Workspace().release(1);
      await app.launch("1.0.0", ["Emma"]);
      await app.launch("1.0.0");
      const file = join(app.backups, "library-v1.0.0.sqlite");
      for (const lost of [app.index(), `${file}.sha256`]) rmSync(lost);
      writeFileSync(app.path, "no database");
      return { app, file };
    }

    test("is restored when its bytes are those that it tells of itself", async () => {
      const { app } = await alone();
      await app.launch("1.0.0");
      expect(app.titles()).toEqual(["Emma"]);
    });

    test("is not restored when one letter of a row was changed", async () => {
      const { app, file } = await alone();
      writeFileSync(file, readFileSync(file, "latin1").replace("Emma", "Erma"), "latin1");
      const { code, message } = await app.refusal("1.0.0");
      expect(code).toBe("NO_USABLE_BACKUP");
      expect(message).toContain("its bytes are not those that it tells of itself");
    });
  });

  test("is consistent while the application goes on writing", async () => {
    const app = new Workspace().release(1);
    const library = await app.guard("1.0.0");
    await library.backup;
    library.db.exec("CREATE TABLE pair (a INTEGER, b INTEGER); INSERT INTO pair VALUES (0, 0)");
    await library.close();
    const again = await app.guard("1.0.0");
    let writing = true;
    void again.backup.then(() => {
      writing = false;
    });
    for (let i = 1; writing; i++) {
      again.db.exec(`BEGIN; UPDATE pair SET a = ${i}; UPDATE pair SET b = ${i}; COMMIT`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await again.backup).result).toBe("taken");
    await again.close();
    const pair = query(join(app.backups, "library-v1.0.0.sqlite"), (db) =>
      db.prepare("SELECT a = b AS same FROM pair").get(),
    );
    expect(pair).toEqual({ same: 1 });
  });

  test("does not inherit the log that a viewer left beside the old one", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const file = join(app.backups, "library-v1.0.0.sqlite");
    writeFileSync(`${file}-wal`, "a viewer's");
    await app.launch("1.0.0");
    expect(app.titles(file)).toEqual(["Emma"]);
    const kept = app.kept().find((name) => name.endsWith("-wal"));
    expect(kept && readFileSync(join(app.backups, kept), "utf8")).toBe("a viewer's");
  });

  test("that fails leaves the application open, with a warning", async () => {
    const app = new Workspace().release(1);
    writeFileSync(app.backups, "a file where the folder should be");
    const library = await app.guard("1.0.0");
    const outcome = await library.backup;
    expect(outcome.result).toBe("failed");
    expect(library.report.warnings.join()).toContain("No backup was taken");
    library.db.exec("INSERT INTO book (title) VALUES ('Emma')");
    await library.close();
    expect(app.titles()).toEqual(["Emma"]);
  });

  test("is not refreshed more often than db-backup-min-interval", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const report = await app.launch("1.0.0", [], { backupMinInterval: "1h" });
    expect(report.actions).toEqual([]);
    const later = { now: () => new Date(Date.now() + 2 * 3_600_000) };
    expect(
      (await app.launch("1.0.0", [], { backupMinInterval: "1h" }, later)).actions.map(({ action }) => action),
    ).toEqual(["back-up"]);
  });

  test("can be waited for: db-backup-mode blocking", async () => {
    const app = new Workspace().release(1);
    const library = await app.guard("1.0.0", { backupMode: "blocking" });
    expect(library.report.actions.at(-1)?.action).toBe("back-up");
    await library.close();
  });

  test("put in place by hand as the database is told from it, and its row removed", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    await app.launch("1.0.0");
    writeFileSync(app.path, readFileSync(join(app.backups, "library-v1.0.0.sqlite")));
    const report = await app.launch("1.0.0");
    expect(report.actions).toContainEqual(
      expect.objectContaining({ action: "stamp", reason: "a backup was put in place by hand" }),
    );
    expect(
      query(app.path, (db) =>
        db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = '_holdfast_backup'").get(),
      ),
    ).toEqual({ n: 0 });
  });
});

describe("two applications that share a backup folder", () => {
  test("under the same file name: neither restores, adopts or retires the other's files", async () => {
    const one = new Workspace().release(1);
    const two = new Workspace().release(1);
    const shared = { backupDir: one.backups };
    await one.launch("1.0.0", ["one"], shared);
    await one.launch("1.0.0", [], shared);
    const report = await two.launch("1.0.0", ["two"], shared);
    expect(report.found.state).toBe("new");
    await two.launch("1.1.0", [], shared);
    await two.launch("1.2.0", [], shared);
    await two.launch("1.3.0", [], shared);
    expect(one.titles(join(one.backups, "library-v1.0.0.sqlite"))).toEqual(["one"]);
    expect(one.kept()).toEqual(["library-v1.0.0.sqlite", "library-v1.2.0.sqlite", "library-v1.3.0.sqlite"]);
    writeFileSync(one.path, "no database");
    await one.launch("1.0.0", [], shared);
    expect(one.titles()).toEqual(["one"]);
    rmSync(two.path);
    await two.launch("1.3.0", [], shared);
    expect(two.titles()).toEqual(["two"]);
  });

  test("side by side with names that differ in their ending only", async () => {
    const app = new Workspace().release(1);
    const [db, sqlite] = ["app.db", "app.sqlite"].map((name) => ({ path: join(app.folder, name) }));
    if (!db || !sqlite) throw new Error("unreachable");
    const running = await app.guard("1.0.0", db);
    running.db.exec("INSERT INTO book (title) VALUES ('in app.db')");
    const report = await app.launch("1.0.0", ["in app.sqlite"], sqlite);
    expect(report.found.state).toBe("new");
    await running.close();
    await app.launch("1.0.0", [], db);
    await app.launch("1.0.0", [], sqlite);
    rmSync(db.path);
    writeFileSync(sqlite.path, "no database");
    await app.launch("1.0.0", [], sqlite);
    await app.launch("1.0.0", [], db);
    expect(app.titles(db.path)).toEqual(["in app.db"]);
    expect(app.titles(sqlite.path)).toEqual(["in app.sqlite"]);
  });
});

test("restoring twice without a clean close between is reported as a loop", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  writeFileSync(app.path, "no database");
  const first = await app.launch("1.0.0");
  expect(first.warnings).toEqual([expect.stringContaining("was restored from library-v1.0.0.sqlite")]);
  writeFileSync(app.path, "no database");
  const confirmed = await app.launch("1.0.0");
  expect(confirmed.warnings.join()).not.toContain("loop");
  writeFileSync(app.path, "no database");
  const child = new (await import("../fixtures/app-process.ts")).AppProcess(app, "1.0.0");
  await child.hear();
  await child.kill();
  writeFileSync(app.path, "no database");
  for (const ending of ["-wal", "-shm"]) rmSync(app.path + ending, { force: true });
  const loop = await app.launch("1.0.0", [], { lockTimeout: "10s" });
  expect(loop.warnings.join()).toContain("This is a loop");
});

test("a database in a rollback-journal mode keeps it, through a backup and a restore", async () => {
  const app = new Workspace().release(1);
  const db = new Database(app.path);
  db.exec("CREATE TABLE other (x)");
  db.close();
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  writeFileSync(app.path, "no database");
  await app.launch("1.0.0");
  expect(query(app.path, (each) => each.pragma("journal_mode", { simple: true }))).toBe("delete");
  expect(app.titles()).toEqual(["Emma"]);
});

test("the restored database has the mode of the file it replaces, what is set aside is private", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  chmodSync(app.path, 0o664);
  writeFileSync(app.path, "no database");
  await app.launch("1.0.0");
  const { statSync } = await import("node:fs");
  expect(statSync(app.path).mode & 0o777).toBe(0o664);
  const [kept] = app.kept().filter((name) => name.includes("-corrupt"));
  expect(statSync(join(app.backups, kept ?? "")).mode & 0o777).toBe(0o600);
  expect(mkdirSync(app.backups, { recursive: true })).toBeUndefined();
});
