/**
 * Merging the rows of another database into the current one.
 *
 * Each incoming row is looked up by its primary key, else by a unique key of columns that are NOT NULL; a table
 * without such a key is a bag of whole rows, of which those are added that are not there often enough. Two rows with
 * one key whose common columns differ are a conflict, and so is a new row that collides with another on a unique
 * index. All of it is one transaction, in which no row of the current database is ever deleted.
 */
import { prepareConnection } from "../database/migrate.ts";
import type { Connection } from "../database/open.ts";
import { HoldfastError, named } from "../errors.ts";
import { type Conflict, type Listed, noFindings, type OnConflict, type RefusedRow } from "./findings.ts";
import { type MergedTable, mergeTable } from "./merge-table.ts";
import { parentsFirst } from "./order.ts";
import { Pace, type PaceOptions } from "./pace.ts";
import { References, type Violation } from "./references.ts";
import { suspendTriggers } from "./suspend-triggers.ts";
import { countRows, type LeftOut } from "./tables.ts";
import {
  type Matched,
  match,
  type NamesOptions,
  notComparable,
  reasonNotToCompare,
  type Together,
  together,
} from "./together.ts";

export interface MergeOptions extends PaceOptions, NamesOptions {
  /** Names of the tables to merge. Default: all. */
  readonly tables?: readonly string[] | undefined;
  /**
   * `abort` writes nothing where there is a conflict, and lists all; `keep-current` leaves the current row as it is;
   * `keep-incoming` updates it in place. Default: `abort`.
   */
  readonly onConflict?: OnConflict | undefined;
  /** Does it all and rolls it back; then nothing is thrown for conflicts. Default: false. */
  readonly dryRun?: boolean | undefined;
  /** How many conflicts, refused rows and violations are listed each. All are counted. Default: 100. */
  readonly listed?: number | undefined;
}

export interface MergeReport {
  /** `refused` and `would-refuse`: there are unresolved conflicts or violations; nothing is written. */
  readonly outcome: "merged" | "refused" | "would-merge" | "would-refuse";
  readonly onConflict: OnConflict;
  /** In the order in which they were merged: parents before the tables that refer to them. */
  readonly tables: readonly MergedTable[];
  /** With their resolution; those that are `"none"` refuse the merge. */
  readonly conflicts: Listed<Conflict>;
  /** Rows that break CHECK, NOT NULL, a type, a foreign key or a trigger of the current database; the rest is merged. */
  readonly refused: Listed<RefusedRow>;
  /** Rows that would be without their parent, and are not so now. They refuse the merge. */
  readonly violations: Listed<Violation>;
  /** Tables of the incoming database that are not merged, with the reason. */
  readonly leftOut: readonly LeftOut[];
  /**
   * Triggers of the current database that did not fire, since they write to ordinary tables: what they write is
   * among the merged rows. Those that write to virtual tables only, or nothing, do fire.
   */
  readonly suspendedTriggers: readonly string[];
}

/**
 * Merges the rows of `incoming` into `current`, in one transaction. Columns that only `current` has take their
 * defaults in new rows and stay as they are in others; generated columns are never written. The caller has seen to
 * it that nobody else uses either connection meanwhile.
 *
 * @throws MERGE_CONFLICT with the MergeReport as `details.report`, where conflicts or violations stay; nothing is written
 * @throws ABORTED, DB_CORRUPT, DISK_FULL and others, as SQLite fails; nothing is written
 */
export async function merge(
  current: Connection,
  incoming: Connection,
  options: MergeOptions = {},
): Promise<MergeReport> {
  const names = options.names ?? [current.name, incoming.name];
  const doing = `merging ${names[1]} into ${names[0]}`;
  refuseUnderTransaction(current);
  const restore = prepareConnection(current);
  try {
    named(doing, () => current.exec("BEGIN IMMEDIATE"));
    return await together(current, incoming, doing, (both) => mergeAll(both, options));
  } finally {
    if (current.inTransaction) current.exec("ROLLBACK");
    restore();
  }
}

