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
const TURNS_PER_FLOW = 2;
const OTHERS_PER_FLOW = 1;
const TWICE = 6;
const REASON = hasStrace ? "" : " (skipped: strace is needed, and is not there)";

describe.skipIf(!hasStrace)(`faults at system calls${REASON}`, () => {
  let folder: string;
  const undurable: string[] = [];
  const single: Case[] = [];
  const twice: Case[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "holdfast-faults-"));
    await sideBySide(FLOWS, JOBS, async (flow) => {
      const cases = await casesOf(await setStage(flow, folder), (what) => undurable.push(what));
      const [turns, others] = [true, false].map((turn) => cases.filter((each) => isTurningPoint(each) === turn));
      single.push(...sample(turns ?? [], TURNS_PER_FLOW, SEED), ...sample(others ?? [], OTHERS_PER_FLOW, SEED));
    });
    const killed = single.filter(({ points }) => points[0]?.fault === "KILL");
    for (const each of sample(killed, TWICE, SEED)) twice.push(...sample(await casesAfter(each), 1, SEED));
  }, 120_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(`up to ${TURNS_PER_FLOW} kills at a rename or link, and ${OTHERS_PER_FLOW} other point, in each of ${FLOWS.length} flows`, async () => {
    const { failures, missed } = await work(single, JOBS);
    expect(failures.map(tell)).toEqual([]);
    expect(missed.length).toBeLessThan(single.length / 20);
  }, 180_000);

  test(`${TWICE} points in the launch that recovers from another fault`, async () => {
    const { failures } = await work(twice, JOBS);
    expect(failures.map(tell)).toEqual([]);
  }, 60_000);

  test(`what a power loss could undo in ${FLOWS.length} flows: nothing`, () => {
    expect(undurable).toEqual([]);
  });

  test("control: a flush that is left out is seen", async () => {
    const stage = await setStage(named("downgrade"), join(folder, "control-of-flushes"));
    expect((await record(stage, "main", { forget: /^fsync.*-intent-.*$/gm })).undurable).not.toEqual([]);
    expect((await record(stage, "main", { forget: /^fsync.*$/gm })).undurable.length).toBeGreaterThan(5);
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
