import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type Intent, textOfIntent } from "../../src/database/intent.ts";
import { type Engine, loadEngine } from "../../src/database/open.ts";
import { type CopyFile, finishSwap, settle, swap, unfinishedSwap } from "../../src/database/swap.ts";
import { type Places, placesOf, temporaryIn } from "../../src/places.ts";
import { copyDurably, identify } from "../../src/platform/atomic-file.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

/** What goes wrong with the file system, as seen from the code under test and from here alike. */
const faults = vi.hoisted(() => ({
  linkFailsWith: null as string | null,
  /** How many more changes reach the disk before the process is killed; the one that is hit is done by half. */
  changesLeft: Number.POSITIVE_INFINITY,
}));

vi.mock("../../src/platform/builtins.ts", async (original) => {
  const builtins = await original<typeof import("../../src/platform/builtins.ts")>();
  const { fs } = builtins;
  const change =
    <Args extends unknown[], Result>(call: (...args: Args) => Result, byHalf?: (...args: Args) => void) =>
    (...args: Args): Result => {
      if (faults.changesLeft <= 0) {
        if (faults.changesLeft === 0) byHalf?.(...args);
        faults.changesLeft = -1;
        throw new Error("killed");
      }
      faults.changesLeft--;
      return call(...args);
    };
  const replaced = {
    linkSync: change((from: string, to: string) => {
      if (faults.linkFailsWith === null) return fs.linkSync(from, to);
      throw Object.assign(new Error(`${faults.linkFailsWith}: no links here`), { code: faults.linkFailsWith });
    }),
    unlinkSync: change(fs.unlinkSync),
    renameSync: change(fs.renameSync),
    rmSync: change(fs.rmSync),
    copyFileSync: change(fs.copyFileSync, (from, to) => fs.writeFileSync(to, fs.readFileSync(from).subarray(0, 2))),
    writeFileSync: change(fs.writeFileSync, (file, text) => fs.writeFileSync(file, String(text).slice(0, 40))),
    fsyncSync: change(() => {}),
  };
  return { ...builtins, fs: { ...fs, ...replaced } };
});

function withoutLinks(code: string): void {
  faults.linkFailsWith = code;
  onTestFinished(() => {
    faults.linkFailsWith = null;
  });
}

/** @returns whether the process was killed over it */
async function killedAfter(changes: number, task: () => Promise<unknown>): Promise<boolean> {
  faults.changesLeft = changes;
  try {
    await task();
    return false;
  } catch (error) {
    if (faults.changesLeft >= 0) throw error;
    return true;
  } finally {
    faults.changesLeft = Number.POSITIVE_INFINITY;
  }
}

const copy: CopyFile = async (from, to) => copyDurably(from, to);

interface Scene {
  readonly places: Places;
  readonly staged: string;
  readonly aside: string;
}

/** An old database with a log, a new one staged beside it, and a backup folder. Contents are told by their text. */
function scene(old: Record<string, string> = { "": "old", "-wal": "old log", "-shm": "old memory" }): Scene {
  const folder = scratchFolder();
  const places = placesOf(join(folder, "library.sqlite"), undefined);
  mkdirSync(places.backups);
  for (const [ending, content] of Object.entries(old)) writeFileSync(places.database + ending, content);
  const staged = temporaryIn(folder, places, "restore");
  writeFileSync(staged, "new");
  return { places, staged, aside: join(places.backups, "library-20261121T101500Z-corrupt.sqlite") };
}

/** Every file with its content; the record of the swap is named only. */
function contents({ places }: Scene): Record<string, string> {
  const found: Record<string, string> = {};
  for (const folder of [places.folder, places.backups]) {
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      if (statSync(file).isFile()) found[name] = file === places.intent ? "…" : readFileSync(file, "utf8");
    }
  }
  return found;
}

const INTENT = ".library-db-intent.toml";
const ASIDE = "library-20261121T101500Z-corrupt.sqlite";
const DONE = { "library.sqlite": "new", [ASIDE]: "old", [`${ASIDE}-wal`]: "old log", [`${ASIDE}-shm`]: "old memory" };

