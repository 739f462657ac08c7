import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, afterEach, describe, expect, onTestFinished, test } from "vitest";
import { FileLock, poll } from "../../src/platform/lock.ts";
import { LockHolder, type LockOrder, type Spun } from "../fixtures/lock-holder.ts";
import { refusal } from "../fixtures/refusal.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const open = (path: string, options: { timeout: number }) => new Database(path, options);

function lockFile(): string {
  return join(scratchFolder(), ".library-lock.sqlite");
}

function fileAt(path: string): string {
  writeFileSync(path, "");
  return path;
}

function databaseAt(path: string): string {
  const db = new Database(path);
  db.exec("CREATE TABLE book (cover); INSERT INTO book VALUES (zeroblob(100000))");
  db.close();
  return path;
}

function lockAt(path: string, like?: string): FileLock {
  const lock = new FileLock(open, path, like);
  onTestFinished(() => lock.release());
  return lock;
}

type Held = Exclude<LockOrder, "spin">;

describe("between processes", () => {
  const other = new LockHolder();
  afterEach(() => other.order("release"));
  afterAll(() => other.kill());

  test.each<[string, Held[], Held, boolean]>([
    ["alone keeps alone out", ["tryExclusive"], "tryExclusive", false],
    ["alone keeps shared out", ["tryExclusive"], "tryShared", false],
    ["shared keeps alone out", ["tryShared"], "tryExclusive", false],
    ["shared lets shared in", ["tryShared"], "tryShared", true],
    ["alone, then shared, keeps alone out", ["tryExclusive", "toShared"], "tryExclusive", false],
    ["alone, then shared, lets shared in", ["tryExclusive", "toShared"], "tryShared", true],
    ["alone, then let go, lets alone in", ["tryExclusive", "letGo"], "tryExclusive", true],
    ["shared, then let go, lets alone in", ["tryShared", "letGo"], "tryExclusive", true],
    ["alone, then shared, then let go, lets alone in", ["tryExclusive", "toShared", "letGo"], "tryExclusive", true],
    ["alone, then released, lets alone in", ["tryExclusive", "release"], "tryExclusive", true],
    ["shared, then released, lets alone in", ["tryShared", "release"], "tryExclusive", true],
    ["not held, keeps nobody out", [], "tryExclusive", true],
  ])("%s", async (_, orders, attempt, succeeds) => {
    const path = lockFile();
    await other.order({ open: path });
    for (const order of orders) expect(await other.order(order)).not.toBe(false);
    const lock = lockAt(path);
    expect(attempt === "tryExclusive" ? lock.tryExclusive() : lock.tryShared()).toBe(succeeds);
    expect(lock.state).toBe(
      succeeds ? { tryExclusive: "exclusive", tryShared: "shared" }[attempt as "tryShared"] : "none",
    );
  });

  test("the last of several that share it lets alone in", async () => {
    const path = lockFile();
    const [first, second] = [await LockHolder.at(path), await LockHolder.at(path)];
    await first.order("tryShared");
    await second.order("tryShared");
    const lock = lockAt(path);
    await first.order("release");
    expect(lock.tryExclusive()).toBe(false);
    await second.order("release");
    expect(lock.tryExclusive()).toBe(true);
  });

  test("who polls to hold it alone does not keep others from sharing it", async () => {
    const path = lockFile();
    const lock = lockAt(path);
    lock.tryShared();
    const spinner = await LockHolder.at(path);
    spinner.spin();
    expect(await spinner.hear()).toMatchObject({ held: false });
    const sharers = Array.from({ length: 5 }, () => lockAt(path));
    for (const each of sharers) expect(await poll(() => each.tryShared(), 2000)).toBe(true);
  });

  test.each(["tryExclusive", "tryShared"] as const)("kill -9 frees it (%s), and nothing stale is left", async (how) => {
    const path = lockFile();
    const holder = await LockHolder.at(path);
    await holder.order(how);
    const lock = lockAt(path);
    expect(lock.tryExclusive()).toBe(false);
    await holder.kill();
    expect(lock.tryExclusive()).toBe(true);
    lock.release();
    expect(readdirSync(join(path, ".."))).toEqual([".library-lock.sqlite"]);
  });

  test("from alone to shared there is no gap for another that tries without pause", async () => {
    const path = lockFile();
    const lock = lockAt(path);
    const spinner = await LockHolder.at(path);
    for (let round = 0; round < 15; round++) {
      expect(await poll(() => lock.tryExclusive(), 5000)).toBe(true);
      spinner.spin();
      expect(await spinner.hear()).toMatchObject({ held: false });
      lock.toShared();
      const after = [await spinner.hear(), await spinner.hear(), await spinner.hear()] as Spun[];
      expect(after.map((each) => each.held)).toEqual([false, false, false]);
      lock.letGo();
      let spun = (await spinner.hear()) as Spun;
      while (!spun.held) spun = (await spinner.hear()) as Spun;
      await spinner.order("letGo");
    }
  });
});

