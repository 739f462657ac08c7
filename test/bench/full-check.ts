/** The full check beside `PRAGMA integrity_check` on one connection. */

import { runApart } from "./apart.ts";
import type { CheckOrder } from "./one-check.ts";
import { inTurns } from "./rounds.ts";
import { between, defineSection, type Section } from "./section.ts";
import { CHECKING_SETTINGS, databaseOf, launch, type Site, settle } from "./site.ts";
import { median, medianRatio } from "./statistics.ts";
import { label, met, milliseconds, times } from "./tables.ts";

type Side = "pragma" | "mapped" | "holdfast";

const GOALS: ReadonlyMap<number, number> = new Map([[1000, 2]]);

/** Milliseconds. */
export const fullCheck: Section<Record<Side, number[]>> = defineSection({
  number: 6,
  name: "check",
  sizes: between(100, 1000),
  async measure(site, rounds) {
    // Once with these settings, so that all measured launches find the same.
    await launch(site, "holdfast", { settings: CHECKING_SETTINGS });
    const found = await inTurns<Side, number>(["pragma", "mapped", "holdfast"], rounds, (side) => check(site, side));
    await settle(site);
    return found;
  },
  tables: (measured) => [
    {
      title: "Full check beside PRAGMA integrity_check on one connection",
      goal: `${[...GOALS].map(([megabytes, goal]) => `${label(megabytes)}: ${times(goal)}`)} faster on two cores`,
      head: ["size", "Holdfast ms", "integrity_check ms", "faster", "goal met", "the same, mmap ms", "faster", "runs"],
      rows: [...measured].map(([megabytes, { holdfast, pragma, mapped }]) => {
        const faster = medianRatio(pragma, holdfast);
        return [
          label(megabytes),
          milliseconds(median(holdfast)),
          milliseconds(median(pragma)),
          times(faster),
          met(GOALS.get(megabytes), (goal) => faster >= goal),
          milliseconds(median(mapped)),
          times(medianRatio(mapped, holdfast)),
          String(holdfast.length),
        ];
      }),
      notes: [
        'Holdfast: the "check" action of a launch with db-integrity-check = "full", as its report times it: what is left of the child\'s start is in it. The pragma alone, with the default settings, and with mmap_size as large as the file.',
      ],
    },
  ],
});

async function check(site: Site, side: Side): Promise<number> {
  if (side === "holdfast") {
    const { checkMs } = await launch(site, "holdfast", { settings: CHECKING_SETTINGS });
    if (checkMs === null) throw new Error('A launch with db-integrity-check = "full" reports no check.');
    return checkMs;
  }
  const order: CheckOrder = { database: databaseOf(site, "by-hand"), mapped: side === "mapped" };
  return await runApart<number>("one-check.ts", order);
}
