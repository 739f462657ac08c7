/** What differs between the database and another, or between two others. Nothing is changed. */
import { basename } from "node:path";
import type { Connection } from "../database/open.ts";
import { diff as compare, type DiffReport as Differences, type DiffOptions as Scope } from "../recovery/diff.ts";
import { asRefusal } from "../recovery/together.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { withFile, withLiveDatabase } from "./hold.ts";
import { type Operation, type OperationOptions, operate } from "./operation.ts";
import { findSource } from "./source.ts";
import { takeStock } from "./take-stock.ts";

export interface DiffOptions extends OperationOptions, Pick<Scope, "tables" | "samples"> {}

export interface ComparedFile {
  /** As `list()` calls it, or its path; null for the database itself. */
  readonly id: string | null;
  readonly path: string;
}

/**
 * What `diff()` returns and `holdfast diff --json` prints. `added` are the rows that only the right one has, `removed`
 * those that only the left one has.
 */
export interface DiffReport extends Differences {
  /** The database's path, links resolved. */
  readonly database: string;
  readonly left: ComparedFile;
  readonly right: ComparedFile;
  readonly warnings: readonly string[];
}

/**
 * @param left what is compared with `right`; alone, it is itself the right one, and the database the left one
 */
export async function diff(
  settings: string | SettingsInput,
  left: string,
  right?: string,
  options: DiffOptions = {},
): Promise<DiffReport> {
  return await operate("diff", settings, options, async (op) => {
    const stock = await takeStock(op);
    const find = (name: string): ComparedFile => findSource(op, stock, name);
    return right === undefined
      ? await compareWithDatabase(op, find(left), options)
      : await compareFiles(op, find(left), find(right), options);
  });
}

async function compareWithDatabase(op: Operation, right: ComparedFile, options: DiffOptions): Promise<DiffReport> {
  const left: ComparedFile = { id: null, path: op.places.database };
  // The file first: to find out what it is, it is read, and not only by SQLite.
  return await withFile(op, right.path, (incoming) =>
    withLiveDatabase(op, (current) => compareAll(op, [left, current], [right, incoming], options)),
  );
}

async function compareFiles(
  op: Operation,
  left: ComparedFile,
  right: ComparedFile,
  options: DiffOptions,
): Promise<DiffReport> {
  return await withFile(op, left.path, (first) =>
    withFile(op, right.path, (second) => compareAll(op, [left, first], [right, second], options)),
  );
}

/** Rows are read in order, and looked up on the other side in about the same: the inner pages are all that is read twice. */
const CACHE_KIB = 8192;

async function compareAll(
  op: Operation,
  [left, first]: readonly [ComparedFile, Connection],
  [right, second]: readonly [ComparedFile, Connection],
  { tables, samples, onEvent }: DiffOptions,
): Promise<DiffReport> {
  op.onEvent({ kind: "compare", message: `comparing ${basename(left.path)} with ${basename(right.path)}` });
  limitCache(left.path, first);
  limitCache(right.path, second);
  const differences = await compare(first, second, {
    tables,
    samples,
    names: [left.path, right.path],
    signal: op.signal,
    onProgress:
      onEvent &&
      (({ table, done, total }) =>
        op.onEvent({ kind: "compare", message: `comparing ${table}`, done, total, unit: "rows" })),
  });
  const { database } = op.places;
  return { database, left: named(left), right: named(right), ...differences, warnings: op.warnings };
}

/** The first that is read of a file, which may be no database at all. */
function limitCache(path: string, db: Connection): void {
  try {
    db.pragma(`cache_size = -${CACHE_KIB}`);
  } catch (error) {
    throw asRefusal(error, `reading ${path}`);
  }
}

function named({ id, path }: ComparedFile): ComparedFile {
  return { id, path };
}
