/** One trial: a copy of the flow's beginning, the fault, a plain next launch, and the judgement. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findUndurable } from "./durability.ts";
import type { Flow } from "./flows.ts";
import { nextLaunch } from "./next-launch.ts";
import { goodBackups, hashOf, isKept, judgeAtOnce, judgeFiles, judgeOutput, missingTitles, read } from "./oracle.ts";
import { type Point, pointsIn, ROLES, readCalls } from "./points.ts";
import type { AppRun } from "./run-app.ts";
import { committedIn, runApp } from "./run-app.ts";
import { callsOf, logsOf, type Tracing } from "./strace.ts";
import { copyTemplate, isSealed } from "./template.ts";

/** A flow that is ready to be run any number of times. */
export interface Stage {
  readonly flow: Flow;
  readonly template: string;
  /** Where the copies go. */
  readonly folder: string;
  readonly app: string;
  /** A module that spoils the application on purpose, for the control. */
  readonly preload: string | null;
}

export interface Verdict {
  /** Whether the fault was put where it was meant to be; else the run says nothing. */
  readonly reached: boolean;
  /** What is wrong; empty when all is well. */
  readonly faults: readonly string[];
  /** Kept when something is wrong. */
  readonly folder: string;
  readonly story: readonly string[];
}

let trials = 0;

/** A run without a fault of its own, after those of earlier runs. */
export interface Recording {
  readonly points: readonly Point[];
  /** What a power loss could undo. */
  readonly undurable: readonly string[];
}

/** @param forget calls that are struck from the record before it is judged, for the control */
export async function record(
  stage: Stage,
  { earlier = [], forget }: { earlier?: readonly Point[]; forget?: RegExp } = {},
): Promise<Recording> {
  const place = layOut(stage);
  for (const [n, point] of earlier.entries()) await launch(stage, place, n, { roles: [point.role], point });
  const sealed = isSealed(place.data);
  const { tracing } = await launch(stage, place, earlier.length, { roles: ROLES, point: null });
  const logs = ROLES.map((role) => ({ role, log: logsOf(tracing, role)[0] ?? "" }));
  rmSync(place.root, { recursive: true, force: true });
  const judged = (log: string) => (forget === undefined ? log : log.replaceAll(forget, ""));
  return {
    points: logs.flatMap(({ role, log }) => pointsIn(role, readCalls(log, place.data))),
    undurable: logs.flatMap(({ role, log }) =>
      findUndurable(judged(log), place.data, sealed).map((what) => `${stage.flow.name}, ${role}: ${what}`),
    ),
  };
}

/** @param points one fault for each run in turn: the second hits the launch that recovers from the first */
export async function attempt(stage: Stage, points: readonly Point[]): Promise<Verdict> {
  const { flow } = stage;
  const place = layOut(stage);
  const { data, scratch } = place;
  const before = remember(flow, place);
  const rows: string[] = [];
  const faults: string[] = [];
  const story: string[] = [];
  let reached = true;
  for (const [n, point] of points.entries()) {
    const { run, tracing } = await launch(stage, place, n, { roles: [point.role], point });
    reached &&= isReached(callsOf(tracing, point.role, data), point);
    story.push(...run.words.map((word) => JSON.stringify(word)), ...(run.errors ? [run.errors.slice(0, 2000)] : []));
    rows.push(...committedIn(run));
    if (run.words.some((word) => "done" in word)) rows.push(...(flow.brings ?? []));
    if (run.hung) faults.push("the run with the fault hung");
    for (const word of run.words)
      if ("failed" in word && !isOfApplication(word.failed)) faults.push(`no named error: ${word.failed}`);
    faults.push(...judgeAtOnce(data, before.good, scratch));
    if (flow.output !== undefined) faults.push(...judgeOutput(join(data, flow.output), flow.before, scratch));
  }
  const after = await judgeRecovery(flow, place, { ...before, rows: [...before.rows, ...rows] });
  story.push(after.told);
  faults.push(...after.faults);
  if (faults.length === 0 || !reached) rmSync(place.root, { recursive: true, force: true });
  return { reached, faults, folder: place.root, story };
}