describe("its state", () => {
  test("is told at each step", () => {
    const lock = lockAt(lockFile());
    expect(lock.state).toBe("none");
    expect(lock.tryExclusive()).toBe(true);
    expect(lock.state).toBe("exclusive");
    lock.toShared();
    expect(lock.state).toBe("shared");
    lock.letGo();
    expect(lock.state).toBe("none");
    expect(lock.tryShared()).toBe(true);
    expect(lock.state).toBe("shared");
    lock.release();
    expect(lock.state).toBe("none");
  });

  test("can be let go and released twice", () => {
    const lock = lockAt(lockFile());
    lock.letGo();
    lock.tryExclusive();
    lock.letGo();
    lock.letGo();
    lock.release();
    expect(() => lock.release()).not.toThrow();
  });

  test("two in one process keep each other out as well", () => {
    const path = lockFile();
    const [first, second] = [lockAt(path), lockAt(path)];
    first.tryExclusive();
    expect(second.tryExclusive()).toBe(false);
    expect(second.tryShared()).toBe(false);
    first.toShared();
    expect(second.tryShared()).toBe(true);
  });
});

describe("its file", () => {
  test("is made where it is not, for its owner alone", () => {
    const path = lockFile();
    lockAt(path);
    expect(statSync(path).mode & 0o777).toBe(process.platform === "win32" ? 0o666 : 0o600);
  });

  test("may be opened by whoever may open the database", () => {
    const path = lockFile();
    const database = join(path, "..", "library.sqlite");
    writeFileSync(database, "x");
    chmodSync(database, 0o764);
    lockAt(path, database);
    expect(statSync(path).mode & 0o777).toBe(process.platform === "win32" ? 0o666 : 0o664);
  });

  test("keeps its mode once it is there", () => {
    const path = lockFile();
    const database = join(path, "..", "library.sqlite");
    lockAt(path, database).release();
    writeFileSync(database, "x");
    chmodSync(database, 0o666);
    lockAt(path, database);
    expect(statSync(path).mode & 0o777).toBe(process.platform === "win32" ? 0o666 : 0o600);
  });

  test("stays when the lock is released", () => {
    const path = lockFile();
    const lock = lockAt(path);
    lock.tryExclusive();
    lock.release();
    expect(existsSync(path)).toBe(true);
  });

  test.each<[string, (path: string) => unknown]>([
    ["is large", (path) => writeFileSync(path, "this is no lock".repeat(10_000))],
    ["is a link to a file", (path) => symlinkSync(fileAt(`${path}.target`), path)],
    ["is a link that dangles", (path) => symlinkSync(`${path}.made`, path)],
    ["is a second name of another database", (path) => linkSync(databaseAt(`${path}.target`), path)],
    ["is a FIFO", (path) => execFileSync("mkfifo", [path])],
  ])("that %s is named, and not opened", (_, put) => {
    const path = lockFile();
    put(path);
    expect(refusal(() => lockAt(path))).toMatchObject({
      code: "IO_FAILED",
      message: `The lock file ${path} is damaged. It holds no data; your database was not touched.`,
      hint: `Make sure that no copy of the application runs, then delete it: rm "${path}"`,
    });
    expect(existsSync(`${path}.made`)).toBe(false);
  });

  test("that holds a text is named, and no corruption of the database", () => {
    const path = lockFile();
    writeFileSync(path, "this is no lock, but a text that somebody has put here".repeat(100));
    const lock = lockAt(path);
    for (const attempt of [() => lock.tryExclusive(), () => lock.tryShared()]) {
      expect(refusal(attempt)).toMatchObject({
        code: "IO_FAILED",
        message: `The lock file ${path} is damaged. It holds no data; your database was not touched.`,
      });
    }
  });

  test("in a folder that is not there", () => {
    const path = join(scratchFolder(), "none", ".library-lock.sqlite");
    expect(refusal(() => lockAt(path))).toMatchObject({ code: "IO_FAILED" });
  });

  test("a folder in its place", () => {
    const path = lockFile();
    mkdirSync(path);
    expect(refusal(() => lockAt(path).tryExclusive())).toMatchObject({ code: "IO_FAILED" });
  });
});

describe("poll", () => {
  test("holds at once, or as soon as the other lets go", async () => {
    const path = lockFile();
    const [first, second] = [lockAt(path), lockAt(path)];
    expect(await poll(() => first.tryExclusive(), 1000)).toBe(true);
    const waiting = poll(() => second.tryExclusive(), 30_000);
    await pause(60);
    first.letGo();
    expect(await waiting).toBe(true);
  });

  test("gives up when the time is over", async () => {
    const path = lockFile();
    lockAt(path).tryExclusive();
    const second = lockAt(path);
    expect(await poll(() => second.tryExclusive(), 80)).toBe(false);
  });

  test("tries once with no time at all", async () => {
    let tries = 0;
    const attempt = (result: boolean) => () => {
      tries++;
      return result;
    };
    expect(await poll(attempt(false), 0)).toBe(false);
    expect(await poll(attempt(true), 0)).toBe(true);
    expect(tries).toBe(2);
  });

  test("lets the event loop turn meanwhile", async () => {
    let turned = false;
    setTimeout(() => {
      turned = true;
    }, 10);
    expect(await poll(() => turned, 30_000)).toBe(true);
  });

  test("stops when the signal says so, with its reason", async () => {
    const controller = new AbortController();
    const waiting = poll(() => false, 30_000, controller.signal);
    controller.abort(new Error("the user left"));
    await expect(waiting).rejects.toThrow("the user left");
  });

  test("what the attempt throws is thrown", async () => {
    const attempt = () => {
      throw new Error("damaged");
    };
    await expect(poll(attempt, 1000)).rejects.toThrow("damaged");
  });
});
