/** Which trials there are on small disks, and the table of how they went. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { type Case, casesOf, setStage, sideBySide, work } from "../campaign.ts";
import type { Flow } from "../flows.ts";
import { numbers, sample } from "../sample.ts";
import type { Stage } from "../trial.ts";
import { amountsFor, type Judgement, type Squeeze, squeeze } from "./full-disk.ts";
import { failMedium } from "./read-only.ts";
import { type DiskKind, SmallDisk, whyNot } from "./small-disk.ts";

export interface MediaOptions {
  readonly flows: readonly Flow[];
  readonly folder: string;
  /** `squeeze`, `links`, `read-only`, `lasting` */
  readonly only: readonly string[];
  readonly kinds: readonly string[];
  /** How many moments of each flow the disk fills up at, or fails at. */
  readonly during: number;
  /** How many calls of each flow fail for good. */
  readonly lasting: number;
  /** So many of the trials on each kind of disk; null: all. */
  readonly limit: number | null;
  readonly seed: number;
  readonly jobs: number;
  readonly tell: (line: string) => void;
  readonly onProgress?: (tried: number) => void;
}

export interface MediaTally {
  readonly rows: readonly Record<string, string | number>[];
  readonly tried: number;
  readonly losses: number;
}

/** No flow takes longer on an idle machine; a disk that fills up later fills up after it. */
const LONGEST_MS = 700;

type Task = (disk: SmallDisk) => Promise<Judgement>;

export async function runMedia(options: MediaOptions): Promise<MediaTally> {
  const { flows, folder, only, kinds, limit, seed, jobs, tell, onProgress } = options;
  const rows = new Map<string, Record<string, number>>();
  let tried = 0;
  let losses = 0;
  const count = (flow: string, column: string, ends: readonly string[], lost: number) => {
    const row = rows.get(flow) ?? {
      before: 0,
      during: 0,
      after: 0,
      links: 0,
      "read-only": 0,
      lasting: 0,
      opened: 0,
      losses: 0,
    };
    rows.set(flow, row);
    row[column] = (row[column] ?? 0) + 1;
    row.opened = (row.opened ?? 0) + (ends[0] === "opened" ? 1 : 0);
    row.losses = (row.losses ?? 0) + (lost > 0 ? 1 : 0);
    tried++;
    if (lost > 0) losses++;
  };
  const staged = new Map<Flow, Stage>();
  await sideBySide(flows, jobs, async (flow) => void staged.set(flow, await setStage(flow, folder)));
  // In the order of the flows, whichever was ready first.
  const stages = flows.flatMap((flow) => staged.get(flow) ?? []);
  const next = numbers(seed);
  for (const kind of ["tmpfs", "ext4"] as const) {
    if (!kinds.includes(kind)) continue;
    const all = stages.flatMap((stage) => tasksOf(stage, kind, options, next));
    const tasks = limit === null ? all : sample(all, limit, seed);
    if (tasks.length === 0) continue;
    const why = whyNot(kind);
    if (why !== null) {
      tell(`skipped ${tasks.length} trials: no ${kind} can be mounted here: ${why}`);
      continue;
    }
    await onDisks(kind, folder, jobs, tasks, async ({ column, task }, disk) => {
      const found = await task(disk);
      count(found.flow, column, found.ends, found.faults.length);
      if (tried % 50 === 0) onProgress?.(tried);
      if (found.faults.length > 0) describe(found, kind).forEach(tell);
    });
  }
  if (only.includes("lasting")) {
    const cases: Case[] = [];
    await sideBySide(stages, jobs, async (stage) => {
      cases.push(...sample(lastingOf(await casesOf(stage)), options.lasting, seed + flows.indexOf(stage.flow)));
    });
    const { failures, missed, rows: done } = await work(cases, jobs);
    for (const { flow, reached, losses: lost } of done) {
      for (let n = 0; n < reached; n++) count(flow, "lasting", [], n < lost ? 1 : 0);
    }
    for (const each of missed) tell(`not reached: ${each}`);
    for (const { flow, points, faults, story, folder: where } of failures)
      [`FAILED ${flow}: ${points.join(" then ")}; kept in ${where}`, ...faults, ...story].forEach(tell);
  }
  return { rows: [...rows].map(([flow, row]) => ({ flow, ...row })), tried, losses };
}

function describe({ flow, trial, ends, faults, story }: Judgement, kind: DiskKind): string[] {
  return [
    `FAILED ${flow}, ${kind}: ${trial} (${ends.join(", ")})`,
    ...faults.map((fault) => `  ${fault}`),
    ...story.map((line) => `    ${line.slice(0, 600)}`),
  ];
}

/** The same trials in the same order for the same seed. */
function tasksOf(
  stage: Stage,
  kind: DiskKind,
  { only, during }: MediaOptions,
  next: () => number,
): readonly { column: string; task: Task }[] {
  const moments = Array.from({ length: during }, () => next() * LONGEST_MS);
  const squeezes: Squeeze[] = [];
  if (only.includes("squeeze")) {
    squeezes.push(...amountsOf(stage).map((amount) => ({ when: "before" as const, amount, links: true })));
    squeezes.push(...moments.map((amount) => ({ when: "during" as const, amount, links: true })));
    squeezes.push({ when: "after", amount: 0, links: true });
  }
  const tasks: { column: string; task: Task }[] = squeezes.map((how) => ({
    column: how.when,
    task: (disk) => squeeze(stage, disk, how),
  }));
  if (only.includes("links") && kind === "tmpfs") {
    const how: Omit<Squeeze, "links">[] = [
      { when: "never", amount: 0 },
      // Room for small records, and none for a copy.
      { when: "before", amount: amountsOf(stage)[3] ?? 0 },
      { when: "after", amount: 0 },
      ...moments.slice(0, 1).map((amount) => ({ when: "during" as const, amount })),
    ];
    tasks.push(
      ...how.map((each) => ({
        column: "links",
        task: (disk: SmallDisk) => squeeze(stage, disk, { ...each, links: false }),
      })),
    );
  }
  if (only.includes("read-only") && kind === "ext4") {
    tasks.push(
      ...moments.map((ms) => ({ column: "read-only", task: (disk: SmallDisk) => failMedium(stage, disk, ms) })),
    );
  }
  return tasks;
}

function amountsOf({ template }: Stage): readonly number[] {
  const found = statSync(join(template, "library.sqlite"), { throwIfNoEntry: false });
  return amountsFor(found?.size ?? 20_480);
}

/** The first of each call that can find no room, no medium or no links, and all that follow it. */
function lastingOf(cases: readonly Case[]): readonly Case[] {
  return cases.flatMap(({ stage, points }) => {
    const [point] = points;
    return point && point.fault !== "KILL" ? [{ stage, points: [{ ...point, lasting: true as const }] }] : [];
  });
}

/** One disk for each job. */
async function onDisks<T>(
  kind: DiskKind,
  folder: string,
  jobs: number,
  tasks: readonly T[],
  task: (each: T, disk: SmallDisk) => Promise<void>,
): Promise<void> {
  const idle = Array.from({ length: jobs }, () => new SmallDisk(kind, folder));
  try {
    await sideBySide(tasks, jobs, async (each) => {
      const disk = idle.pop();
      if (!disk) throw new Error("there are as many disks as jobs");
      try {
        await task(each, disk);
      } finally {
        idle.push(disk);
      }
    });
  } finally {
    for (const disk of idle) disk.remove();
  }
}
