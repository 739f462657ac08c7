/** From spawn to exit: `holdfast boot` on a quiet database beside a process that runs the hand-written pipeline. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { LaunchReport } from "../../src/report.ts";
import { inTurns } from "./rounds.ts";
import { defineSection, largest, type Section } from "./section.ts";
import { folderOf, launch, SETTINGS, type Site, settle, VERSION } from "./site.ts";
import { median, medianRatio } from "./statistics.ts";
import { label, met, milliseconds, times } from "./tables.ts";

interface Boot {
  readonly ms: number;
  /** What Holdfast did. */
  readonly actions: readonly string[];
}

const GOALS: ReadonlyMap<number, number> = new Map([[1000, 50]]);

export const wholeProcess: Section<Record<"by-hand" | "holdfast", Boot[]>> = defineSection({
  number: 4,
  name: "boot",
  sizes: largest(1000),
  async measure(site, rounds) {
    await settle(site);
    return await inTurns(["by-hand", "holdfast"], rounds, (side) => (side === "holdfast" ? boot(site) : byHand(site)));
  },
  tables: (measured) => [
    {
      title: "Whole process, from spawn to exit",
      goal: `${[...GOALS].map(([megabytes, goal]) => `${label(megabytes)}: ${times(goal)}`)} faster`,
      head: ["size", "holdfast boot ms", "by hand ms", "faster", "goal met", "runs"],
      rows: [...measured].map(([megabytes, { holdfast, "by-hand": byHand }]) => {
        const [ours, theirs] = [holdfast.map(({ ms }) => ms), byHand.map(({ ms }) => ms)];
        const faster = medianRatio(theirs, ours);
        return [
          label(megabytes),
          milliseconds(median(ours)),
          milliseconds(median(theirs)),
          times(faster),
          met(GOALS.get(megabytes), (goal) => faster >= goal),
          String(ours.length),
        ];
      }),
      notes: [...measured.values()].flatMap(({ holdfast }) => {
        const loud = holdfast.find(({ actions }) => actions.length > 0);
        return loud ? [`NOT QUIET: ${loud.actions.join(", ")}.`] : [];
      }),
    },
  ],
});

const run = promisify(execFile);

async function boot(site: Site): Promise<Boot> {
  const folder = folderOf(site, "holdfast");
  const cli = fileURLToPath(new URL("./cli/main.js", site.library));
  const args = [cli, "boot", "--settings", join(folder, SETTINGS), "--app-version", VERSION, "--json"];
  const begun = performance.now();
  const { stdout } = await run(process.execPath, args);
  const ms = performance.now() - begun;
  return { ms, actions: (JSON.parse(stdout) as LaunchReport).actions.map(({ action }) => action) };
}

async function byHand(site: Site): Promise<Boot> {
  const begun = performance.now();
  await launch(site, "by-hand");
  return { ms: performance.now() - begun, actions: [] };
}
