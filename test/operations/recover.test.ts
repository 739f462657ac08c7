import { closeSync, copyFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { recover, restore } from "../../src/index.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";
import { hashOf, query, Workspace } from "../fixtures/workspace.ts";

const options = { appVersion: "1.0.0" } as const;
const TITLES = Array.from({ length: 2000 }, (_, n) => `title ${n} ${"x".repeat(50)}`);

async function withRows(): Promise<Workspace> {
  const app = new Workspace().release(2);
  const library = await app.guard("1.0.0");
  await library.backup;
  const insert = library.db.prepare("INSERT INTO book (title) VALUES (?)");
  library.db.transaction(() => {
    for (const title of TITLES) insert.run(title);
  })();
  await library.close();
  return app;
}

/** Zeroes one leaf page in the middle of the rows. */
function damage(path: string): void {
  const fd = openSync(path, "r+");
  writeSync(fd, Buffer.alloc(4096), 0, 4096, 20 * 4096);
  closeSync(fd);
}

describe("recover", () => {
  test("says that a sound database is sound, and writes nothing", async () => {
    const app = await withRows();
    const before = app.snapshot();
    expect(await recover(app.settings(), options)).toMatchObject({ outcome: "done", damage: null, output: null });
    expect(app.snapshot()).toEqual(before);
  });

  test("writes what can be read of a damaged one to a new file beside it, and leaves it as it is", async () => {
    const app = await withRows();
    damage(app.path);
    const before = hashOf(app.path);
    const report = await recover(app.settings(), options);
    const output = join(app.folder, "library-recovered.sqlite");
    expect(report).toMatchObject({ outcome: "done", file: app.path, output, damage: expect.any(String) });
    expect(hashOf(app.path)).toBe(before);
    expect(query(output, (db) => db.pragma("integrity_check", { simple: true }))).toBe("ok");
    const back = app.titles(output);
    expect(back.length).toBeGreaterThan(1900);
    expect(back.filter((title) => !TITLES.includes(title))).toEqual([]);
    const book = report.tables.find(({ table }) => table === "book");
    expect(book).toMatchObject({ rows: back.length, gaps: 1, lostAtMost: TITLES.length - back.length });
    expect(app.temporaries()).toEqual([]);
  });

  test("gives a file that restore puts in the database's place", async () => {
    const app = await withRows();
    damage(app.path);
    const { output } = await recover(app.settings(), options);
    await restore(app.settings(), String(output), options);
    const library = await app.guard("1.0.0");
    expect(library.report).toMatchObject({ outcome: "opened", found: { version: "1.0.0", layout: "equal" } });
    await library.close();
    expect(app.kept().some((name) => name.endsWith("-corrupt.sqlite"))).toBe(true);
  });

  test("replaces no file, and tries the next name by itself", async () => {
    const app = await withRows();
    damage(app.path);
    const output = join(app.folder, "library-recovered.sqlite");
    await recover(app.settings(), options);
    expect((await refused(recover(app.settings(), { ...options, output }))).message).toContain("exists already");
    expect((await recover(app.settings(), options)).output).toBe(join(app.folder, "library-recovered-2.sqlite"));
  });

  test("only says with dryRun what is amiss", async () => {
    const app = await withRows();
    damage(app.path);
    const report = await recover(app.settings(), { ...options, dryRun: true });
    expect(report).toMatchObject({ outcome: "would-do", damage: expect.any(String) });
    expect(existsSync(String(report.output))).toBe(false);
  });

  test("reads a file that was never guarded, and leaves nothing beside it but the new one", async () => {
    const folder = scratchFolder();
    const path = join(folder, "notes.db");
    const db = new Database(path);
    db.exec("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)");
    for (const title of TITLES) db.prepare("INSERT INTO note (text) VALUES (?)").run(title);
    db.close();
    damage(path);
    const { output } = await recover({ path, migrations: false });
    expect(output).toBe(join(folder, "notes-recovered.sqlite"));
    expect(query(String(output), (found) => found.prepare("SELECT count(*) FROM note").pluck().get())).toBeGreaterThan(
      1900,
    );
    expect(existsSync(join(folder, "backups"))).toBe(false);
    expect(existsSync(join(folder, ".notes.db-lock.sqlite"))).toBe(false);
  });

  test("has the schema from the migrations, where it is gone and there is no backup", async () => {
    const app = await withRows();
    rmSync(app.backups, { recursive: true });
    const bytes = readFileSync(app.path);
    writeFileSync(app.path, bytes.fill(0, 0, 4096));
    const { output, tables, lostAndFound } = await recover(app.settings(), options);
    expect(app.titles(String(output))).toEqual(TITLES);
    expect(tables).toContainEqual(expect.objectContaining({ table: "book", rows: TITLES.length, gaps: 0 }));
    expect(lostAndFound).toBeNull();
    expect(app.temporaries()).toEqual([]);
  });

  test("reads a quarantined file by its id", async () => {
    const app = await withRows();
    await app.launch("1.0.0");
    damage(app.path);
    await app.launch("1.0.0", [], { onCorruption: "restore" });
    const id = app
      .kept()
      .find((name) => name.endsWith("-corrupt.sqlite"))
      ?.replace(/^library-|\.sqlite$/g, "");
    const { output } = await recover(app.settings(), { ...options, source: String(id) });
    expect(app.titles(String(output)).length).toBeGreaterThan(1900);
  });

  test("says of a file with zero bytes that it has nothing", async () => {
    const folder = scratchFolder();
    const path = join(folder, "empty.db");
    writeFileSync(path, "");
    const app = await withRows();
    const error = await refused(recover(app.settings(), { ...options, source: path }));
    expect(error).toMatchObject({ code: "NOT_FOUND", details: { path } });
    expect(error.message).toContain("empty.db has zero bytes");
  });

  test("is refused while the application runs", async () => {
    const app = await withRows();
    const running = new AppProcess(app, "1.0.0");
    await running.hear();
    expect((await refused(recover(app.settings(), options))).code).toBe("DB_IN_USE");
  });

  test("leaves nothing behind when it is aborted", async () => {
    const app = await withRows();
    damage(app.path);
    copyFileSync(app.path, join(app.folder, "copy"));
    const controller = new AbortController();
    const onEvent = ({ kind }: { kind: string }) => {
      if (kind === "salvage") controller.abort(new Error("enough"));
    };
    const error = await refused(recover(app.settings(), { ...options, signal: controller.signal, onEvent }));
    expect(error.code).toBe("ABORTED");
    expect(app.temporaries()).toEqual([]);
    expect(existsSync(join(app.folder, "library-recovered.sqlite"))).toBe(false);
  });
});
