/** Which backups stay: a pure choice, with a reason for each. */
import compareBuild from "semver/functions/compare-build.js";
import { byRecency } from "./choose.ts";
import type { IndexEntry } from "./index-file.ts";

export interface Retained {
  readonly entry: IndexEntry;
  readonly keep: boolean;
  readonly reason: string;
}

/**
 * The running version's backup and the newest verified one always stay; otherwise the lowest version goes
 * first, and one without a stamp counts as the lowest. Labelled backups are a person's, outside the count.
 *
 * @param entries of one database
 * @param limit how many to keep; 0 turns backups off, and then nothing is removed either
 */
export function applyRetention(
  entries: readonly IndexEntry[],
  limit: number,
  runningVersion: string | null,
): readonly Retained[] {
  const newest = entries.filter((entry) => entry.verifiedAt !== null).sort(byRecency)[0];
  const always = (entry: IndexEntry): string | null => {
    if (limit === 0) return "backups are turned off, and none is removed";
    if (entry.label !== null) return `labelled "${entry.label}"`;
    if (runningVersion !== null && entry.version === runningVersion) return "the running version's backup";
    return entry === newest ? "the newest verified backup" : null;
  };
  let places = limit - entries.filter((entry) => entry.label === null && always(entry) !== null).length;
  return [...entries]
    .sort((a, b) => byVersion(b, a) || byRecency(a, b))
    .map((entry) => {
      const reason = always(entry);
      if (reason !== null) return { entry, keep: true, reason };
      if (places-- > 0) return { entry, keep: true, reason: `among the ${limit} highest versions` };
      return {
        entry,
        keep: false,
        reason: `beyond the ${limit} that db-backup-retention keeps, the lowest version first`,
      };
    });
}

/** Below zero when `a` is the lower version. */
function byVersion(a: IndexEntry, b: IndexEntry): number {
  if (a.version === null || b.version === null) return Number(a.version !== null) - Number(b.version !== null);
  return compareBuild(a.version, b.version);
}
