/** A sample of all faults, the same each time, and the proof that the harness would see a loss. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Case, casesAfter, casesOf, type Failure, flowsNamed, setStage, sideBySide, work } from "./campaign.ts";
import { FLOWS, type Flow } from "./flows.ts";
import type { Point } from "./points.ts";
import { sample } from "./sample.ts";
import { hasStrace } from "./strace.ts";
import { record } from "./trial.ts";

const SEED = 20_261_121;
const JOBS = 2;
const TURNS = 28;
const OTHERS = 14;
const TWICE = 4;
const REASON = hasStrace ? "" : " (skipped: strace is needed, and is not there)";

describe.skipIf(!hasStrace)(`faults at system calls${REASON}`, () => {
  let folder: string;
  const undurable: string[] = [];
  const single: Case[] = [];
  const twice: Case[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "holdfast-faults-"));
    const all = new Map<Flow, readonly Case[]>();
    await sideBySide(FLOWS, JOBS, async (flow) => {
      const cases = await casesOf(await setStage(flow, folder), (what) => undurable.push(what));
      all.set(flow, cases);
    });
    // One of each flow, and of these a part: flows are begun side by side, and their order is left to chance.
    const choose = (turn: boolean) =>
      FLOWS.flatMap((flow) =>
        sample(
          (all.get(flow) ?? []).filter((each) => isTurningPoint(each) === turn),
          1,
          SEED,
        ),
      );
    single.push(...sample(choose(true), TURNS, SEED), ...sample(choose(false), OTHERS, SEED));
    const killed = single.filter(({ points }) => points[0]?.fault === "KILL");
    for (const each of sample(killed, TWICE, SEED)) twice.push(...sample(await casesAfter(each), 1, SEED));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(`${TURNS} kills at a rename or link, and ${OTHERS} other points, in ${FLOWS.length} flows`, async () => {
    const { failures, missed } = await work(single, JOBS);
    expect(failures.map(tell)).toEqual([]);
    expect(missed.length).toBeLessThan(single.length / 20);
  });

  test(`${TWICE} points in the launch that recovers from another fault`, async () => {
    const { failures } = await work(twice, JOBS);
    expect(failures.map(tell)).toEqual([]);
  });

  test(`what a power loss could undo in ${FLOWS.length} flows: nothing`, () => {
    expect(undurable).toEqual([]);
  });

  test("control: a flush that is left out is seen", async () => {
    const stage = await setStage(named("downgrade"), join(folder, "control-of-flushes"));
    expect((await record(stage, { forget: /^fsync.*-intent-.*$/gm })).undurable).not.toEqual([]);
    expect((await record(stage, { forget: /^fsync.*$/gm })).undurable.length).toBeGreaterThan(5);
  });

  test("control: a backup that is removed before the new one has its name is seen", async () => {
    const isRemoval = ({ call, path, fault }: Point) =>
      fault === "KILL" && call === "rename" && path === "backups/library-v1.0.0.sqlite";
    const failures = await spoiled("backup", "./control/unlink-first.ts", isRemoval);
    expect(failures.flatMap((each) => each.faults)).toContain(
      "the backup library-v1.0.0.sqlite, which was good, is gone",
    );
  });

  test("control: a database that is replaced without being set aside is seen", async () => {
    const failures = await spoiled(
      "downgrade",
      "./control/forget-old.ts",
      ({ call, path, fault }) => fault === "KILL" && call === "unlink" && path === "backups/.library-db-intent.toml",
    );
    expect(failures.flatMap((each) => each.faults).join()).toContain("LOST");
  });

  async function spoiled(
    name: string,
    preload: string,
    isWanted: (point: Point) => boolean,
  ): Promise<readonly Failure[]> {
    const stage = await setStage(named(name), join(folder, "control"), new URL(preload, import.meta.url).href);
    const cases = (await casesOf(stage)).filter(({ points }) => points.every(isWanted));
    expect(cases.length).toBeGreaterThan(0);
    return (await work(cases, JOBS)).failures;
  }
});

function named(name: string): Flow {
  const [flow] = flowsNamed(name);
  if (!flow) throw new Error(`no flow ${name}`);
  return flow;
}

/** Where one state of the files becomes another. */
function isTurningPoint({ points: [point] }: Case): boolean {
  return point?.role === "main" && point.fault === "KILL" && ["rename", "link"].includes(point.call);
}

const tell = ({ flow, points, faults, story }: Failure) => ({ flow, points, faults, story });