async function mergeAll(both: Together, options: MergeOptions): Promise<MergeReport> {
  const { left: current, right: incoming } = both;
  const { onConflict = "abort", dryRun = false, listed = 100, tables: only } = options;
  const matched = match(current, incoming, only);
  const plan = parentsFirst(
    matched.pairings
      .filter((pairing) => reasonNotToCompare(pairing) === null)
      .map((pairing) => ({ table: pairing.left, pairing })),
  );
  const findings = noFindings(listed);
  const rowsToRead = () => plan.reduce((sum, { pairing }) => sum + countRows(incoming, pairing.right), 0);
  const pace = new Pace("The merge", rowsToRead, options);
  const merged = plan.map(({ table }) => table);
  const triggers = suspendTriggers(current, merged);
  const references = new References(current, both.scratch, matched.tables, merged);
  const tables: MergedTable[] = [];
  for (const { pairing } of plan) {
    tables.push(await mergeTable({ both, pairing, matched, onConflict, references, findings, pace }));
    references.complete(pairing.left);
  }
  for (const violation of references.violations()) findings.violations.add(() => violation);
  triggers.resume();
  pace.stopIfAborted();
  const refused = tables.some(({ unresolved }) => unresolved > 0) || findings.violations.total > 0;
  const report: MergeReport = {
    outcome: dryRun ? (refused ? "would-refuse" : "would-merge") : refused ? "refused" : "merged",
    onConflict,
    tables,
    ...findings,
    leftOut: leftOutOf(incoming, matched),
    suspendedTriggers: triggers.names,
  };
  if (!dryRun && refused) throw mergeConflict(options.names ?? [current.name, incoming.name], report);
  current.exec(dryRun ? "ROLLBACK" : "COMMIT");
  return report;
}

function leftOutOf(incoming: Connection, { leftOut, onlyRight, pairings }: Matched): LeftOut[] {
  const missing = onlyRight.map((table) => {
    const rows = countRows(incoming, table);
    const which = rows === 1 ? "its row does not fit" : `its ${rows} rows do not fit`;
    return { table: table.name, reason: `the current database has no such table: ${which}` };
  });
  return [...leftOut, ...missing, ...notComparable(pairings)];
}

function refuseUnderTransaction(current: Connection): void {
  if (!current.inTransaction) return;
  throw new HoldfastError({
    code: "DB_IN_USE",
    message: `A transaction is open on the connection to ${current.name}: a merge is one of its own.`,
    hint: "Commit it or roll it back, then merge.",
    details: { path: current.name },
  });
}

/**
 * @param names of the current and of the incoming database
 * @param again how the merge is asked for, as in "holdfast merge other.sqlite"
 */
export function mergeConflict(
  [current, incoming]: readonly [string, string],
  report: MergeReport,
  again = "merge",
): HoldfastError {
  const unresolved = report.tables.reduce((sum, table) => sum + table.unresolved, 0);
  const { total } = report.violations;
  const what = [
    unresolved > 0
      ? `${counted(unresolved, "row")} of ${incoming} cannot be brought into ${current} without a conflict`
      : "",
    total > 0 ? `${counted(total, "foreign key value")} would be left without a parent` : "",
  ].filter(Boolean);
  return new HoldfastError({
    code: "MERGE_CONFLICT",
    message: `${what.join(", and ")}. Nothing was written.`,
    hint: total > 0 && report.onConflict !== "keep-incoming" ? FEWER_TABLES : hintAfter(report.onConflict, again),
    details: { report },
  });
}

const FEWER_TABLES = "Merge fewer tables with --tables; the report names those that are in the way.";

function hintAfter(onConflict: OnConflict, again: string): string {
  if (onConflict === "keep-current") return FEWER_TABLES;
  if (onConflict === "keep-incoming")
    return `Keep the current database's values, which changes no row: ${again} --on-conflict keep-current. Or merge fewer tables with --tables.`;
  return `Look at the conflicts, then say whose values are to stay, the current database's: ${again} --on-conflict keep-current, or the other's: ${again} --on-conflict keep-incoming`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
