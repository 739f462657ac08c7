/** The launch of a database that was written to since its last backup, beside the hand-written pipeline. */
import type { Launched } from "./one-launch.ts";
import { inTurns } from "./rounds.ts";
import { between, defineSection, type Section } from "./section.ts";
import { change, launch, settle } from "./site.ts";
import { median, medianRatio } from "./statistics.ts";
import { label, met, milliseconds, type Table, times } from "./tables.ts";

type Sides = Readonly<Record<"by-hand" | "holdfast", readonly Launched[]>>;

const MOST_RATIO = 1;

export const changedDatabase: Section<Sides> = defineSection({
  number: 7,
  name: "changed",
  sizes: between(10, 1000),
  async measure(site, rounds) {
    await settle(site);
    return await inTurns(["by-hand", "holdfast"] as const, rounds, (side, round) => {
      change(site, side, round);
      return launch(site, side);
    });
  },
  tables: (measured) => [
    tableOf(measured, "Changed database, by hand with its backup awaited", (byHand) => byHand.backedUp),
    tableOf(measured, "Changed database, by hand with its backup left for later", (byHand) => byHand.opened),
  ],
});

function tableOf(measured: ReadonlyMap<number, Sides>, title: string, theirsOf: (byHand: Launched) => number): Table {
  return {
    title,
    goal: "at most as long",
    head: ["size", "Holdfast ms", "by hand ms", "ratio", "goal met", "runs"],
    rows: [...measured].map(([megabytes, { holdfast, "by-hand": byHand }]) => {
      const ours = holdfast.map((each) => each.opened);
      const theirs = byHand.map(theirsOf);
      const ratio = medianRatio(ours, theirs);
      return [
        label(megabytes),
        milliseconds(median(ours)),
        milliseconds(median(theirs)),
        times(ratio),
        met(MOST_RATIO, (most) => ratio <= most),
        String(ours.length),
      ];
    }),
    notes: [
      "Holdfast from call to open database, with its full check in it; its backup follows behind. New processes, loading included.",
    ],
  };
}
