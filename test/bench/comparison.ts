/** What the launches amount to: medians, ratios, and whether the goals are met. */
import { availableParallelism, cpus } from "node:os";
import type { Measured } from "./one-launch.ts";

export const SIDES = ["holdfast", "by-hand"] as const;
export type Side = (typeof SIDES)[number];

/**
 * What is launched: a database as the last launch left it, the same in a process that has loaded all modules
 * before, and a database that was written to since.
 */
export const KINDS = ["unchanged", "preloaded", "changed"] as const;
export type Kind = (typeof KINDS)[number];

/** One launch, with what the process saw that ordered it and had nothing else to do. */
export interface Launched extends Measured {
  /** That process's longest block while the backup ran: so much is due to the machine's other work. */
  readonly idleBehind: number;
}

export type Runs = Readonly<Record<Kind, Readonly<Record<Side, readonly Launched[]>>>>;

/** One row: Holdfast's median beside the peer's. */
export interface Row {
  readonly size: string;
  readonly launch: Kind;
  readonly holdfast: number;
  readonly byHand: number;
  /** The median over the rounds, each launch against the one that took its turn beside it. */
  readonly ratio: number;
  readonly worst: number;
  /** The median of the idle process's longest blocks, where blocks are compared. */
  readonly idle: number | null;
  /** `noise`: not met, but an idle process fared no better; null where there is no goal. */
  readonly goalMet: "yes" | "no" | "noise" | null;
}

export interface Table {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Comparison {
  readonly date: string;
  readonly node: string;
  readonly sqlite: string;
  readonly cores: number;
  readonly processor: string;
  readonly runs: number;
  readonly tables: readonly Table[];
  /** What became of Holdfast's backups, by size and kind of launch. */
  readonly backups: readonly string[];
}

const LONGEST_BLOCK_MS = 20;

export function compare(results: ReadonlyMap<number, Runs>, runs: number, date: Date): Comparison {
  const opened = (run: Launched) => run.opened;
  const backedUp = (run: Launched) => run.backedUp;
  const before = (run: Launched) => run.blockedBefore;
  const behind = (run: Launched) => run.blockedBehind;
  const idle = (run: Launched) => run.idleBehind;
  const atMostAsLong = (row: Row) => (row.ratio <= 1 ? "yes" : "no");
  const shortEnough = (row: Row) =>
    row.holdfast <= LONGEST_BLOCK_MS ? "yes" : (row.idle ?? 0) > LONGEST_BLOCK_MS ? "noise" : "no";
  const any = [...results.values()][0]?.unchanged.holdfast[0];
  return {
    date: date.toISOString(),
    node: any?.node ?? process.version,
    sqlite: any?.sqlite ?? "",
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "",
    runs,
    tables: [
      {
        title: "Call to open database; by hand with its backup awaited. Goal: at most as long.",
        rows: rowsOf(results, KINDS, { ours: opened, theirs: backedUp, goal: atMostAsLong }),
      },
      {
        title: "Call to open database; by hand with its backup left for later. Goal: at most as long.",
        rows: rowsOf(results, KINDS, { ours: opened, theirs: opened, goal: atMostAsLong }),
      },
      {
        title: "Call to backup in place.",
        rows: rowsOf(results, KINDS, { ours: backedUp, theirs: backedUp }),
      },
      {
        title: `Longest block of the event loop while the backup runs. Goal: at most ${LONGEST_BLOCK_MS} ms.`,
        rows: rowsOf(results, ["changed"], { ours: behind, theirs: behind, idle, goal: shortEnough }),
      },
      {
        title: "Longest block of the event loop until the database is open.",
        rows: rowsOf(results, ["unchanged"], { ours: before, theirs: before }),
      },
    ],
    backups: [...results].flatMap(([megabytes, found]) =>
      KINDS.filter((kind) => found[kind].holdfast.length > 0).map(
        (kind) => `${label(megabytes)} ${kind}: ${tally(found[kind].holdfast.map((run) => run.backup ?? "none"))}`,
      ),
    ),
  };
}

interface Figures {
  readonly ours: (run: Launched) => number;
  readonly theirs: (run: Launched) => number;
  readonly idle?: (run: Launched) => number;
  readonly goal?: (row: Row) => Row["goalMet"];
}

function rowsOf(results: ReadonlyMap<number, Runs>, kinds: readonly Kind[], figures: Figures): Row[] {
  return [...results].flatMap(([megabytes, found]) =>
    kinds.filter((kind) => found[kind].holdfast.length > 0).map((kind) => rowOf(megabytes, kind, found, figures)),
  );
}

function rowOf(megabytes: number, launch: Kind, found: Runs, { ours, theirs, idle, goal }: Figures): Row {
  const { holdfast, "by-hand": byHand } = found[launch];
  const mine = holdfast.map(ours);
  const others = byHand.map(theirs);
  const row: Row = {
    size: label(megabytes),
    launch,
    holdfast: median(mine),
    byHand: median(others),
    ratio: median(mine.map((each, round) => each / (others[round] ?? Number.NaN))),
    worst: Math.max(...mine),
    idle: idle ? median(holdfast.map(idle)) : null,
    goalMet: null,
  };
  return { ...row, goalMet: goal?.(row) ?? null };
}

export function label(megabytes: number): string {
  return megabytes >= 1000 && megabytes % 1000 === 0 ? `${megabytes / 1000} GB` : `${megabytes} MB`;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** `taken 5` or `taken 4, failed 1`. */
function tally(words: readonly string[]): string {
  return [...Map.groupBy(words, (word) => word)].map(([word, { length }]) => `${word} ${length}`).join(", ");
}

export function render(comparison: Comparison): string {
  const { date, node, sqlite, cores, processor, runs, tables, backups } = comparison;
  return [
    `${date.slice(0, 10)}, Node ${node}, SQLite ${sqlite}, ${cores} cores (${processor})`,
    `Milliseconds, medians of ${runs} launches each: in turns, each in a new process, file caches warm for both.`,
    'Loading the modules is part of the time, except for "preloaded". A ratio is the median of the rounds\' ratios.',
    ...tables.flatMap((table) => ["", table.title, "", ...renderRows(table.rows)]),
    "",
    `What became of Holdfast's backups: ${backups.join("; ")}`,
  ].join("\n");
}

const TEXT_COLUMNS = 2;

function renderRows(rows: readonly Row[]): string[] {
  const withIdle = rows.some((row) => row.idle !== null);
  const withGoal = rows.some((row) => row.goalMet !== null);
  const head = ["size", "launch", "Holdfast", "its worst", "by hand", "ratio"];
  if (withIdle) head.push("idle process");
  if (withGoal) head.push("goal met");
  const cells = rows.map((row) => [
    row.size,
    row.launch,
    milliseconds(row.holdfast),
    milliseconds(row.worst),
    milliseconds(row.byHand),
    row.ratio.toFixed(2),
    ...(withIdle ? [milliseconds(row.idle ?? 0)] : []),
    ...(withGoal ? [row.goalMet ?? ""] : []),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < TEXT_COLUMNS ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ");
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)];
}

function milliseconds(number: number): string {
  return number < 100 ? number.toFixed(1) : Math.round(number).toLocaleString("en-US");
}
