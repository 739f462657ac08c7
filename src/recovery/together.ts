/** Two databases that are looked at together: what every comparison and every merge begins and ends with. */
import type { Connection } from "../database/open.ts";
import { HoldfastError, hasCode, isCorruption, messageOf, toHoldfastError } from "../errors.ts";
import { encodingOf, type Pairing, pairTables } from "./pairing.ts";
import { Scratch } from "./scratch.ts";
import { Side } from "./side.ts";
import { fold, isInternal, type LeftOut, readTables, rowsOf, type Table } from "./tables.ts";

export interface Together {
  readonly left: Connection;
  readonly right: Connection;
  readonly scratch: Scratch;
}

export interface NamesOptions {
  /** What the two are called in messages, in the order in which they are given. Default: their paths. */
  readonly names?: readonly [string, string] | undefined;
}

/**
 * Runs `task` while each database is read from one snapshot, and names what SQLite throws.
 *
 * @param doing as in "merging /a.sqlite into /b.sqlite"
 */
export async function together<Result>(
  left: Connection,
  right: Connection,
  doing: string,
  task: (both: Together) => Promise<Result>,
): Promise<Result> {
  const scratch = await Scratch.open();
  const ends: (() => void)[] = [];
  try {
    for (const db of new Set([left, right])) ends.push(holdSnapshot(db));
    return await task({ left, right, scratch });
  } catch (error) {
    throw asRefusal(error, doing);
  } finally {
    for (const end of ends) end();
    scratch.close();
  }
}

/** A transaction that the caller has begun is a snapshot already. */
function holdSnapshot(db: Connection): () => void {
  if (db.inTransaction) return () => {};
  db.exec("BEGIN");
  return () => {
    if (db.inTransaction) db.exec("ROLLBACK");
  };
}

/** What SQLite throws, with its Holdfast code; anything else as it is. */
export function asRefusal(error: unknown, doing: string): unknown {
  if (isCorruption(error)) {
    return new HoldfastError(
      {
        code: "DB_CORRUPT",
        message: `SQLite found damage while ${doing}: ${messageOf(error)}. Nothing was written.`,
        hint: "See how bad it is: holdfast doctor for the database, holdfast verify <file> for another one; holdfast recover reads what can be read.",
      },
      { cause: error },
    );
  }
  const known = toHoldfastError(error, doing);
  if (known) return known;
  if (!hasCode(error) || !error.code.startsWith("SQLITE_")) return error;
  return new HoldfastError(
    {
      code: "CHECK_IMPOSSIBLE",
      message: `SQLite cannot go on ${doing}: ${messageOf(error)}. Nothing was written.`,
      hint: "Where a function or a collation is missing, name the application's opener module, which brings it.",
      details: { cause: error.code },
    },
    { cause: error },
  );
}

export interface Matched {
  readonly pairings: readonly Pairing[];
  readonly onlyLeft: readonly Table[];
  readonly onlyRight: readonly Table[];
  readonly leftOut: readonly LeftOut[];
  /** Of the tables of the left database, by folded name. */
  readonly tables: ReadonlyMap<string, Table>;
  readonly sameEncoding: boolean;
}

/**
 * @param only the tables that are asked for; default: all
 * @throws NOT_FOUND where neither database has one of them
 */
export function match(left: Connection, right: Connection, only?: readonly string[]): Matched {
  const mine = readTables(left);
  const theirs = readTables(right);
  const wanted = only && new Set(only.map(fold));
  const isWanted = ({ name }: { name: string }) => wanted === undefined || wanted.has(fold(name));
  const leftOut = new Map([...theirs.leftOut, ...mine.leftOut].map((each) => [fold(each.table), each]));
  for (const name of only ?? []) {
    const folded = fold(name);
    if (!mine.tables.has(folded) && !theirs.tables.has(folded)) throw noTable(name, left, leftOut.get(folded));
  }
  const encoding = encodingOf(left);
  const sameEncoding = encoding === encodingOf(right);
  const pairings: Pairing[] = [];
  for (const [name, table] of mine.tables) {
    const other = theirs.tables.get(name);
    if (other && isWanted(table)) pairings.push(pairTables(table, other, sameEncoding));
  }
  const alone = (tables: ReadonlyMap<string, Table>, others: ReadonlyMap<string, Table>) =>
    [...tables].filter(([name, table]) => !others.has(name) && isWanted(table)).map(([, table]) => table);
  return {
    pairings,
    onlyLeft: alone(mine.tables, theirs.tables),
    onlyRight: alone(theirs.tables, mine.tables),
    leftOut: [...leftOut.values()].filter(({ table }) => isWanted({ name: table })),
    tables: mine.tables,
    sameEncoding,
  };
}

function noTable(name: string, db: Connection, leftOut: LeftOut | undefined): HoldfastError {
  const why = leftOut ? `it is left out: ${leftOut.reason}` : "neither database has it";
  const views = rowsOf<{ name: string }>(db, "SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY name");
  return new HoldfastError({
    code: "NOT_FOUND",
    message: `There is no table "${name}" to work on: ${why}.`,
    hint: `Name tables of the database: ${views
      .map((each) => each.name)
      .filter((each) => !isInternal(each))
      .join(", ")}.`,
    details: { table: name },
  });
}

/** Why the rows of two tables cannot be told apart or counted; null where they can. */
export function reasonNotToCompare(pairing: Pairing): string | null {
  if (pairing.columns.length === 0) return "the two tables have no column in common";
  if (pairing.key !== null && !pairing.key.mayBeNull) return null;
  const changed = pairing.key === null ? pairing.columns.find(({ sameAffinity }) => !sameAffinity) : undefined;
  return changed
    ? `it has no key that both know, and ${changed.left.name} is of another type: its rows cannot be told apart`
    : null;
}

export function notComparable(pairings: readonly Pairing[]): LeftOut[] {
  return pairings.flatMap((pairing) => {
    const reason = reasonNotToCompare(pairing);
    return reason === null ? [] : { table: pairing.left.name, reason };
  });
}

/** Both sides of a pairing. */
export function sidesOf(
  { left, right }: Pick<Together, "left" | "right">,
  pairing: Pairing,
  sameEncoding: boolean,
  besides: readonly string[] = [],
): { left: Side; right: Side } {
  const { columns, key } = pairing;
  // Between two encodings bytes mean different things; then text is read as SQLite converts it.
  const restoreBytes = sameEncoding && encodingOf(left) === "UTF-8";
  return {
    left: new Side(
      left,
      pairing.left,
      columns.map((each) => each.left),
      key,
      restoreBytes,
      besides,
    ),
    right: new Side(
      right,
      pairing.right,
      columns.map((each) => each.right),
      key,
      restoreBytes,
    ),
  };
}
