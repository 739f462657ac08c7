import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { status } from "../../src/index.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { query, Workspace } from "../fixtures/workspace.ts";

const DEMOTED = "library-v2.0.0-demoted.sqlite";

/** 2.0.0 wrote rows, 1.0.0 went back to its backup and wrote others. */
async function backAndForth(rows: readonly string[] = ["Emma", "Persuasion"]): Promise<Workspace> {
  const app = new Workspace().release(2);
  await app.launch("1.0.0", ["Ulysses"]);
  await app.launch("1.0.0");
  app.release(3);
  await app.launch("2.0.0");
  // Under keys that the other rows do not have.
  query(app.path, (db) => {
    const insert = db.prepare("INSERT INTO book (id, title) VALUES (?, ?)");
    for (const [n, title] of rows.entries()) insert.run(100 + n, title);
    if (rows.length > 0) db.exec("INSERT INTO progress VALUES (100, 7)");
  });
  app.release(2);
  await app.launch("1.0.0", ["Dubliners"]);
  expect(app.kept()).toContain(DEMOTED);
  return app.release(3);
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
    const app = await backAndForth([]);
    expect((await app.plan("2.0.0")).warnings).toEqual([]);
    expect((await app.launch("2.0.0")).warnings).toEqual([]);
    const { demoted } = await status(app.settings(), { appVersion: "2.0.0" });
    expect(demoted).toMatchObject([{ lacking: { rows: 0, complete: true } }]);
  });

  test("one row is told as one", async () => {
    const app = await backAndForth(["Emma"]);
    query(join(app.backups, DEMOTED), (db) => db.exec("DELETE FROM progress"));
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

  test("a restored database is compared too", async () => {
    const app = await backAndForth();
    rmSync(app.path);
    expect((await app.plan("2.0.0")).warnings).toContain(notice(app));
    expect((await app.launch("2.0.0")).warnings).toContain(notice(app));
  });

  test("beside a running application status counts as well, and leaves its files to it", async () => {
    const app = await backAndForth();
    const running = new AppProcess(app, "2.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
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
