import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { observeFiles } from "../../src/database/files.ts";
import { type Engine, loadEngine } from "../../src/database/open.ts";
import { contentDigestOf, headerOf, sha256Of } from "../../src/database/read-raw.ts";
import { copySnapshot } from "../../src/database/snapshot.ts";
import { layAmounts, readAmounts, startMover } from "../fixtures/mover.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const SUM = 900 * 1000;
/** More steps than any copy here takes; a copy that needs them goes on for ever. */
const ENDLESS = 3000;

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine();
});

/** As the engine, but without waiting: two connections of one thread would wait for each other. */
function hasty(): Engine {
  return { ...engine, openUntrusted: (path, mode) => engine.openUntrusted(path, mode, { timeout: 0 }) };
}

function amounts(journalMode: "wal" | "delete"): { path: string; copy: string } {
  const path = join(scratchFolder(), "library.sqlite");
  layAmounts(path, journalMode);
  return { path, copy: join(dirname(path), "copy.tmp") };
}

function connect(path: string): { db: Database.Database; move: () => void } {
  const db = new Database(path, { timeout: 0 });
  db.pragma("synchronous = OFF");
  onTestFinished(() => void db.close());
  const move = db.transaction(() => {
    db.exec("UPDATE left_side SET amount = amount - 1 WHERE id = 1");
    db.exec("UPDATE right_side SET amount = amount + 1 WHERE id = 900");
  });
  return { db, move };
}

describe("a copy of a database that nobody writes", () => {
  test.each([
    ["delete", true],
    ["delete", false],
    ["wal", true],
    ["wal", false],
  ] as const)("in journal mode %s, alone: %s", async (mode, exclusive) => {
    const { path, copy } = amounts(mode);
    await copySnapshot(engine, path, copy, { exclusive });
    expect(headerOf(copy).journalMode).toBe(mode);
    expect(readAmounts(copy)).toEqual({ moved: 0, sum: SUM, integrity: "ok" });
  });

  test("brings in what is in the log alone", async () => {
    const { path, copy } = amounts("wal");
    const { move } = connect(path);
    move();
    await copySnapshot(engine, path, copy, { exclusive: false });
    expect(readAmounts(copy)).toEqual({ moved: 1, sum: SUM, integrity: "ok" });
  });

  test("tells how far it is, up to the end", async () => {
    const { path, copy } = amounts("delete");
    const told: [number, number][] = [];
    await copySnapshot(engine, path, copy, { exclusive: false, onPages: (done, total) => told.push([done, total]) });
    const pages = statSync(path).size / 512;
    expect(told.length).toBeGreaterThan(5);
    expect(told.every(([done, total], n) => total === pages && done >= (told[n - 1]?.[0] ?? 0) && done <= pages)).toBe(
      true,
    );
  });

  test("is private", async () => {
    const { path, copy } = amounts("delete");
    await copySnapshot(engine, path, copy, { exclusive: true });
    expect(statSync(copy).mode & 0o777).toBe(process.platform === "win32" ? 0o666 : 0o600);
  });

  test("leaves the database as it was", async () => {
    const { path, copy } = amounts("delete");
    const before = { bytes: sha256Of(path), identity: observeFiles(path) };
    await copySnapshot(engine, path, copy, { exclusive: false });
    expect({ bytes: sha256Of(path), identity: observeFiles(path) }).toEqual(before);
  });

  test("never replaces a file", async () => {
    const { path, copy } = amounts("delete");
    writeFileSync(copy, "mine");
    await expect(copySnapshot(engine, path, copy, { exclusive: true })).rejects.toMatchObject({ code: "EEXIST" });
    expect(readFileSync(copy, "utf8")).toBe("mine");
  });
});

