/** When a backup is due, and when the ones there are must be read again: pure, over what the index says. */
import type { IndexEntry } from "./index-file.ts";

export interface BackupRules {
  /** How many backups are kept; 0: none are taken. */
  readonly retention: number;
  /** Milliseconds. */
  readonly minInterval: number;
}

/**
 * @param own the backups of this database, the newest first
 * @param version of the database as its stamp says
 * @param now ISO 8601
 */
export function backupDue(
  own: readonly IndexEntry[],
  version: string,
  now: string,
  { retention, minInterval }: BackupRules,
): { readonly take: boolean; readonly reason: string } {
  if (retention === 0) return { take: false, reason: "db-backup-retention is 0" };
  const standing = own.find((entry) => entry.version === version && entry.label === null);
  if (!standing) return { take: true, reason: `version ${version} has no backup yet` };
  const age = Date.parse(now) - Date.parse(standing.createdAt);
  if (age >= 0 && age < minInterval) {
    const seconds = Math.round(age / 1000);
    return { take: false, reason: `the last one is ${seconds} s old, less than db-backup-min-interval` };
  }
  return { take: true, reason: `where the content changed since the backup of ${standing.createdAt}` };
}

/**
 * The backups to be read again by this launch: each whose last reading is `interval` ago, and one that has half of
 * it behind it, so that they do not all fall due on one day.
 */
export function scrubDue(own: readonly IndexEntry[], now: string, interval: number): readonly IndexEntry[] {
  const age = (entry: IndexEntry) => Date.parse(now) - Date.parse(entry.verifiedAt ?? now);
  const byAge = own
    .filter((entry) => entry.sha256 !== null && entry.verifiedAt !== null)
    .sort((a, b) => age(b) - age(a));
  return byAge.filter((entry, place) => age(entry) >= (place === 0 ? interval / 2 : interval));
}

/** When the next launch has to read one; ISO 8601, null without backups. */
export function nextScrub(own: readonly IndexEntry[], interval: number): string | null {
  const oldest = own.flatMap((entry) => entry.verifiedAt ?? []).sort()[0];
  return oldest === undefined ? null : new Date(Date.parse(oldest) + interval / 2).toISOString();
}