/** The record that a swap writes before it touches anything. */
function writeIntent({ places, staged, aside }: Scene, parts: Record<string, unknown> = {}): void {
  const sidecars = ["-wal", "-journal", "-shm"].flatMap((ending) => {
    const identity = identify(places.database + ending);
    return identity ? [{ ending, identity }] : [];
  });
  const old = identify(places.database);
  const intent = {
    database: places.database,
    staged,
    staged_identity: identify(staged),
    ...(old ? { old_identity: old } : {}),
    aside,
    sidecars,
    ...parts,
  };
  writeFileSync(places.intent, textOfIntent(intent as Intent));
}

describe("a swap", () => {
  test("puts the new file in place, and keeps the old one and its sidecars under their second names", async () => {
    const set = scene();
    await swap(set, copy);
    expect(contents(set)).toEqual(DONE);
    expect(unfinishedSwap(set.places)).toBeNull();
  });

  test("the old file is given a second name, not copied", async () => {
    const set = scene();
    const { ino } = statSync(set.places.database);
    await swap(set, () => Promise.reject(new Error("it was copied")));
    expect(statSync(set.aside).ino).toBe(ino);
  });

  test("the new file is the staged one itself", async () => {
    const set = scene();
    const { ino } = statSync(set.staged);
    await swap(set, copy);
    expect(statSync(set.places.database).ino).toBe(ino);
  });

  test("where nothing has to be kept, nothing is", async () => {
    const set = scene();
    await swap({ ...set, aside: null }, copy);
    expect(contents(set)).toEqual({ "library.sqlite": "new" });
  });

  test("where there was no database", async () => {
    const set = scene({});
    await swap({ ...set, aside: null }, copy);
    expect(contents(set)).toEqual({ "library.sqlite": "new" });
  });

  test("over zero bytes", async () => {
    const set = scene({ "": "" });
    await swap({ ...set, aside: null }, copy);
    expect(contents(set)).toEqual({ "library.sqlite": "new" });
  });

  test("leaves another database's record in the same folder alone", async () => {
    const set = scene();
    writeIntent(set, { database: "/other/library.sqlite", staged: "/other/x" });
    const other = readFileSync(set.places.intent, "utf8");
    await swap(set, copy);
    expect(readFileSync(set.places.intent, "utf8")).toBe(other);
    expect(readFileSync(set.places.database, "utf8")).toBe("new");
    expect(readdirSync(set.places.backups).filter((name) => name.endsWith(".toml"))).toEqual([INTENT]);
  });

  test.each(["EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL"])(
    "where links end in %s, the old files are copied",
    async (code) => {
      const set = scene();
      withoutLinks(code);
      await swap(set, copy);
      expect(contents(set)).toEqual(DONE);
    },
  );

  test("a copy that fails leaves all as it was, and no record", async () => {
    const set = scene();
    const before = contents(set);
    withoutLinks("EXDEV");
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    let copies = 0;
    const failing: CopyFile = async (from, to) => {
      if (++copies === 2) throw full;
      await copy(from, to);
    };
    await expect(swap(set, failing)).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(contents(set)).toEqual(before);
    expect(unfinishedSwap(set.places)).toBeNull();
  });

  test("a link that fails otherwise leaves all as it was", async () => {
    const set = scene();
    const before = contents(set);
    withoutLinks("EACCES");
    await expect(swap(set, copy)).rejects.toMatchObject({ code: "IO_FAILED" });
    expect(contents(set)).toEqual(before);
  });

  test("a name that another application took meanwhile is not overwritten, and the old database is not lost", async () => {
    const set = scene();
    writeFileSync(set.aside, "another application's");
    await swap(set, copy).catch(() => {});
    const left = Object.values(contents(set));
    expect(left).toContain("another application's");
    expect(left).toContain("old");
    expect(left).toContain("old log");
  });

  test("a staged file that is gone leaves all as it was", async () => {
    const set = scene();
    rmSync(set.staged);
    const before = contents(set);
    await expect(swap(set, copy)).rejects.toThrow();
    expect(contents(set)).toEqual(before);
  });
});