describe("another connection writes meanwhile, in WAL mode", () => {
  test("the copy is of one moment, and no commit waits or makes it start over", async () => {
    const { path, copy } = amounts("wal");
    const { move } = connect(path);
    move();
    let steps = 0;
    await copySnapshot(engine, path, copy, {
      exclusive: false,
      onPages: () => {
        if (++steps > ENDLESS) throw new Error("it goes on for ever");
        move();
      },
    });
    expect(steps).toBeGreaterThan(0);
    expect(readAmounts(copy)).toEqual({ moved: 1, sum: SUM, integrity: "ok" });
    expect(readAmounts(path)).toEqual({ moved: 1 + steps, sum: SUM, integrity: "ok" });
  });

  test("another process that never pauses", async () => {
    const { path } = amounts("wal");
    const mover = await startMover(path, 0);
    let last = 0;
    for (let n = 0; n < 5; n++) {
      const copy = join(dirname(path), `copy-${n}.tmp`);
      await copySnapshot(engine, path, copy, { exclusive: false });
      const { moved, sum, integrity } = readAmounts(copy);
      expect({ sum, integrity }).toEqual({ sum: SUM, integrity: "ok" });
      expect(moved).toBeGreaterThan(last);
      last = moved;
      while (readAmounts(path).moved <= last) await pause(5);
    }
    const commits = await mover.stop();
    expect(readAmounts(path)).toEqual({ moved: commits, sum: SUM, integrity: "ok" });
  });
});

describe("another connection writes meanwhile, in a rollback mode", () => {
  test("its commits do not wait, and the copy starts over to be of one moment", async () => {
    const { path, copy } = amounts("delete");
    const { move } = connect(path);
    let steps = 0;
    await copySnapshot(hasty(), path, copy, {
      exclusive: false,
      onPages: () => {
        if (++steps > ENDLESS) throw new Error("it goes on for ever");
        if (steps === 2 || steps === 5 || steps === 9) move();
      },
    });
    expect(readAmounts(copy)).toEqual({ moved: 3, sum: SUM, integrity: "ok" });
  });

  test("another process that pauses now and then", async () => {
    const { path } = amounts("delete");
    const mover = await startMover(path, 100);
    for (let n = 0; n < 3; n++) {
      const copy = join(dirname(path), `copy-${n}.tmp`);
      await copySnapshot(engine, path, copy, { exclusive: false });
      expect(readAmounts(copy)).toMatchObject({ sum: SUM, integrity: "ok" });
      await pause(120);
    }
    const commits = await mover.stop();
    expect(readAmounts(path)).toEqual({ moved: commits, sum: SUM, integrity: "ok" });
  });

  test.each<[string, (step: number) => boolean]>([
    ["every few steps", (step) => step % 3 === 0],
    ["after each step", () => true],
  ])("one that writes %s: the steps grow until the copy is done", async (_, writesAt) => {
    const { path, copy } = amounts("delete");
    const { move } = connect(path);
    let steps = 0;
    let moved = 0;
    await copySnapshot(hasty(), path, copy, {
      exclusive: false,
      onPages: () => {
        if (++steps > ENDLESS) throw new Error("it goes on for ever");
        if (!writesAt(steps)) return;
        move();
        moved++;
      },
    });
    const found = readAmounts(copy);
    expect(found).toMatchObject({ sum: SUM, integrity: "ok" });
    expect(found.moved).toBeGreaterThan(moved - 3);
  });

  test("one that locks the database and never lets go: given up as well", async () => {
    const { path, copy } = amounts("delete");
    const { db } = connect(path);
    let steps = 0;
    const copying = copySnapshot(hasty(), path, copy, {
      exclusive: false,
      onPages: () => {
        if (++steps > ENDLESS) throw new Error("it goes on for ever");
        if (steps === 2) db.exec("BEGIN EXCLUSIVE");
      },
    });
    await expect(copying).rejects.toMatchObject({
      code: expect.stringMatching(/^(BACKUP_FAILED|DB_IN_USE|SQLITE_BUSY)$/),
    });
  });

  test("one that locks the database for a while is waited for", async () => {
    const { path, copy } = amounts("delete");
    const { db } = connect(path);
    let steps = 0;
    await copySnapshot(hasty(), path, copy, {
      exclusive: false,
      onPages: () => {
        if (++steps !== 2) return;
        db.exec("BEGIN EXCLUSIVE");
        setTimeout(() => db.exec("COMMIT"), 40);
      },
    });
    expect(readAmounts(copy)).toEqual({ moved: 0, sum: SUM, integrity: "ok" });
  });

  test("alone, it holds the database: a program that ignores the lock cannot tear the copy", async () => {
    const { path, copy } = amounts("delete");
    const { move } = connect(path);
    const refused: unknown[] = [];
    await copySnapshot(hasty(), path, copy, {
      exclusive: true,
      onPages: () => {
        try {
          move();
        } catch (error) {
          refused.push((error as { code?: unknown }).code);
        }
      },
    });
    expect(new Set(refused)).toEqual(new Set(["SQLITE_BUSY"]));
    expect(readAmounts(copy)).toEqual({ moved: 0, sum: SUM, integrity: "ok" });
  });
});

