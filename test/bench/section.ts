/** One kind of measurement: at which sizes, what is measured there, and the tables that come of it. */
import type { Site } from "./site.ts";
import type { Table } from "./tables.ts";

export interface Section<Measured = unknown> {
  /** By which `--only` names it. */
  readonly number: number;
  readonly name: string;
  sizes(all: readonly number[]): readonly number[];
  measure(site: Site, rounds: number): Promise<void>;
  tables(): readonly Table[];
  /** What was measured, by size in megabytes. */
  readonly measured: ReadonlyMap<number, Measured>;
}

export interface SectionOf<Measured> {
  readonly number: number;
  readonly name: string;
  readonly sizes: (all: readonly number[]) => readonly number[];
  readonly measure: (site: Site, rounds: number) => Promise<Measured>;
  readonly tables: (measured: ReadonlyMap<number, Measured>) => readonly Table[];
}

export function defineSection<Measured>(section: SectionOf<Measured>): Section<Measured> {
  const measured = new Map<number, Measured>();
  return {
    ...section,
    measured,
    async measure(site, rounds) {
      measured.set(site.megabytes, await section.measure(site, rounds));
    },
    tables: () => (measured.size === 0 ? [] : section.tables(measured)),
  };
}

/** The sizes from one to another, both included. */
export function between(least: number, most: number): (all: readonly number[]) => readonly number[] {
  return (all) => all.filter((each) => each >= least && each <= most);
}

/** The largest size up to a limit, or what comes next to it: what one size tells is measured at one. */
export function largest(most: number): (all: readonly number[]) => readonly number[] {
  return (all) => {
    const sorted = all.toSorted((a, b) => a - b);
    return [sorted.findLast((each) => each <= most) ?? sorted[0] ?? most];
  };
}
