import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import { status } from "../../src/index.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { query, Workspace } from "../fixtures/workspace.ts";

const DEMOTED = "library-v2.0.0-demoted.sqlite";

const TEMPLATE = mkdtempSync(join(tmpdir(), "holdfast-template-"));
afterAll(() => rmSync(TEMPLATE, { recursive: true, force: true }));

/** 2.0.0 wrote three rows, 1.0.0 went back to its backup and wrote others; the migrations are those of 2.0.0 again. */
async function backAndForth(): Promise<Workspace> {
  const app = new Workspace().release(3);
  if (readdirSync(TEMPLATE).length > 0) {
    cpSync(TEMPLATE, app.folder, { recursive: true });
    return app;
  }
  await app.release(2).launch("1.0.0", ["Ulysses"]);
  await app.launch("1.0.0");
  await app.release(3).launch("2.0.0");
  // Under keys that the other rows do not have.
  query(app.path, (db) =>
    db.exec("INSERT INTO book (id, title) VALUES (100, 'Emma'), (101, 'Watt'); INSERT INTO progress VALUES (100, 7)"),
  );
  await app.release(2).launch("1.0.0", ["Dubliners"]);
  expect(app.kept()).toContain(DEMOTED);
  cpSync(app.release(3).folder, TEMPLATE, { recursive: true });
  return app;
}

const notice = (app: Workspace, number = "3 rows", them = "them") =>
  `A database of version 2.0.0 is set aside as ${join(app.backups, DEMOTED)}, with ${number} that the current one lacks. To bring ${them} in: holdfast demoted merge v2.0.0-demoted`;