describe("what is remembered of the file that was copied", () => {
  test("its identity, when it alone was the content and nothing was written", async () => {
    const { path, copy } = amounts("delete");
    const { source } = await copySnapshot(engine, path, copy, { exclusive: true });
    expect(source).toEqual(observeFiles(path).main);
  });

  test("a later write makes another identity", async () => {
    const { path, copy } = amounts("delete");
    const { source } = await copySnapshot(engine, path, copy, { exclusive: true });
    const { move } = connect(path);
    move();
    expect(source).not.toEqual(observeFiles(path).main);
  });

  test("nothing, when a part of the content is in the log", async () => {
    const { path, copy } = amounts("wal");
    const { move } = connect(path);
    move();
    expect((await copySnapshot(engine, path, copy, { exclusive: false })).source).toBeNull();
  });

  test("never an identity that does not belong to what was copied", async () => {
    const { path, copy } = amounts("delete");
    const { move } = connect(path);
    let steps = 0;
    const { source } = await copySnapshot(hasty(), path, copy, {
      exclusive: false,
      onPages: () => {
        if (++steps === 3) move();
      },
    });
    expect(readAmounts(copy).moved).toBe(1);
    expect(source === null || source.mtime === observeFiles(path).main?.mtime).toBe(true);
  });
});

describe("the digest of the content", () => {
  test.each(["delete", "wal"] as const)("is the same for a database in mode %s and its copy", async (mode) => {
    const { path, copy } = amounts(mode);
    await copySnapshot(engine, path, copy, { exclusive: true });
    expect(contentDigestOf(copy)).toBe(contentDigestOf(path));
  });

  test("is the same for a copy of the copy, and for one in another journal mode", async () => {
    const { path, copy } = amounts("wal");
    await copySnapshot(engine, path, copy, { exclusive: true });
    await copySnapshot(engine, copy, `${copy}-2`, { exclusive: true });
    const db = new Database(`${copy}-2`);
    db.pragma("journal_mode = DELETE");
    db.close();
    expect(sha256Of(`${copy}-2`)).not.toBe(sha256Of(path));
    expect(contentDigestOf(`${copy}-2`)).toBe(contentDigestOf(path));
  });

  test("is the same for a launch that wrote nothing", async () => {
    const { path } = amounts("wal");
    const before = contentDigestOf(path);
    const db = new Database(path);
    db.prepare("SELECT count(*) FROM left_side").get();
    db.close();
    expect(contentDigestOf(path)).toBe(before);
  });

  test.each([
    ["one row", "UPDATE left_side SET amount = 7 WHERE id = 450"],
    ["the schema", "CREATE TABLE tags (x)"],
    ["user_version", "PRAGMA user_version = 7"],
    ["application_id", "PRAGMA application_id = 7"],
    ["the last page", "UPDATE right_side SET amount = 7 WHERE id = 900"],
  ])("is another when %s changed", (_, sql) => {
    const { path } = amounts("delete");
    const before = contentDigestOf(path);
    const { db } = connect(path);
    db.exec(sql);
    db.close();
    expect(contentDigestOf(path)).not.toBe(before);
  });
});

test("a source that is not there is named, and nothing but the empty copy is left for the caller to clear", async () => {
  const folder = scratchFolder();
  const copying = copySnapshot(engine, join(folder, "none.sqlite"), join(folder, "copy.tmp"), { exclusive: true });
  await expect(copying).rejects.toMatchObject({ code: "SQLITE_CANTOPEN" });
  expect(readdirSync(folder)).toEqual(["copy.tmp"]);
});
