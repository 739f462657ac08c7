/** How many rows another database has that the current one lacks: what a merge would add. */
import type { Connection } from "../database/open.ts";
import { HoldfastError } from "../errors.ts";
import { countLacking } from "./count-lacking.ts";
import { Pace } from "./pace.ts";
import { countRows } from "./tables.ts";
import { match, reasonNotToCompare, sidesOf, type Together, together } from "./together.ts";

export interface LackingOptions {
  /** Names of the tables to look at. Default: all. */
  readonly tables?: readonly string[] | undefined;
  /** Ends the count early; the result is then what was counted so far. */
  readonly signal?: AbortSignal | undefined;
}

export interface RowsLacking {
  /** Rows that the current database lacks, at least so many where `complete` is false. */
  readonly total: number;
  /** Tables that lack some, with their number. */
  readonly tables: readonly { readonly table: string; readonly rows: number }[];
  /** False where the signal ended the count. */
  readonly complete: boolean;
}

/**
 * Counts the rows of `other` whose key `current` does not have, and those of tables that it does not have. Rows that
 * both have with different values do not count. Of each row only the key is looked up.
 *
 * @throws DB_CORRUPT, DB_IN_USE and others, as SQLite fails; never ABORTED
 */
export async function rowsLacking(
  current: Connection,
  other: Connection,
  options: LackingOptions = {},
): Promise<RowsLacking> {
  const counted = new Map<string, number>();
  const complete = await together(current, other, `counting the rows of ${other.name}`, (both) =>
    untilAborted(() => countAll(both, counted, options)),
  );
  const tables = [...counted].filter(([, rows]) => rows > 0).map(([table, rows]) => ({ table, rows }));
  return { total: tables.reduce((sum, { rows }) => sum + rows, 0), tables, complete };
}

/** False where the signal ended it. */
async function untilAborted(task: () => Promise<void>): Promise<boolean> {
  try {
    await task();
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "ABORTED") return false;
    throw error;
  }
}

async function countAll(both: Together, counted: Map<string, number>, options: LackingOptions): Promise<void> {
  const pace = new Pace("The count", () => 0, { signal: options.signal });
  pace.stopIfAborted();
  const { pairings, onlyRight, sameEncoding } = match(both.left, both.right, options.tables);
  for (const table of onlyRight) counted.set(table.name, countRows(both.right, table));
  for (const pairing of pairings) {
    if (reasonNotToCompare(pairing) !== null) continue;
    const { name } = pairing.left;
    const add = () => counted.set(name, (counted.get(name) ?? 0) + 1);
    const { left: mine, right: theirs } = sidesOf(both, pairing, sameEncoding);
    for (const key of theirs.keys()) {
      if (!mine.has(key)) add();
      if (pace.look()) await pace.rest();
    }
    const unkeyed = (await countLacking(both.scratch, mine, theirs, pace)).total();
    if (unkeyed > 0) counted.set(name, (counted.get(name) ?? 0) + unkeyed);
  }
}
