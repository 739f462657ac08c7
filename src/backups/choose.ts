/** Which backup to restore: a pure choice over what the index and the verifications say. */
import { basename, resolve } from "node:path";
import compare from "semver/functions/compare.js";
import valid from "semver/functions/valid.js";
import { type Layout, type LayoutRelation, relate } from "../database/layout.ts";
import type { LedgerEntry } from "../database/stamp.ts";
import type { IndexEntry } from "./index-file.ts";

/** Where the database of a backup stood, seen from where its backup folder is now. */
export function databaseOf(entry: IndexEntry, backupsFolder: string): string {
  return resolve(backupsFolder, entry.databasePath);
}

export interface Owner {
  /** Null while it cannot be read. */
  readonly id: string | null;
  readonly path: string;
  readonly backupsFolder: string;
}

/**
 * The backups that are this database's.
 *
 * Its id is known while its stamp can be read. A missing or unreadable database is told by where it stood: a
 * backup taken from a file of the same name is its own, unless the file it was taken from is another one that
 * still exists, for then two databases share the folder.
 *
 * @param othersAlive recorded paths, other than this database's, at which a file exists
 */
export function ownBackups(
  backups: readonly IndexEntry[],
  database: Owner,
  othersAlive: ReadonlySet<string>,
): readonly IndexEntry[] {
  if (database.id !== null) return backups.filter((entry) => entry.databaseId === database.id);
  return backups.filter((entry) => {
    const path = databaseOf(entry, database.backupsFolder);
    return path === database.path || (basename(path) === basename(database.path) && !othersAlive.has(path));
  });
}

/** The newest first: by sequence number, which the clock cannot turn back; then by time, then by name. */
export function byRecency(a: IndexEntry, b: IndexEntry): number {
  return b.sequence - a.sequence || b.createdAt.localeCompare(a.createdAt) || b.file.localeCompare(a.file);
}

/** Whether an app of `version` with the layout `app` can use a database with `ledger`, as it is or migrated. */
export function usability(
  ledger: readonly LedgerEntry[],
  app: Layout,
  version: string,
): { usable: boolean; relation: LayoutRelation } {
  const relation = relate(ledger, app);
  const usable =
    relation === "equal" ||
    relation === "behind" ||
    (relation === "ahead" && isDeclaredCompatible(ledger, app, version));
  return { usable, relation };
}

/** Every migration beyond the app's says that this version may open the result. */
export function isDeclaredCompatible(ledger: readonly LedgerEntry[], app: Layout, version: string): boolean {
  return ledger
    .slice(app.length)
    .every((step) => valid(step.compatibleSince) !== null && compare(String(step.compatibleSince), version) <= 0);
}

/**
 * The id that a database without a stamp is known by. A restore point that an earlier, unfinished adoption of
 * the same file left behind keeps its id, so that crash loops do not pile them up; once a stamped backup has
 * that id, its adoption was finished, and an unstamped file in its place is another database.
 */
export function idForUnstamped(backups: readonly IndexEntry[], database: Omit<Owner, "id">): string | null {
  const isHere = (entry: IndexEntry) => databaseOf(entry, database.backupsFolder) === database.path;
  const left = backups.filter((entry) => entry.version === null && isHere(entry)).sort(byRecency)[0];
  if (!left) return null;
  const finished = backups.some((entry) => entry.databaseId === left.databaseId && entry.version !== null);
  return finished ? null : left.databaseId;
}