/** What a swap does, one system call after the other; a kill may come between any two. */
const STEPS: readonly [string, (set: Scene) => void][] = [
  ["the record is written", (set) => writeIntent(set)],
  ["the database has its second name", ({ places, aside }) => linkSync(places.database, aside)],
  ["the log has its second name", ({ places, aside }) => linkSync(`${places.database}-wal`, `${aside}-wal`)],
  ["the shared memory has its second name", ({ places, aside }) => linkSync(`${places.database}-shm`, `${aside}-shm`)],
  ["the log is gone", ({ places }) => rmSync(`${places.database}-wal`)],
  ["the shared memory is gone", ({ places }) => rmSync(`${places.database}-shm`)],
  ["the staged file has the path", ({ places, staged }) => renameSync(staged, places.database)],
];

describe("a swap that was cut off is completed, wherever it was", () => {
  const until = (last: number, set: Scene) => {
    for (const [, step] of STEPS.slice(0, last + 1)) step(set);
  };

  test.each(STEPS.map(([name], last) => [name, last] as const))("%s", async (_, last) => {
    const set = scene();
    until(last, set);
    expect(unfinishedSwap(set.places)).toEqual({ kind: "resumable", database: set.places.database, aside: set.aside });
    await finishSwap(set.places, copy);
    expect(contents(set)).toEqual(DONE);
    expect(unfinishedSwap(set.places)).toBeNull();
  });

  test.each(STEPS.map(([name], last) => [name, last] as const))("%s, where there are no links", async (_, last) => {
    const set = scene();
    for (const [, step] of STEPS.slice(0, last + 1)) step(set);
    for (const ending of ["", "-wal", "-shm"]) {
      const kept = set.aside + ending;
      if (!existsSync(kept)) continue;
      const content = readFileSync(kept);
      rmSync(kept);
      writeFileSync(kept, content);
    }
    withoutLinks("EXDEV");
    expect(unfinishedSwap(set.places)).toMatchObject({ kind: "resumable" });
    await finishSwap(set.places, copy);
    expect(contents(set)).toEqual(DONE);
  });

  test("nothing had to be kept", async () => {
    const set = scene({ "": "old" });
    writeIntent(set, { aside: undefined });
    expect(unfinishedSwap(set.places)).toEqual({ kind: "resumable", database: set.places.database, aside: null });
    await finishSwap(set.places, copy);
    expect(contents(set)).toEqual({ "library.sqlite": "new" });
  });

  test("there was no database", async () => {
    const set = scene({});
    writeIntent(set, { aside: undefined });
    await finishSwap(set.places, copy);
    expect(contents(set)).toEqual({ "library.sqlite": "new" });
  });

  test("a half copy under a temporary name does not count as kept", async () => {
    const set = scene();
    writeIntent(set);
    withoutLinks("EXDEV");
    const cut: CopyFile = async (_, to) => {
      writeFileSync(to, "ol");
      throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
    };
    await expect(finishSwap(set.places, cut)).rejects.toMatchObject({ code: "IO_FAILED" });
    expect(existsSync(set.aside)).toBe(false);
    await finishSwap(set.places, copy);
    expect(contents(set)).toMatchObject(DONE);
  });

  test("its record has a number, for another database's stands there", async () => {
    const set = scene();
    writeIntent(set, { database: "/other/library.sqlite" });
    const numbered = join(set.places.backups, ".library-db-intent-2.toml");
    renameSync(set.places.intent, join(set.places.backups, "other.toml"));
    writeIntent(set);
    renameSync(set.places.intent, numbered);
    renameSync(join(set.places.backups, "other.toml"), set.places.intent);
    expect(unfinishedSwap(set.places)).toMatchObject({ kind: "resumable" });
    await finishSwap(set.places, copy);
    expect(readFileSync(set.places.database, "utf8")).toBe("new");
    expect(existsSync(numbered)).toBe(false);
    expect(existsSync(set.places.intent)).toBe(true);
  });
});

