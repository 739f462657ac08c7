/** The most memory that the application's process holds, where the launch checks and backs up. */
import { inTurns } from "./rounds.ts";
import { defineSection, largest, type Section } from "./section.ts";
import { change, launch, settle } from "./site.ts";
import { median, medianDifference } from "./statistics.ts";
import { label, met } from "./tables.ts";

/** Megabytes of 1 000 000 bytes. */
const MOST_MORE = 48;

/** In bytes. */
export const peakMemory: Section<Readonly<Record<"plain" | "holdfast", readonly number[]>>> = defineSection({
  number: 9,
  name: "memory",
  sizes: largest(Number.POSITIVE_INFINITY),
  async measure(site, rounds) {
    await settle(site);
    return await inTurns(["plain", "holdfast"] as const, rounds, async (side, round) => {
      change(site, side, 2000 + round);
      const { memory, actions } = await launch(site, side);
      if (side === "holdfast" && !actions.includes("check")) throw new Error("A changed database was not checked.");
      return memory;
    });
  },
  tables: (measured) => [
    {
      title: "Peak memory of the application's process, changed database, backup awaited",
      goal: `at most ${MOST_MORE} MB more`,
      head: ["size", "Holdfast MB", "new Database + query MB", "more MB", "goal met", "runs"],
      rows: [...measured].map(([size, { holdfast, plain }]) => {
        const more = medianDifference(holdfast, plain) / 1e6;
        return [
          label(size),
          megabytes(median(holdfast)),
          megabytes(median(plain)),
          more.toFixed(1),
          met(MOST_MORE, (most) => more <= most),
          String(holdfast.length),
        ];
      }),
      notes: [
        "Maximum resident set size until the database was closed. Holdfast checks and copies in a child process, whose memory is not in it.",
      ],
    },
  ],
});

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
