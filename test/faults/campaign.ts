/** Many trials: prepares the flows, finds their points, and works through them side by side. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FLOWS, type Flow } from "./flows.ts";
import { describePoint, type Fault, type Point } from "./points.ts";
import { layOutApp } from "./run-app.ts";
import { Template } from "./template.ts";
import { attempt, record, type Stage, type Verdict } from "./trial.ts";

export interface Case {
  readonly stage: Stage;
  readonly points: readonly Point[];
}

export interface Row {
  readonly flow: string;
  tried: number;
  reached: number;
  readonly kinds: Record<Fault, number>;
  losses: number;
}

export interface Failure extends Verdict {
  readonly flow: string;
  readonly points: readonly string[];
}

export interface Tally {
  readonly rows: readonly Row[];
  readonly failures: readonly Failure[];
  /** Never hit where they should have been, in three attempts. */
  readonly missed: readonly string[];
}

export async function setStage(flow: Flow, folder: string, preload: string | null = null): Promise<Stage> {
  const root = join(folder, flow.name);
  mkdirSync(root, { recursive: true });
  const app = layOutApp(root);
  const template = new Template(join(root, "template"), app);
  await flow.prepare(template);
  return { flow, template: template.folder, folder: root, app, preload };
}

export function flowsNamed(name: string | undefined): readonly Flow[] {
  const found = FLOWS.filter((flow) => name === undefined || name.split(",").includes(flow.name));
  if (found.length === 0) throw new Error(`no flow ${name}: there are ${FLOWS.map((each) => each.name).join(", ")}`);
  return found;
}

/** All single faults of a flow. */
export async function casesOf(stage: Stage, onUndurable?: (what: string) => void): Promise<readonly Case[]> {
  const { points, undurable } = await record(stage);
  for (const each of undurable) onUndurable?.(each);
  return points.map((point) => ({ stage, points: [point] }));
}

/** Faults of the launch that recovers from that one. */
export async function casesAfter({ stage, points: earlier }: Case): Promise<readonly Case[]> {
  const { points } = await record(stage, { earlier });
  return points.map((point) => ({ stage, points: [...earlier, point] }));
}

export interface Progress {
  readonly onFailure?: (failure: Failure) => void;
  readonly onCase?: (done: number) => void;
  /** No further trial is begun. */
  readonly isOver?: () => boolean;
}

export async function work(
  cases: readonly Case[],
  jobs: number,
  { onFailure, onCase, isOver }: Progress = {},
): Promise<Tally> {
  const rows = new Map<string, Row>();
  const failures: Failure[] = [];
  const missed: string[] = [];
  let done = 0;
  await sideBySide(cases, jobs, async ({ stage, points }) => {
    if (isOver?.()) return;
    const flow = stage.flow.name;
    const row = rows.get(flow) ?? {
      flow,
      tried: 0,
      reached: 0,
      kinds: { KILL: 0, EIO: 0, ENOSPC: 0, EPERM: 0 },
      losses: 0,
    };
    rows.set(flow, row);
    let verdict = await attempt(stage, points);
    // Which of two processes is first is left to chance, and a count may be another by one or two.
    for (const shift of [0, 1, -1, 2]) {
      if (verdict.reached) break;
      verdict = await attempt(
        stage,
        points.map((point) => ({ ...point, nth: Math.max(1, point.nth + shift) })),
      );
    }
    row.tried++;
    const names = points.map(describePoint);
    if (!verdict.reached) missed.push(`${flow} ${names.join(" then ")}`);
    else {
      row.reached++;
      const last = points.at(-1);
      if (last) row.kinds[last.fault]++;
    }
    // A fault elsewhere, in what Node does by itself, says nothing of the flow.
    if (verdict.reached && verdict.faults.length > 0) {
      row.losses++;
      const failure = { ...verdict, flow, points: names };
      failures.push(failure);
      onFailure?.(failure);
    }
    onCase?.(++done);
  });
  return { rows: [...rows.values()], failures, missed };
}

/** So many at a time, in their order. */
export async function sideBySide<T>(all: readonly T[], jobs: number, task: (each: T) => Promise<void>): Promise<void> {
  const rest = all.values();
  const worker = async () => {
    for (const each of rest) await task(each);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}