describe("killed between any two changes to the disk, the next launch finds the whole old or the whole new", () => {
  /** Enough for every change of the longest swap here; the last rounds are not killed any more. */
  const CHANGES = 40;

  function expectWholeOrNamed(set: Scene): void {
    const found = contents(set);
    if (found["library.sqlite"] === "new") {
      expect(found).not.toHaveProperty(["library.sqlite-wal"]);
      expect(found).not.toHaveProperty(["library.sqlite-shm"]);
      expect(found).toMatchObject(DONE);
    } else {
      expect(found["library.sqlite"]).toBe("old");
      const alone = !("library.sqlite-wal" in found) || !("library.sqlite-shm" in found);
      if (alone) expect(unfinishedSwap(set.places)).toMatchObject({ kind: "resumable" });
    }
  }

  /** What counts: not the temporaries that every launch clears, nor the staged file of a swap that never began. */
  const lasting = (set: Scene) =>
    Object.fromEntries(Object.entries(contents(set)).filter(([name]) => !name.endsWith(".tmp")));

  async function nextLaunch(set: Scene): Promise<void> {
    const state = unfinishedSwap(set.places);
    expect(state?.kind).not.toBe("broken");
    if (state) await finishSwap(set.places, copy);
  }

  test.each([
    ["with links", null],
    ["without links", "EXDEV"],
  ])("%s", async (_, code) => {
    if (code) withoutLinks(code);
    let kills = 0;
    for (let first = 0; first < CHANGES; first++) {
      for (let second = first % 8; second < CHANGES; second += 8) {
        const set = scene();
        const old = lasting(set);
        if (await killedAfter(first, () => swap(set, copy))) kills++;
        expectWholeOrNamed(set);
        await killedAfter(second, () => nextLaunch(set));
        expectWholeOrNamed(set);
        await nextLaunch(set);
        expect([DONE, old]).toContainEqual(lasting(set));
        expect(unfinishedSwap(set.places)).toBeNull();
        rmSync(set.places.folder, { recursive: true });
      }
    }
    expect(kills).toBeGreaterThan(60);
    expect(await killedAfter(CHANGES, () => swap(scene(), copy))).toBe(false);
  });
});

