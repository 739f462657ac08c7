import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { HoldfastError, isCorruption } from "../../src/errors.ts";
import { Child, type Progress } from "../../src/platform/child.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const HOLDFASTS = new URL("../../src/worker.ts", import.meta.url);
const OURS = new URL("../fixtures/job-worker.ts", import.meta.url);
const PARENT = new URL("../fixtures/parent-main.ts", import.meta.url);

function start(worker: URL = OURS, args: readonly string[] = []): Child {
  const child = new Child(worker, args);
  onTestFinished(() => child.stop());
  return child;
}

/** For the tests of one group, which leave it as it is. */
function shared(): Child {
  const child = new Child(OURS);
  afterAll(() => child.stop());
  return child;
}

async function thrown(task: Promise<unknown>): Promise<HoldfastError> {
  const error = await task.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  // What is looked at of it is looked at by name; an error of another kind has no code.
  if (error instanceof Error) return error as HoldfastError;
  throw new Error("nothing was thrown");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch {
    return false;
  }
}

/** Where nobody reaps orphans, as in some containers, a dead process keeps its number. */
function isZombie(pid: number): boolean {
  const status = `/proc/${pid}/stat`;
  return existsSync(status) && /\) Z /.test(readFileSync(status, "utf8"));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(10);
}

describe("a job", () => {
  const child = shared();

  test("gives its result, with every kind of value", async () => {
    const value = {
      date: new Date(0),
      map: new Map([["a", { big: 2n ** 60n }]]),
      bytes: new Uint8Array([0, 255]),
      nothing: undefined,
      infinity: Number.POSITIVE_INFINITY,
    };
    expect(await child.run("echo", value)).toEqual(value);
  });

  test("is told what stands on the command line", async () => {
    expect(await start(OURS, ["file:///an%20opener.mjs", "second"]).run("args", null)).toEqual([
      "file:///an%20opener.mjs",
      "second",
    ]);
  });

  test("several at once each get their own", async () => {
    expect(await Promise.all([1, 2, 3].map((n) => child.run("echo", n)))).toEqual([1, 2, 3]);
  });

  test("tells of its progress, in order and before its result", async () => {
    const seen: (Progress | string)[] = [];
    seen.push(await child.run<string>("count", 3, { onProgress: (progress) => seen.push(progress) }));
    expect(seen).toEqual([{ done: 1, total: 3 }, { done: 2, total: 3 }, { done: 3, total: 3 }, "counted"]);
  });

  test("another's progress is not mixed in", async () => {
    const totals: number[][] = [[], []];
    await Promise.all(
      [2, 5].map((n, at) => child.run("count", n, { onProgress: ({ total }) => totals[at]?.push(total) })),
    );
    expect(totals).toEqual([
      [2, 2],
      [5, 5, 5, 5, 5],
    ]);
  });
});

describe("an error crosses from the child", () => {
  const child = shared();

  test("a refusal keeps its code, hint and details", async () => {
    const error = await thrown(child.run("refuse", null));
    expect(error).toBeInstanceOf(HoldfastError);
    expect(error.toJSON()).toEqual({
      code: "DISK_FULL",
      message: "no room",
      hint: "make some",
      details: { free: 3 },
    });
  });

  test.each(["ENOSPC", "SQLITE_CORRUPT_INDEX", "SQLITE_BUSY"])(
    "an error of the system keeps its code: %s",
    async (code) => {
      const error = await thrown(child.run("fail", code));
      expect(error).toMatchObject({ code, message: `${code}: it failed` });
      expect(isCorruption(error)).toBe(code.startsWith("SQLITE_CORRUPT"));
    },
  );

  test("what is no error comes as one", async () => {
    expect(await thrown(child.run("throwText", null))).toMatchObject({ message: "plain text" });
  });

  test("and the child goes on", async () => {
    await thrown(child.run("refuse", null));
    expect(await child.run("echo", "still here")).toBe("still here");
  });
});

describe("a child that ends over its work", () => {
  test.each([
    ["is killed", "kill", /SIGKILL/],
    ["exits", "exit", /exit status 7/],
    ["crashes", "crash", /exit status 1/],
  ])("%s: an I/O error that names the job, never corruption", async (_, job, why) => {
    const child = start();
    const waiting = thrown(child.run("never", null));
    child.run(job, null).catch(() => {});
    const error = await waiting;
    expect(error).toBeInstanceOf(HoldfastError);
    expect(error.code).toBe("IO_FAILED");
    expect(error.message).toMatch(why);
    expect(isCorruption(error)).toBe(false);
    expect(error.message).toContain('"never"');
    expect(child.alive).toBe(false);
  });

  test("it touched mapped memory for which the disk had no place: the disk is full", async () => {
    const child = start();
    const waiting = thrown(child.run("never", null));
    child.run("touchWhatIsNotThere", null).catch(() => {});
    expect(await waiting).toMatchObject({ code: "DISK_FULL", details: { job: "never", why: "SIGBUS" } });
  });

  test("later jobs are refused at once", async () => {
    const child = start();
    await thrown(child.run("kill", null));
    expect(await thrown(child.run("echo", 1))).toMatchObject({ code: "IO_FAILED", details: { job: "echo" } });
  });

  test("a worker that is not there", async () => {
    const child = start(pathToFileURL(join(scratchFolder(), "none.js")));
    expect(await thrown(child.run("echo", 1))).toMatchObject({ code: "IO_FAILED" });
  });

  test("stopped by us: what was under way is an I/O error, and the process is gone", async () => {
    const child = start();
    const pid = await child.run<number>("pid", null);
    const job = thrown(child.run("never", null));
    const stopped = child.stop();
    expect(await job).toMatchObject({ code: "IO_FAILED", details: { job: "never" } });
    expect(child.alive).toBe(false);
    await stopped;
    expect(isAlive(pid)).toBe(false);
    await child.stop();
  });
});