/** What must not be lost. */
export interface Remembered {
  readonly rows: readonly string[];
  /** Backups. */
  readonly good: readonly string[];
  readonly kept: readonly { readonly file: string; readonly hash: string }[];
}

export function remember(flow: Flow, { data, scratch }: Place): Remembered {
  return {
    rows: flow.before,
    good: goodBackups(data, scratch).filter((file) => !flow.retires?.includes(file)),
    kept: (flow.keeps ?? []).map((file) => ({ file, hash: hashOf(join(data, file)) })),
  };
}

/** A plain next launch, and what it left. */
export async function judgeRecovery(
  flow: Flow,
  { data, scratch }: Place,
  { rows, kept }: Remembered,
): Promise<{ faults: readonly string[]; told: string }> {
  const next = await nextLaunch(data, flow.version);
  const faults: string[] = [];
  if (next.outcome !== "opened" && next.outcome !== flow.refusal)
    faults.push(`the next launch: ${next.outcome}: ${next.message}`);
  const isMoved = flow.movesTo !== undefined && !existsSync(join(data, "library.sqlite"));
  const home = isMoved ? join(data, flow.movesTo) : data;
  // What a move that was cut off has copied so far goes with the next one to the same place.
  const leftByMove = (fault: string) => flow.movesTo !== undefined && fault.includes(`.${flow.movesTo}-moving.tmp`);
  faults.push(...judgeFiles(home, scratch).filter((fault) => !leftByMove(fault)));
  const database = read(join(home, "library.sqlite"), scratch).titles;
  const brought = (flow.brings ?? []).filter((title) => database.includes(title));
  if (brought.length > 0 && brought.length < (flow.brings ?? []).length) faults.push(`TORN: only ${brought} came`);
  const missing = missingTitles(rows, isMoved ? [join(home, "library.sqlite")] : next.files, scratch);
  if (missing.length > 0) faults.push(`LOST: ${missing.join(", ")}; looked in ${next.files.join(", ")}`);
  for (const { file, hash } of kept) if (!isKept(hash, data)) faults.push(`LOST: the bytes of ${file}`);
  return { faults, told: JSON.stringify(next) };
}

/** Where one trial happens. */
export interface Place {
  readonly root: string;
  /** The flow's own folder. */
  readonly data: string;
  /** For what is not the flow's. */
  readonly scratch: string;
}

function layOut({ flow, folder, template }: Stage): Place {
  const root = join(folder, `${flow.name}-${process.pid}-${++trials}`);
  const place = { root, data: join(root, "data"), scratch: join(root, "scratch") };
  mkdirSync(place.scratch, { recursive: true });
  copyTemplate(template, place.data);
  return place;
}

/** @param n how many launches there were in this place */
export async function launch(
  { app, flow, preload }: Stage,
  { root, data }: Place,
  n: number,
  what: Omit<Tracing, "logs">,
): Promise<{ run: AppRun; tracing: Tracing }> {
  const logs = join(root, `logs-${n}`);
  mkdirSync(logs);
  const tracing = { ...what, logs };
  const rows = flow.rows.map((row) => (n === 0 ? row : `${row} ${n}`));
  const operation = n === 0 ? flow.operation : undefined;
  const order = {
    settings: join(data, "settings.toml"),
    version: flow.version,
    rows,
    dies: false,
    operation: operation && { ...operation, argument: operation.argument.replace("{data}", data) },
  };
  return { run: await runApp(app, order, tracing, preload), tracing };
}

/** The trace holds calls of this name alone, so that the last that was injected is the one. */
export function isReached(processes: ReturnType<typeof callsOf>, { call, nth, path }: Point): boolean {
  return processes.some((calls) =>
    calls.some((each) => each.injected && each.call === call && each.nth === nth && each.path === path),
  );
}

/** What the application's own statements met with, which is no matter of Holdfast's. */
export function isOfApplication(error: string): boolean {
  return error.includes("app.mjs") && !error.includes("/dist/");
}
