/** One flow on a medium that fails in the middle: the kernel turns it read-only, and it is repaired before the next launch. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { nextLaunch } from "../next-launch.ts";
import { goodBackups, hashOf, isKept, judgeAtOnce, judgeFiles, missingTitles } from "../oracle.ts";
import { type AppRun, committedIn, runApp } from "../run-app.ts";
import { copyTemplate } from "../template.ts";
import { isOfApplication, type Stage } from "../trial.ts";
import { endOf, type Judgement } from "./full-disk.ts";
import type { SmallDisk } from "./small-disk.ts";

const REFUSALS: ReadonlySet<string> = new Set(["DB_READ_ONLY", "IO_FAILED"]);

/** @param afterMs how long the flow has run by then */
export async function failMedium(stage: Stage, disk: SmallDisk, afterMs: number): Promise<Judgement> {
  const { flow } = stage;
  const { data, scratch } = disk;
  disk.clear();
  copyTemplate(stage.template, data);
  disk.flush();
  const good = goodBackups(data, scratch).filter((file) => !flow.retires?.includes(file));
  const kept = (flow.keeps ?? []).map((file) => hashOf(join(data, file)));
  const rows = [...flow.before];
  const faults: string[] = [];
  const story: string[] = [];
  const ends: string[] = [];
  const launch = async (titles: readonly string[]): Promise<AppRun> => {
    const order = {
      settings: join(data, "settings.toml"),
      version: flow.version,
      rows: titles,
      dies: false,
      durable: true,
    };
    const run = await runApp(stage.app, order, null, null);
    rows.push(...committedIn(run));
    story.push(...run.words.map((word) => JSON.stringify(word)), ...(run.errors ? [run.errors.slice(0, 2000)] : []));
    const end = endOf(run);
    ends.push(end);
    if (run.hung) faults.push("a run hung");
    for (const word of run.words)
      if ("failed" in word && !isOfApplication(word.failed)) faults.push(`no named error: ${word.failed}`);
    if (end !== "opened" && end !== flow.refusal && !REFUSALS.has(end)) faults.push(`refused ${end}`);
    return run;
  };

  const run = launch(flow.rows);
  await pause(afterMs);
  disk.turnReadOnly();
  await run;
  // What the kernel has made read-only by itself can still be opened for writing where the sidecars stand already.
  const { words } = await launch([]);
  for (const word of words) {
    if ("opened" in word && !word.warnings.some((warning) => /read-only/i.test(warning)))
      faults.push("a launch on a read-only medium opened and did not say that it is one");
  }
  disk.mend();
  faults.push(...judgeAtOnce(data, good, scratch));
  const next = await nextLaunch(data, flow.version);
  story.push(JSON.stringify(next));
  ends.push(next.outcome);
  if (next.outcome !== "opened" && next.outcome !== flow.refusal)
    faults.push(`the launch after the repair: ${next.outcome}: ${next.message}`);
  faults.push(...judgeFiles(data, scratch));
  const missing = missingTitles(rows, next.files, scratch);
  if (missing.length > 0) faults.push(`LOST: ${missing.join(", ")}; looked in ${next.files.join(", ")}`);
  for (const hash of kept) if (!isKept(hash, data)) faults.push("LOST: the bytes of a file that was replaced");
  return { flow: flow.name, trial: `read-only after ${Math.round(afterMs)} ms`, ends, faults, story };
}
