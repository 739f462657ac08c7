/** What a comparison of two large databases holds in memory, and how long it takes. */
import { constants, copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runApart } from "./apart.ts";
import { changeDatabase } from "./make-database.ts";
import type { DiffCost, DiffOrder } from "./one-diff.ts";
import { defineSection, largest, type Section } from "./section.ts";
import { databaseOf } from "./site.ts";
import { median } from "./statistics.ts";
import { label, met, milliseconds } from "./tables.ts";

/** Megabytes of 1 000 000 bytes. */
const MOST_MORE = 64;

export const diffMemory: Section<readonly DiffCost[]> = defineSection({
  number: 11,
  name: "diff",
  sizes: largest(1000),
  async measure(site, rounds) {
    const database = databaseOf(site, "plain");
    const other = join(database, "../../..", "other.sqlite");
    copyFileSync(database, other, constants.COPYFILE_FICLONE);
    changeDatabase(other, 3000);
    const order: DiffOrder = { library: site.library, database, other };
    const costs: DiffCost[] = [];
    try {
      for (let round = 0; round < Math.min(rounds, 3); round++) {
        const cost = await runApart<DiffCost>("one-diff.ts", order);
        if (cost.differing === 0) throw new Error("No difference was found.");
        costs.push(cost);
      }
    } finally {
      for (const ending of ["", "-wal", "-shm"]) rmSync(other + ending, { force: true });
    }
    return costs;
  },
  tables: (measured) => [
    {
      title: "Two databases compared row by row: memory of the process",
      goal: `at most ${MOST_MORE} MB more than Node.js holds when it has started`,
      head: ["size of each", "peak MB", "at start MB", "more MB", "goal met", "ms", "rows that differ", "runs"],
      rows: [...measured].map(([size, costs]) => {
        const more = median(costs.map(({ peak, atStart }) => peak - atStart)) / 1e6;
        return [
          label(size),
          (median(costs.map(({ peak }) => peak)) / 1e6).toFixed(1),
          (median(costs.map(({ atStart }) => atStart)) / 1e6).toFixed(1),
          more.toFixed(1),
          met(MOST_MORE, (most) => more <= most),
          milliseconds(median(costs.map(({ ms }) => ms))),
          String(costs[0]?.differing ?? 0),
          String(costs.length),
        ];
      }),
      notes: [
        "Maximum resident set size of the process that calls `diff()`, with progress, against what it was before the library was loaded. The look at what the files are is taken by a child process, whose memory is not in it.",
      ],
    },
  ],
});
