/** The quiet launch beside plainly opening the database: what being guarded costs where there is nothing to do. */
import { timeFlush } from "./folder-flush.ts";
import type { Launched, Start } from "./one-launch.ts";
import { noteLoud } from "./quiet-note.ts";
import { inTurns } from "./rounds.ts";
import { defineSection, largest, type Section } from "./section.ts";
import { backupsOf, launch, type Site, settle } from "./site.ts";
import { median, medianDifference } from "./statistics.ts";
import { label, met, milliseconds, type Table } from "./tables.ts";

export interface Pair {
  readonly holdfast: readonly Launched[];
  readonly plain: readonly Launched[];
}

export interface QuietOpen {
  readonly loaded: Pair;
  readonly rehearsed: Pair;
  /** Milliseconds. */
  readonly flush: readonly number[];
}

const MOST_MORE_MS = 2;
const MOST_MORE_WITH_LOADING_MS = 10;

export const quietOpen: Section<QuietOpen> = defineSection({
  number: 1,
  name: "quiet",
  sizes: (all) => all,
  async measure(site, rounds) {
    await settle(site);
    const sides = ["plain loaded", "holdfast loaded", "plain rehearsed", "holdfast rehearsed"] as const;
    // The flush is cheap and short, and takes its turn right beside the launches.
    const flush: number[] = [];
    const found = await inTurns(sides, rounds, async (turn) => {
      const [side, start] = turn.split(" ") as ["plain" | "holdfast", Start];
      if (turn === "holdfast loaded") flush.push(timeFlush(backupsOf(site, "by-hand")));
      return await launch(site, side, { start });
    });
    return {
      loaded: { plain: found["plain loaded"], holdfast: found["holdfast loaded"] },
      rehearsed: { plain: found["plain rehearsed"], holdfast: found["holdfast rehearsed"] },
      flush,
    };
  },
  tables: (measured) => [
    tableOf(measured, "loaded", "Quiet launch beside plainly opening, all modules loaded, first launch of the process"),
    tableOf(measured, "rehearsed", "The same after a launch of another database in the same process"),
  ],
});

function tableOf(measured: ReadonlyMap<number, QuietOpen>, start: "loaded" | "rehearsed", title: string): Table {
  const more = [...measured.values()].map((found) => excess(found[start]));
  return {
    title,
    goal: `at most ${MOST_MORE_MS} ms more, flat in size`,
    head: ["size", "Holdfast ms", "new Database + query ms", "more ms", "goal met", "folder fsync ms", "runs"],
    rows: [...measured].map(([megabytes, { [start]: pair, flush }]) => [
      label(megabytes),
      ...figures(pair, MOST_MORE_MS),
      milliseconds(median(flush)),
      String(pair.holdfast.length),
    ]),
    notes: [
      `From call to open database. Over the sizes, what it takes more lies between ${milliseconds(Math.min(...more))} and ${milliseconds(Math.max(...more))} ms. The fsync of the folder after a rename is part of it, and was measured alone in the same rounds.`,
      ...noteLoud([...measured.values()].flatMap((found) => found[start].holdfast)),
    ],
  };
}

export const importing: Section<Pair> = defineSection({
  number: 5,
  name: "import",
  sizes: largest(10),
  async measure(site: Site, rounds: number) {
    await settle(site);
    return await inTurns(["plain", "holdfast"], rounds, (side) => launch(site, side));
  },
  tables: (measured) => [
    {
      title: "Import and quiet launch beside importing better-sqlite3 and opening",
      goal: `at most ${MOST_MORE_WITH_LOADING_MS} ms more`,
      head: ["size", "Holdfast ms", "better-sqlite3 ms", "more ms", "goal met", "runs"],
      rows: [...measured].map(([megabytes, pair]) => [
        label(megabytes),
        ...figures(pair, MOST_MORE_WITH_LOADING_MS),
        String(pair.holdfast.length),
      ]),
      notes: [
        "New processes, from before the first import to the open database, with one query on both sides.",
        ...noteLoud([...measured.values()].flatMap((pair) => pair.holdfast)),
      ],
    },
  ],
});

function figures(pair: Pair, goal: number): string[] {
  const more = excess(pair);
  return [
    milliseconds(openedIn(pair.holdfast)),
    milliseconds(openedIn(pair.plain)),
    milliseconds(more),
    met(goal, (most) => more <= most),
  ];
}

function excess({ holdfast, plain }: Pair): number {
  const opened = (launches: readonly Launched[]) => launches.map((each) => each.opened);
  return medianDifference(opened(holdfast), opened(plain));
}

export function openedIn(launches: readonly Launched[]): number {
  return median(launches.map((each) => each.opened));
}