describe("when the newer application comes back after a downgrade", () => {
  test("plan and launch tell the rows that were set aside, and the command that brings them in", async () => {
    const app = await backAndForth();
    const before = app.snapshot();
    const plan = await app.plan("2.0.0");
    expect(plan).toMatchObject({ outcome: "would-open", warnings: [notice(app)] });
    expect(app.snapshot()).toEqual(before);
    const report = await app.launch("2.0.0");
    expect(report).toMatchObject({ found: { version: "1.0.0", layout: "behind" }, warnings: [notice(app)] });
    expect(app.titles()).toEqual(["Ulysses", "Dubliners"]);
    expect(app.temporaries()).toEqual([]);
  });

  test("they are told once: no later launch counts them again, but status does", async () => {
    const app = await backAndForth();
    await app.launch("2.0.0");
    expect((await app.launch("2.0.0", ["Watt"])).warnings).toEqual([]);
    const sealed = app.snapshot();
    const { demoted } = await status(app.settings(), { appVersion: "2.0.0" });
    expect(demoted).toMatchObject([
      { file: DEMOTED, id: "v2.0.0-demoted", version: "2.0.0", lacking: { rows: 3, complete: true } },
    ]);
    expect(app.snapshot()).toEqual(sealed);
    // The seal still stands.
    expect((await app.launch("2.0.0")).actions).toMatchObject([{ action: "back-up" }]);
  });

  test("one that lacks nothing is not mentioned", async () => {
    const app = await backAndForth();
    query(join(app.backups, DEMOTED), (db) => db.exec("DELETE FROM progress; DELETE FROM book WHERE id >= 100"));
    expect((await app.plan("2.0.0")).warnings).toEqual([]);
    expect((await app.launch("2.0.0")).warnings).toEqual([]);
    const { demoted } = await status(app.settings(), { appVersion: "2.0.0" });
    expect(demoted).toMatchObject([{ lacking: { rows: 0, complete: true } }]);
  });

  test("one of another database that shares the folder is not mentioned", async () => {
    const app = await backAndForth();
    query(join(app.backups, DEMOTED), (db) => db.exec("UPDATE _holdfast_stamp SET database_id = 'another'"));
    expect((await app.launch("2.0.0")).warnings).toEqual([]);
    expect((await status(app.settings(), { appVersion: "2.0.0" })).demoted).toMatchObject([{ lacking: null }]);
  });

  test("one row is told as one", async () => {
    const app = await backAndForth();
    query(join(app.backups, DEMOTED), (db) => db.exec("DELETE FROM progress; DELETE FROM book WHERE id = 101"));
    expect((await app.launch("2.0.0")).warnings).toEqual([notice(app, "1 row", "it")]);
  });

  test("an older application, which cannot read it, is told nothing", async () => {
    const app = await backAndForth();
    app.release(2);
    expect((await app.launch("1.0.1")).warnings).toEqual([]);
    const { demoted } = await status(app.settings(), { appVersion: "1.0.0" });
    expect(demoted).toMatchObject([{ version: "2.0.0", lacking: null }]);
  });

  test("a version that changed no layout is told when it is stamped", async () => {
    const app = await backAndForth();
    await app.launch("2.0.0");
    expect((await app.plan("2.1.0")).warnings).toEqual([notice(app)]);
    expect((await app.launch("2.1.0")).warnings).toEqual([notice(app)]);
  });

  test("beside a running application nothing is stamped and nothing told; the next launch that is alone tells it", async () => {
    const app = await backAndForth();
    const running = new AppProcess(app, "2.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    expect(await app.launch("2.1.0")).toMatchObject({ outcome: "opened", warnings: [] });
    expect(await running.order("close")).toEqual({ ok: true });
    expect((await app.launch("2.1.0")).warnings).toEqual([notice(app)]);
  });

  test("a restored database is compared too", async () => {
    const app = await backAndForth();
    rmSync(app.path);
    expect((await app.plan("2.0.0")).warnings).toContain(notice(app));
    expect((await app.launch("2.0.0")).warnings).toContain(notice(app));
    rmSync(app.path);
    expect((await app.launch("2.0.0")).warnings).not.toContain(notice(app));
    rmSync(app.path);
    expect((await app.plan("2.1.0")).warnings).toContain(notice(app));
    expect((await app.launch("2.1.0")).warnings).toContain(notice(app));
  });

  test("beside a running application status counts as well, and leaves its files to it", async () => {
    const app = await backAndForth();
    const running = new AppProcess(app, "2.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    // A child that is killed at its work leaves its own temporaries.
    await running.order("backup");
    const { heldBy, demoted } = await status(app.settings(), { appVersion: "2.0.0" });
    expect([heldBy, demoted[0]?.lacking]).toEqual(["application", { rows: 3, complete: true }]);
    await running.kill();
    const killed = await status(app.settings(), { appVersion: "2.0.0" });
    expect([killed.heldBy, killed.demoted[0]?.lacking]).toEqual(["nobody", { rows: 3, complete: true }]);
    expect(app.temporaries().filter((name) => name.includes("-look-"))).toEqual([]);
  });

  test("what cannot be read keeps nobody from their data", async () => {
    const app = await backAndForth();
    writeFileSync(join(app.backups, DEMOTED), "no database");
    const report = await app.launch("2.0.0");
    expect(report).toMatchObject({ outcome: "opened", warnings: [] });
    expect((await status(app.settings(), { appVersion: "2.0.0" })).demoted).toMatchObject([{ lacking: null }]);
  });

  test("one that cannot be read does not hide the others", async () => {
    const app = await backAndForth();
    mkdirSync(join(app.backups, "library-v3.0.0-demoted.sqlite-wal"));
    writeFileSync(join(app.backups, "library-v3.0.0-demoted.sqlite"), "no database");
    expect((await app.launch("2.0.0")).warnings).toContain(notice(app));
  });

  test("a count that comes to no end is given up after a second", async () => {
    const app = await backAndForth();
    const opener = new URL("../fixtures/stalling-demoted-opener.ts", import.meta.url);
    const report = await app.launch("2.0.0", [], {}, { opener });
    expect(report).toMatchObject({ outcome: "opened" });
    expect(report.warnings).toEqual([
      `A database of version 2.0.0 is set aside as ${join(app.backups, DEMOTED)}, and whether it has rows that the current one lacks could not be told within a second. To compare them: holdfast diff v2.0.0-demoted`,
    ]);
    expect(report.blockedMs).toBeLessThan(8000);
    expect(app.temporaries()).toEqual([]);
  });

  test("an application with a migrator of its own is told by its own layouts", async () => {
    const app = new Workspace();
    const step = (n: number) => ({ name: `step ${n}`, checksum: `${n}` });
    const own = (steps: number) => ({
      layout: (db: Database.Database) => {
        const applied = db.pragma("user_version", { simple: true }) as number;
        return {
          applied: Array.from({ length: applied }, (_, n) => step(n)),
          known: Array.from({ length: steps }, (_, n) => step(n)),
        };
      },
      migrate: (db: Database.Database) => {
        db.exec("CREATE TABLE IF NOT EXISTS book (id INTEGER PRIMARY KEY, title TEXT)");
        db.pragma(`user_version = ${steps}`);
      },
    });
    await app.launch("1.0.0", ["Ulysses"], {}, own(1));
    await app.launch("2.0.0", ["Emma", "Persuasion"], {}, own(2));
    await app.launch("1.0.0", [], {}, own(1));
    expect(app.kept()).toContain(DEMOTED);
    expect((await app.launch("2.0.0", [], {}, own(2))).warnings).toEqual([notice(app, "2 rows")]);
  });
});