describe("files that are no longer those of the record", () => {
  const database = (set: Scene) => set.places.database;
  test.each<[string, (set: Scene) => void, (set: Scene) => string[]]>([
    ["the staged file is gone", (set) => rmSync(set.staged), (set) => [`${set.staged} is gone`]],
    [
      "the staged file is another",
      (set) => writeFileSync(set.staged, "another"),
      (set) => [`${set.staged} is another file than the one named`],
    ],
    ["the database is gone", (set) => rmSync(database(set)), (set) => [`${database(set)} is gone`]],
    [
      "the database was written since",
      (set) => writeFileSync(database(set), "written since"),
      (set) => [`${database(set)} is another file than the one named`],
    ],
    [
      "the database has the size, but another time",
      (set) => utimesSync(database(set), new Date(), new Date("2026-01-01T00:00:00Z")),
      (set) => [`${database(set)} is another file than the one named`],
    ],
    [
      "a person put another database in its place",
      (set) => {
        rmSync(database(set));
        writeFileSync(database(set), "old");
        utimesSync(database(set), new Date(), new Date("2026-01-01T00:00:00Z"));
      },
      (set) => [`${database(set)} is another file than the one named`],
    ],
    [
      "the log was written since",
      (set) => writeFileSync(`${database(set)}-wal`, "a longer old log"),
      (set) => [`${database(set)}-wal is another file than the one named`],
    ],
    [
      "the log is gone and was not kept",
      (set) => rmSync(`${database(set)}-wal`),
      (set) => [`${database(set)}-wal is gone`],
    ],
    [
      "a journal appeared",
      (set) => writeFileSync(`${database(set)}-journal`, "x"),
      (set) => [`${database(set)}-journal was not there`],
    ],
    [
      "everything is gone",
      (set) => {
        for (const ending of ["", "-wal", "-shm"]) rmSync(database(set) + ending);
        rmSync(set.staged);
      },
      (set) => [
        `${set.staged} is gone`,
        `${database(set)} is gone`,
        `${database(set)}-wal is gone`,
        `${database(set)}-shm is gone`,
      ],
    ],
  ])("%s: each is named, and nothing is touched", async (_, change, differences) => {
    const set = scene();
    writeIntent(set);
    change(set);
    const before = contents(set);
    expect(unfinishedSwap(set.places)).toEqual({
      kind: "broken",
      file: set.places.intent,
      differences: differences(set),
    });
    expect(contents(set)).toEqual(before);
  });

  test("a database appeared where there was none", () => {
    const set = scene({});
    writeIntent(set, { aside: undefined });
    writeFileSync(set.places.database, "x");
    expect(unfinishedSwap(set.places)).toMatchObject({
      kind: "broken",
      differences: [`${set.places.database} was not there`],
    });
  });

  test.each([
    ["empty", ""],
    ["torn", 'database = "/data/lib'],
    ["no TOML", "\u0000\u0000\u0000"],
    ["of another form", "database = 3"],
    [
      "of a sidecar that is none",
      'sidecars = [{ ending = "/../x", identity = { ino = "1", size = "1", mtime = "1" } }]',
    ],
  ])("the record itself is %s", (_, text) => {
    const set = scene();
    writeFileSync(set.places.intent, text);
    expect(unfinishedSwap(set.places)).toMatchObject({
      kind: "broken",
      file: set.places.intent,
      differences: [expect.stringContaining(`${set.places.intent} cannot be read: `)],
    });
  });

  test("a record that lost one of its lines is not followed, for the old database might be kept nowhere", async () => {
    const set = scene();
    writeIntent(set);
    const text = readFileSync(set.places.intent, "utf8");
    const lines = text.split("\n").filter((each) => / = /.test(each));
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      writeFileSync(set.places.intent, text.replace(`${line}\n`, ""));
      const before = contents(set);
      expect(unfinishedSwap(set.places)).toMatchObject({ kind: "broken", file: set.places.intent });
      await finishSwap(set.places, copy);
      expect(contents(set)).toEqual(before);
    }
  });

  test("a record that was changed by another hand is not followed", () => {
    const set = scene();
    writeIntent(set);
    writeFileSync(set.places.intent, readFileSync(set.places.intent, "utf8").replaceAll("-corrupt", "-corrupu"));
    expect(unfinishedSwap(set.places)).toEqual({
      kind: "broken",
      file: set.places.intent,
      differences: [`${set.places.intent} was changed by another hand`],
    });
  });

  test.each<[string, (set: Scene) => Record<string, string>]>([
    ["a staged file elsewhere", (set) => ({ staged: join(set.places.backups, basename(set.staged)) })],
    ["a staged file by way of ..", (set) => ({ staged: `${set.places.folder}/../${basename(set.staged)}` })],
    ["a staged file that is somebody's", (set) => ({ staged: join(set.places.folder, "diary.sqlite") })],
    ["an aside elsewhere", (set) => ({ aside: join(dirname(set.places.folder), basename(set.aside)) })],
    ["an aside by the name of a backup", (set) => ({ aside: join(set.places.backups, "library-v1.0.0.sqlite") })],
  ])("a record that names %s is not followed", async (_, parts) => {
    const set = scene();
    writeIntent(set, parts(set));
    const before = contents(set);
    expect(unfinishedSwap(set.places)).toEqual({
      kind: "broken",
      file: set.places.intent,
      differences: [`${set.places.intent} names ${Object.values(parts(set))[0]}, which is no file of Holdfast's`],
    });
    await finishSwap(set.places, copy);
    expect(contents(set)).toEqual(before);
  });
});

