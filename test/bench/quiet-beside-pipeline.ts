/** The quiet launch beside the hand-written pipeline, which checks and copies the database at every launch. */
import type { Launched, Start } from "./one-launch.ts";
import { noteLoud } from "./quiet-note.ts";
import { inTurns } from "./rounds.ts";
import { between, defineSection, type Section } from "./section.ts";
import { launch, settle } from "./site.ts";
import { median, medianRatio } from "./statistics.ts";
import { label, met, milliseconds, type Table, times } from "./tables.ts";

interface Pair {
  readonly holdfast: readonly Launched[];
  readonly "by-hand": readonly Launched[];
}

export interface BesidePipeline {
  readonly loaded: Pair;
  readonly rehearsed: Pair;
}

/** How many times faster, by size in megabytes. */
type Goals = ReadonlyMap<number, number>;

const LOADED_GOALS: Goals = new Map([
  [10, 25],
  [100, 100],
  [1000, 1000],
]);
const LOADING_GOALS: Goals = new Map([
  [10, 10],
  [100, 25],
  [1000, 250],
]);

export const besidePipeline: Section<BesidePipeline> = defineSection({
  number: 2,
  name: "pipeline",
  sizes: (all) => all,
  async measure(site, rounds) {
    await settle(site);
    const sides = ["by-hand loaded", "holdfast loaded", "by-hand rehearsed", "holdfast rehearsed"] as const;
    const found = await inTurns(sides, rounds, (turn) => {
      const [side, start] = turn.split(" ") as ["by-hand" | "holdfast", Start];
      return launch(site, side, { start });
    });
    return {
      loaded: { "by-hand": found["by-hand loaded"], holdfast: found["holdfast loaded"] },
      rehearsed: { "by-hand": found["by-hand rehearsed"], holdfast: found["holdfast rehearsed"] },
    };
  },
  tables: (measured) => [
    tableOf(
      new Map([...measured].map(([size, { loaded }]) => [size, loaded])),
      "Quiet launch beside the hand-written pipeline, all modules loaded, first launch of the process",
      LOADED_GOALS,
    ),
    tableOf(
      new Map([...measured].map(([size, { rehearsed }]) => [size, rehearsed])),
      "The same after a launch of another database in the same process",
      LOADED_GOALS,
    ),
  ],
});

export const besidePipelineWithLoading: Section<Pair> = defineSection({
  number: 3,
  name: "loading",
  sizes: between(10, 1000),
  async measure(site, rounds) {
    await settle(site);
    return await inTurns(["by-hand", "holdfast"], rounds, (side) => launch(site, side));
  },
  tables: (measured) => [
    tableOf(measured, "Quiet launch beside the hand-written pipeline, loading of the modules included", LOADING_GOALS),
  ],
});

function tableOf(measured: ReadonlyMap<number, Pair>, title: string, goals: Goals): Table {
  return {
    title,
    goal: [...goals].map(([megabytes, goal]) => `${label(megabytes)}: ${times(goal)} faster`).join(", "),
    head: ["size", "Holdfast ms", "by hand ms", "faster", "goal met", "runs"],
    rows: [...measured].map(([megabytes, { holdfast, "by-hand": byHand }]) => {
      const opened = holdfast.map((each) => each.opened);
      const done = byHand.map((each) => each.backedUp);
      const faster = medianRatio(done, opened);
      return [
        label(megabytes),
        milliseconds(median(opened)),
        milliseconds(median(done)),
        times(faster),
        met(goals.get(megabytes), (goal) => faster >= goal),
        String(opened.length),
      ];
    }),
    notes: [
      "Holdfast from call to open database; by hand from call to backup in place.",
      ...noteLoud([...measured.values()].flatMap((pair) => pair.holdfast)),
    ],
  };
}