describe("a signal", () => {
  test("that was given before: nothing is run", async () => {
    const child = start();
    const reason = new Error("the user left");
    expect(await thrown(child.run("kill", null, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(await child.run("echo", "untouched")).toBe("untouched");
  });

  test("that comes meanwhile: the child is killed, and its reason is thrown", async () => {
    const child = start();
    const pid = await child.run<number>("pid", null);
    const controller = new AbortController();
    const reason = new Error("the user left");
    const job = thrown(child.run("never", null, { signal: controller.signal }));
    controller.abort(reason);
    expect(await job).toBe(reason);
    expect(child.alive).toBe(false);
    await until(() => !isAlive(pid));
  });

  test("that comes after a job does not touch the child", async () => {
    const child = start();
    const controller = new AbortController();
    await child.run("echo", 1, { signal: controller.signal });
    controller.abort();
    expect(await child.run("echo", 2)).toBe(2);
  });
});

/** An application of its own, as another process. */
function application(...args: readonly string[]): ChildProcess {
  const parent = spawn(process.execPath, [PARENT.pathname, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void parent.kill("SIGKILL"));
  return parent;
}

describe("the child and its parent", () => {
  /** Holdfast's own worker in the midst of a check that takes for ever. */
  async function stalled(): Promise<{ parent: ChildProcess; worker: number }> {
    const told = join(scratchFolder(), "told");
    const database = `${told}.sqlite`;
    writeFileSync(database, "x");
    const opener = new URL("../fixtures/stalling-opener.ts", import.meta.url);
    opener.searchParams.set("told", told);
    const parent = application(HOLDFASTS.href, opener.href, "examine", database);
    await until(() => existsSync(`${told}.stalled`));
    const worker = Number(readFileSync(told, "utf8"));
    onTestFinished(() => {
      if (isAlive(worker)) process.kill(worker, "SIGKILL");
    });
    return { parent, worker };
  }

  test("kill -9 of the parent ends Holdfast's worker in the midst of its work", async () => {
    const { parent, worker } = await stalled();
    expect(isAlive(worker)).toBe(true);
    parent.kill("SIGKILL");
    await until(() => !isAlive(worker));
  });

  test("a signal as from a terminal leaves Holdfast's worker to its parent", async () => {
    const { worker } = await stalled();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(worker, signal);
    await pause(150);
    expect(isAlive(worker)).toBe(true);
  });

  test("a parent that exits takes a child with it that never ends by itself", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [PARENT.pathname, OURS.href, "", "exit"]);
    const worker = Number(stdout);
    expect(worker).toBeGreaterThan(1);
    await until(() => !isAlive(worker));
  });

  test("a job keeps its parent alive", async () => {
    const file = join(scratchFolder(), "slow");
    const parent = application(OURS.href, "", "held", file);
    await new Promise((resolve) => parent.once("exit", resolve));
    expect(readFileSync(file, "utf8")).toBe("done");
  });

  test("but not where it is not to hold it", async () => {
    const file = join(scratchFolder(), "slow");
    const parent = application(OURS.href, "", "unheld", file);
    expect(await new Promise((resolve) => parent.once("exit", resolve))).toBe(0);
    expect(existsSync(file)).toBe(false);
  });
});

describe("Holdfast's own worker", () => {
  test("does one job after the other, and goes on after one that fails", async () => {
    const child = start(HOLDFASTS);
    const folder = scratchFolder();
    const from = join(folder, "a");
    writeFileSync(from, "x");
    const outcomes = await Promise.allSettled([
      child.run("copy", { from: join(folder, "none"), to: join(folder, "b") }),
      child.run("copy", { from, to: join(folder, "c") }),
      child.run("copy", { from, to: join(folder, "c") }),
    ]);
    expect(
      outcomes.map((each) => (each.status === "rejected" ? (each.reason as { code?: string }).code : "done")),
    ).toEqual(["ENOENT", "done", "EEXIST"]);
    expect(readFileSync(join(folder, "c"), "utf8")).toBe("x");
  });

  test("a job that it does not know is an error, not the end", async () => {
    const child = start(HOLDFASTS);
    expect((await thrown(child.run("dance", null))).message).toMatch(/\w/);
    expect(child.alive).toBe(true);
  });

  test("an opener without open is refused by its name, for each job", async () => {
    const opener = new URL("../fixtures/index-entry.ts", import.meta.url).href;
    const child = start(HOLDFASTS, [opener]);
    for (let n = 0; n < 2; n++) {
      const error = await thrown(child.run("copy", { from: "a", to: "b" }));
      expect(error).toMatchObject({ code: "SETTINGS_INVALID", details: { opener } });
    }
  });
});