describe("no swap is under way", () => {
  test("no backup folder", () => {
    expect(unfinishedSwap(placesOf(join(scratchFolder(), "library.sqlite"), undefined))).toBeNull();
  });

  test("another database's record alone", async () => {
    const set = scene();
    writeIntent(set, { database: "/other/library.sqlite" });
    const before = contents(set);
    expect(unfinishedSwap(set.places)).toBeNull();
    await finishSwap(set.places, copy);
    expect(contents(set)).toEqual(before);
  });

  test("files with similar names", () => {
    const set = scene();
    writeFileSync(join(set.places.backups, ".library-db-intent.toml.bak"), "x");
    writeFileSync(join(set.places.backups, ".library-db-intent-old.toml"), "x");
    writeFileSync(join(set.places.backups, ".library-2-db-intent.toml"), "x");
    expect(unfinishedSwap(set.places)).toBeNull();
  });
});

describe("settle: a sound database in one file", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadEngine();
  });

  function inWal(): { path: string; db: Database.Database } {
    const path = join(scratchFolder(), "library.sqlite");
    const db = new Database(path, { timeout: 0 });
    onTestFinished(() => void db.close());
    db.pragma("journal_mode = WAL");
    db.exec("CREATE TABLE a (x); INSERT INTO a VALUES (1)");
    return { path, db };
  }

  const rows = (path: string) => {
    const db = new Database(path, { readonly: true });
    try {
      return db.prepare("SELECT x FROM a").pluck().all();
    } finally {
      db.close();
    }
  };

  test("its log is brought in, and WAL mode left", () => {
    const { path, db } = inWal();
    const left = join(scratchFolder(), "library.sqlite");
    for (const ending of ["", "-wal"]) writeFileSync(left + ending, readFileSync(path + ending));
    db.close();
    settle(engine, left)();
    expect(readdirSync(dirname(left))).toEqual(["library.sqlite"]);
    expect(readFileSync(left)[18]).toBe(1);
    expect(rows(left)).toEqual([1]);
  });

  test("nothing to do where there is no database, or zero bytes", () => {
    const path = join(scratchFolder(), "library.sqlite");
    settle(engine, path)();
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, "");
    settle(engine, path)();
    expect(statSync(path).size).toBe(0);
  });

  test("it may be read, but nobody writes to it, until it is let go", () => {
    const { path, db } = inWal();
    db.close();
    const letGo = settle(engine, path);
    onTestFinished(letGo);
    const other = new Database(path, { timeout: 0 });
    onTestFinished(() => void other.close());
    expect(rows(path)).toEqual([1]);
    expect(() => other.exec("INSERT INTO a VALUES (2)")).toThrow("database is locked");
    letGo();
    other.exec("INSERT INTO a VALUES (2)");
    letGo();
    expect(rows(path)).toEqual([1, 2]);
  });

  test("another connection is in a transaction outside of WAL mode: in use, and what it commits is there", () => {
    const { path, db } = inWal();
    db.pragma("journal_mode = DELETE");
    db.exec("BEGIN IMMEDIATE; INSERT INTO a VALUES (2)");
    expect(() => settle(engine, path)).toThrow(expect.objectContaining({ code: "DB_IN_USE" }));
    db.exec("COMMIT");
    expect(rows(path)).toEqual([1, 2]);
  });

  test.each([
    ["reads", "BEGIN; SELECT * FROM a;"],
    ["writes", "BEGIN IMMEDIATE; INSERT INTO a VALUES (2);"],
    ["only has it open", "SELECT * FROM a"],
  ])("another connection %s: in use, and nothing is changed", (_, sql) => {
    const { path, db } = inWal();
    for (const each of sql.split(";").filter((part) => part.trim() !== "")) {
      if (/SELECT/.test(each)) db.prepare(each).all();
      else db.exec(each);
    }
    expect(() => settle(engine, path)).toThrow(expect.objectContaining({ code: "DB_IN_USE" }));
    if (db.inTransaction) db.exec("ROLLBACK");
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(db.prepare("SELECT x FROM a").pluck().all()).toEqual([1]);
  });
});
