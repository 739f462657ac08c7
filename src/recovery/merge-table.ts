/** One table of a merge: reads the incoming rows, and settles those that stand in each other's way. */

import { countLacking } from "./count-lacking.ts";
import type { Findings, OnConflict } from "./findings.ts";
import { type Outcome, RowMerge } from "./merge-row.ts";
import type { Pace } from "./pace.ts";
import type { Pairing } from "./pairing.ts";
import type { References } from "./references.ts";
import { raiseSequence } from "./sequence.ts";
import { fold } from "./tables.ts";
import { type Matched, sidesOf, type Together } from "./together.ts";
import type { Row } from "./values.ts";

/** What became of the incoming rows of a table; the counts add up to all of them. */
export interface MergedTable {
  readonly table: string;
  /** The columns by which rows are the same row; null: whole rows are counted. */
  readonly key: readonly string[] | null;
  /** New rows. */
  readonly added: number;
  /** Rows that were there already, with the same values in the common columns. */
  readonly same: number;
  /** Conflicts in which the current row stayed as it was. */
  readonly kept: number;
  /** Conflicts in which the current row was updated. */
  readonly replaced: number;
  /** Rows that the current table does not take; see {@link MergeReport.refused}. */
  readonly refused: number;
  /** Conflicts without a resolution, which refuse the merge. */
  readonly unresolved: number;
  /** Columns that only the incoming table has: their values do not fit. */
  readonly columnsNotMerged: readonly string[];
}

export interface TableMergeOrder {
  readonly both: Together;
  readonly pairing: Pairing;
  readonly matched: Matched;
  readonly onConflict: OnConflict;
  readonly references: References;
  readonly findings: Findings;
  readonly pace: Pace;
}

/** Rows in each other's way are tried again; of more than so many the rest is judged at first sight. */
const WAITING_KEPT = 100_000;

/** The transaction has begun, foreign keys are off, and the parents' tables were merged before. */
export async function mergeTable(order: TableMergeOrder): Promise<MergedTable> {
  const { both, pairing, matched, pace } = order;
  const { left: table, right, key, columns } = pairing;
  const sides = sidesOf(both, pairing, matched.sameEncoding, columnsBeside(order));
  const { left: current, right: incoming } = sides;
  const lacking = await countLacking(both.scratch, current, incoming, pace);
  const rows = new RowMerge({ ...order, current, incoming, lacking });
  const tally: Record<Exclude<Outcome, "collides">, number> = {
    added: 0,
    same: 0,
    kept: 0,
    replaced: 0,
    refused: 0,
    unresolved: 0,
  };
  pace.begin(table.name);
  let waiting: Row[] = [];
  for (const row of incoming.rows()) {
    const outcome = rows.consider(row, waiting.length >= WAITING_KEPT);
    if (outcome === "collides") waiting.push(incoming.keyOf(row));
    else tally[outcome]++;
    if (pace.step()) await pace.rest();
  }
  // A row that changed, or took another's place, may have made way for others.
  for (let last = false; waiting.length > 0; ) {
    const still: Row[] = [];
    for (const each of waiting) {
      const row = incoming.find(each);
      if (!row) continue;
      const outcome = rows.consider(row, last);
      if (outcome === "collides") still.push(each);
      else tally[outcome]++;
      if (pace.step()) await pace.rest();
    }
    last = still.length === waiting.length;
    waiting = still;
  }
  raiseSequence(both.left, table, both.right, right);
  const common = new Set(columns.map((column) => fold(column.right.name)));
  return {
    table: table.name,
    key: key?.places.map((place) => columns[place]?.left.name ?? "") ?? null,
    ...tally,
    columnsNotMerged: right.columns
      .filter(({ name, generated }) => !generated && !common.has(fold(name)))
      .map(({ name }) => name),
  };
}

/** Columns of the current table alone that foreign keys hang on. */
function columnsBeside({ pairing: { left, columns }, references }: TableMergeOrder): string[] {
  const common = new Set(columns.map((column) => fold(column.left.name)));
  const names = [
    ...references.of(left).flatMap((reference) => reference.columns),
    ...references.to(left).flatMap((reference) => reference.parentColumns),
  ];
  const beside = new Map(names.filter((name) => !common.has(fold(name))).map((name) => [fold(name), name]));
  return [...beside.values()];
}
