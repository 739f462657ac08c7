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

/** How many keys of a table are looked up before it is another's turn. */
const KEYS_A_TURN = 50;

async function countAll(both: Together, counted: Map<string, number>, options: LackingOptions): Promise<void> {
  const pace = new Pace("The count", () => 0, { signal: options.signal });
  pace.stopIfAborted();
  const { pairings, onlyRight, sameEncoding } = match(both.left, both.right, options.tables);
  for (const table of onlyRight) counted.set(table.name, countRows(both.right, table));
  const tables = pairings
    .filter((pairing) => reasonNotToCompare(pairing) === null)
    .map((pairing) => ({ name: pairing.left.name, ...sidesOf(both, pairing, sameEncoding) }));
  const add = (name: string, rows: number) => counted.set(name, (counted.get(name) ?? 0) + rows);
  let scans = tables.map(({ name, left, right }) => ({ name, mine: left, keys: right.keys() }));
  const takeTurn = async ({ name, mine, keys }: (typeof scans)[number]): Promise<boolean> => {
    for (let turn = 0; turn < KEYS_A_TURN; turn++) {
      const { value: key, done } = keys.next();
      if (done) return false;
      if (!mine.has(key)) add(name, 1);
      if (pace.look()) await pace.rest();
    }
    return true;
  };
  try {
    // In turns, so that a count that is ended early has seen the newest rows of every table.
    while (scans.length > 0) {
      const going: typeof scans = [];
      for (const scan of scans) if (await takeTurn(scan)) going.push(scan);
      scans = going;
    }
  } finally {
    // A connection with a statement that is still being read cannot end its transaction.
    for (const { keys } of scans) keys.return(undefined);
  }
  for (const { name, left, right } of tables) {
    const rows = (await countLacking(both.scratch, left, right, pace)).total();
    if (rows > 0) add(name, rows);
  }
}
