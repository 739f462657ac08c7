/** One flow on a disk that is full before it, fills up during it, or is full after it; and the launches that follow. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { nextLaunch } from "../next-launch.ts";
import {
  goodBackups,
  hashOf,
  isKept,
  judgeAtOnce,
  judgeFiles,
  missingTitles,
  read,
  setAsideIn,
  temporaries,
} from "../oracle.ts";
import { type AppRun, committedIn, runApp } from "../run-app.ts";
import { copyTemplate } from "../template.ts";
import { isOfApplication, type Stage } from "../trial.ts";
import type { SmallDisk } from "./small-disk.ts";

export interface Squeeze {
  /** `before`: so many bytes are left; `during`: from so many milliseconds on no room is left; `never`: there is room. */
  readonly when: "before" | "during" | "after" | "never";
  readonly amount: number;
  /** False: the file system has no hard links either. */
  readonly links: boolean;
}

export interface Judgement {
  readonly flow: string;
  readonly trial: string;
  /** How the runs ended: the one with the fault, the one beside it, the one after. */
  readonly ends: readonly string[];
  readonly faults: readonly string[];
  readonly story: readonly string[];
}

/** What a copy needs free beside its own size. */
const MARGIN = 1 << 20;

/** Nothing, one page, half of a copy, half of what is asked for before a copy, just short of that, and just enough. */
export function amountsFor(size: number): readonly number[] {
  const needed = size + MARGIN;
  return [0, 4096, size / 2, needed / 2, needed - 4096, needed];
}

const NO_LINKS = new URL("./no-links.ts", import.meta.url).href;

export async function squeeze(stage: Stage, disk: SmallDisk, how: Squeeze): Promise<Judgement> {
  const { flow } = stage;
  const { data, scratch } = disk;
  disk.clear();
  copyTemplate(stage.template, data);
  const good = goodBackups(data, scratch).filter((file) => !flow.retires?.includes(file));
  const kept = (flow.keeps ?? []).map((file) => hashOf(join(data, file)));
  const aside = setAsideIn(data);
  const rows = [...flow.before];
  const faults: string[] = [];
  const story: string[] = [];
  const ends: string[] = [];

  const launch = async (titles: readonly string[]): Promise<AppRun> => {
    const order = { settings: join(data, "settings.toml"), version: flow.version, rows: titles, dies: false };
    const run = await runApp(stage.app, order, null, how.links ? stage.preload : NO_LINKS);
    rows.push(...committedIn(run));
    story.push(...run.words.map((word) => JSON.stringify(word)), ...(run.errors ? [run.errors.slice(0, 2000)] : []));
    ends.push(endOf(run));
    if (run.hung) faults.push("a run hung");
    faults.push(...misnamed(run, flow.refusal), ...judgeAtOnce(data, good, scratch));
    if (!flow.setsAside)
      for (const file of setAsideIn(data)) if (!aside.includes(file)) faults.push(`${file} was set aside`);
    return run;
  };

  if (how.when === "before") disk.fill(how.amount);
  const run = launch(flow.rows);
  if (how.when === "during") {
    await pause(how.amount);
    disk.fill(0);
  }
  await run;
  if (how.when === "after") disk.fill(0);
  if (how.when === "never" && ends[0] !== "opened" && ends[0] !== flow.refusal)
    faults.push(`refused with room: ${ends[0]}`);
  const before = contentOf(data, scratch);
  const refused = endOf(await launch([])) !== "opened";
  for (const file of temporaries(data)) faults.push(`the temporary ${file} is left on the full disk`);
  if (refused && JSON.stringify(contentOf(data, scratch)) !== JSON.stringify(before))
    faults.push(`a refused launch changed something: ${JSON.stringify(before)}`);

  disk.empty();
  const next = await nextLaunch(data, flow.version);
  story.push(JSON.stringify(next));
  ends.push(next.outcome);
  if (next.outcome !== "opened" && next.outcome !== flow.refusal)
    faults.push(`the launch with room again: ${next.outcome}: ${next.message}`);
  faults.push(...judgeFiles(data, scratch));
  const missing = missingTitles(rows, next.files, scratch);
  if (missing.length > 0) faults.push(`LOST: ${missing.join(", ")}; looked in ${next.files.join(", ")}`);
  for (const hash of kept) if (!isKept(hash, data)) faults.push("LOST: the bytes of a file that was replaced");
  const trial = `${how.when}, ${Math.round(how.amount)}${how.links ? "" : ", no links"}`;
  return { flow: flow.name, trial, ends, faults, story };
}

/** `opened`, or the code of the refusal. */
export function endOf({ words }: AppRun): string {
  for (const word of words) {
    if ("opened" in word) return "opened";
    if ("refused" in word) return word.refused;
  }
  return "nothing";
}

/** A full disk is said to be one, and nothing else. */
function misnamed({ words }: AppRun, refusal: string | undefined): readonly string[] {
  return words.flatMap((word) => {
    if ("failed" in word && !isOfApplication(word.failed)) return [`no named error: ${word.failed}`];
    if ("refused" in word && word.refused !== "DISK_FULL" && word.refused !== refusal)
      return [`refused ${word.refused}: ${word.message}`];
    if ("backup" in word && word.backup === "failed" && word.code !== "DISK_FULL")
      return [`the backup failed with ${word.code}: ${word.why}`];
    return [];
  });
}

/** The rows, and the bytes of what stands in the backup folder. */
function contentOf(data: string, scratch: string): unknown {
  const files = [...goodBackups(data, scratch), ...setAsideIn(data)];
  return [
    read(join(data, "library.sqlite"), scratch),
    files.map((file) => [file, hashOf(join(data, "backups", file))]),
  ];
}
