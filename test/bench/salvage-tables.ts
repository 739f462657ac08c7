/** What was measured of salvage and of healing, as tables. See salvage-beside.ts for what each column is. */
import type { Cost } from "./salvage-sides.ts";
import type { Verdict } from "./salvage-verdict.ts";
import { median, medianRatio } from "./statistics.ts";
import { label, type Table } from "./tables.ts";

export type SalvageSide = "holdfast" | "recover";
/** The backup equals the database as it was, or is from before its last changes. */
export type HealSide = "equal" | "earlier";

export interface Measured {
  readonly costs: readonly Cost[];
  readonly verdict: Verdict;
}

export interface Outcome<Side extends string> {
  readonly title: string;
  readonly sides: Readonly<Partial<Record<Side, Measured>>>;
}

/** Megabytes of 1 000 000 bytes. */
const MOST_MEMORY = 128;

export function tableOfSalvage(megabytes: number, outcomes: readonly Outcome<SalvageSide>[]): Table {
  return {
    title: `${titleOf(megabytes, outcomes)} salvaged / by .recover`,
    goal: `no row less than .recover, none missed or wrong, not slower, at most ${MOST_MEMORY} MB of memory`,
    head: ["damage", "back", "missed", "altered", "wrong", "lost+found", "seconds", "times", "peak MB"],
    rows: outcomes.map(({ title, sides: { holdfast, recover } }) => [
      title,
      ...counts([holdfast, recover], ["missed", "altered", "wrong", "lostAndFound"]),
      seconds([holdfast, recover]),
      holdfast && recover ? medianRatio(times(holdfast), times(recover)).toFixed(2) : "-",
      peak([holdfast]),
    ]),
    notes: unsound(outcomes),
  };
}

export function tableOfHealing(megabytes: number, outcomes: readonly Outcome<HealSide>[]): Table {
  return {
    title: `${titleOf(megabytes, outcomes)} healed with a backup that is equal / from before the last changes`,
    goal: `every row back with an equal backup, none resurrected or wrong, at most ${MOST_MEMORY} MB of memory`,
    head: ["damage", "back", "altered", "older", "resurrected", "wrong", "lost+found", "seconds", "peak MB"],
    rows: outcomes.map(({ title, sides: { equal, earlier } }) => [
      title,
      ...counts([equal, earlier], ["altered", "older", "resurrected", "wrong", "lostAndFound"]),
      seconds([equal, earlier]),
      peak([equal, earlier]),
    ]),
    notes: unsound(outcomes),
  };
}

type Side = Measured | undefined;

function titleOf(megabytes: number, [first]: readonly Outcome<string>[]): string {
  const of = Object.values(first?.sides ?? {})[0]?.verdict.of ?? 0;
  return `${label(megabytes)}, ${of.toLocaleString("en-US")} rows,`;
}

/** The share that is back, then how many there are of each kind. */
function counts(sides: readonly Side[], keys: readonly (keyof Omit<Verdict, "integrity">)[]): string[] {
  const back = pair(sides, ({ verdict }) => `${((100 * verdict.back) / verdict.of).toFixed(3)} %`);
  return [back, ...keys.map((key) => pair(sides, ({ verdict }) => verdict[key].toLocaleString("en-US")))];
}

function seconds(sides: readonly Side[]): string {
  return pair(sides, (side) => (median(times(side)) / 1000).toFixed(2));
}

function times({ costs }: Measured): number[] {
  return costs.map(({ ms }) => ms);
}

function peak(sides: readonly Side[]): string {
  const peaks = sides.flatMap((side) => side?.costs.flatMap((cost) => cost.peak ?? []) ?? []);
  return peaks.length > 0 ? (Math.max(...peaks) / 1e6).toFixed(0) : "-";
}

function pair(sides: readonly Side[], show: (side: Measured) => string): string {
  return sides.flatMap((side) => (side ? show(side) : [])).join(" / ");
}

function unsound(outcomes: readonly Outcome<string>[]): string[] {
  return outcomes.flatMap(({ title, sides }) =>
    Object.entries(sides).flatMap(([side, measured]) =>
      measured?.verdict.integrity === "ok"
        ? []
        : `${title}: integrity_check of what came of ${side} says: ${measured?.verdict.integrity}`,
    ),
  );
}
