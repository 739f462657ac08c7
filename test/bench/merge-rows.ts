/** Bringing the rows of another database into a large one, beside `ATTACH` and `INSERT OR IGNORE`. */
import { constants, copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runApart } from "./apart.ts";
import { makeIncoming } from "./make-database.ts";
import type { MergeOrder, MergeTimes } from "./one-merge.ts";
import { inTurns } from "./rounds.ts";
import { defineSection, largest, type Section } from "./section.ts";
import { databaseOf, type Site } from "./site.ts";
import { median, medianRatio } from "./statistics.ts";
import { label, met, milliseconds, times } from "./tables.ts";

/** 100,000 rows for a gigabyte. */
const ROWS_A_MEGABYTE = 100;
const TABLES = ["loans", "notes"] as const;
/** Rows are looked up, compared and reported one by one: so much slower it may be, and takes seconds. */
const MOST_SECONDS = 10;

type Sides = Readonly<Record<"by-hand" | "holdfast", readonly MergeTimes[]>>;

export const mergeRows: Section<Sides> = defineSection({
  number: 10,
  name: "merge",
  sizes: largest(1000),
  async measure(site, rounds) {
    const folder = join(databaseOf(site, "plain"), "../../..");
    const incoming = join(folder, "incoming.sqlite");
    rmSync(incoming, { force: true });
    makeIncoming(databaseOf(site, "plain"), incoming, rowsAt(site.megabytes));
    return await inTurns(["by-hand", "holdfast"] as const, rounds, (side) => mergeOnce(site, side, folder, incoming));
  },
  tables: (measured) => [
    {
      title: "Rows of another database merged into a large one",
      goal: `at most ${MOST_SECONDS} s`,
      head: ["size", "rows", "merge ms", "by hand ms", "ratio", "whole command ms", "goal met", "runs"],
      rows: [...measured].map(([megabytes, { holdfast, "by-hand": byHand }]) => {
        const [ours, theirs] = [holdfast, byHand].map((side) => side.map(({ merge }) => merge)) as [number[], number[]];
        return [
          label(megabytes),
          rowsAt(megabytes).toLocaleString("en-US"),
          milliseconds(median(ours)),
          milliseconds(median(theirs)),
          times(medianRatio(ours, theirs)),
          milliseconds(median(holdfast.map(({ all }) => all))),
          met(MOST_SECONDS, (most) => median(ours) <= most * 1000),
          String(ours.length),
        ];
      }),
      notes: [
        "`merge()` of the library, without a restore point (`db-backup-retention` 0): the merge for good, until the database is closed. The whole command checks the source first and merges on trial, to say what will come of it. By hand `ATTACH` and `INSERT OR IGNORE … SELECT` in one transaction, on a copy of the same database, with foreign keys on, as better-sqlite3 opens it.",
      ],
    },
  ],
});

function rowsAt(megabytes: number): number {
  return megabytes * ROWS_A_MEGABYTE;
}

async function mergeOnce(
  site: Site,
  side: "by-hand" | "holdfast",
  folder: string,
  incoming: string,
): Promise<MergeTimes> {
  const database = join(folder, "merged.sqlite");
  copyFileSync(databaseOf(site, "plain"), database, constants.COPYFILE_FICLONE);
  const order: MergeOrder = {
    library: side === "holdfast" ? site.library : null,
    database,
    incoming,
    tables: TABLES,
    rows: rowsAt(site.megabytes),
  };
  try {
    return await runApart<MergeTimes>("one-merge.ts", order);
  } finally {
    for (const ending of ["", "-wal", "-shm"]) rmSync(database + ending, { force: true });
  }
}
