/**
 * Taking a backup, in a child process: copy, compare, describe, check, and only then the name.
 *
 *   clear temporaries and surplus → enough space? → copy from one snapshot → same content as the standing
 *   backup? then done → write the row → full check → checksum → [index lock] sidecars of the name aside →
 *   checksum file (old and new) → rename → checksum file (new) → index → surplus removed
 *
 * A backup that stands is replaced in one rename by a copy that has passed its check, or not at all. What a person gave a
 * label is a backup of its own: it is never replaced, and stands for no version.
 */
import type { Tools } from "../database/check.ts";
import { isAbsent, livingSidecars, observeFiles } from "../database/files.ts";
import { discard } from "../database/look.ts";
import { HoldfastError, messageOf, toHoldfastError } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import { createPrivateFolder, sameIdentity } from "../platform/atomic-file.ts";
import type { Progress } from "../platform/child.ts";
import { requireSpace } from "../platform/free-space.ts";
import { byRecency } from "./choose.ts";
import { type CopyOrder, copyContent, describeCopy } from "./described-copy.ts";
import { type IndexEntry, readIndex, withIndexLock, writeIndex } from "./index-file.ts";
import { publish } from "./publish.ts";
import { scrub } from "./scrub.ts";
import { keepIndex, type Retired, type Upkeep, type UpkeepOrder } from "./upkeep.ts";

export interface BackupOrder extends CopyOrder, Omit<UpkeepOrder, "anew"> {}

export interface BackupOutcome {
  /** `unchanged`: the standing backup holds the same content already. */
  readonly result: "taken" | "unchanged";
  /** The backup that now holds the content. */
  readonly entry: IndexEntry;
  /** Whether all pages of the content were found sound, in this copy or in an equal one. */
  readonly checked: boolean;
  readonly retired: readonly Retired[];
  readonly warnings: readonly string[];
}

export async function takeBackup(
  tools: Tools,
  order: BackupOrder,
  onProgress: (progress: Progress) => void,
): Promise<BackupOutcome> {
  const { places } = order;
  try {
    createPrivateFolder(places.backups);
    const upkeep = await keepIndex(tools, order);
    return await takeAfter(tools, order, await withoutRotten(tools, order, upkeep), onProgress);
  } catch (error) {
    throw asBackupFailure(error, places);
  }
}

/** Whoever asks for a backup is not told that there is one whose bytes have rotted meanwhile. */
async function withoutRotten(tools: Tools, order: BackupOrder, upkeep: Upkeep): Promise<Upkeep> {
  if (order.reason !== "manual") return upkeep;
  const standing = standingIn(order, upkeep).filter((entry) => entry.sha256 !== null && entry.verifiedAt !== null);
  const { rotten, warnings } = await scrub(tools.engine.openPlain, order.places, standing, order.now);
  return {
    ...upkeep,
    own: upkeep.own.filter((entry) => !rotten.has(entry.file)),
    warnings: [...upkeep.warnings, ...warnings],
  };
}

/** The same where the index has been seen to. */
export async function takeAfter(
  tools: Tools,
  order: BackupOrder,
  upkeep: Upkeep,
  onProgress: (progress: Progress) => void,
): Promise<BackupOutcome> {
  const { places, now } = order;
  const { openPlain } = tools.engine;
  const temporary = temporaryIn(places.backups, places, "backup");
  try {
    const standing = standingIn(order, upkeep);
    const unchanged = copiedAlready(places, standing);
    if (unchanged) return { ...upkeep, result: "unchanged", entry: unchanged, checked: false };

    requireSpace(places.backups, sizeOfDatabase(places.database));
    const copy = await copyContent(tools, order, temporary, onProgress);
    const { source, content, version } = copy;
    const last = standing.filter((entry) => entry.version === version).sort(byRecency)[0];
    if (last && last.content === content && last.verifiedAt !== null) {
      discard(temporary);
      const entry = { ...last, source };
      await withIndexLock(openPlain, places, () => replaceEntry(places, entry));
      return { ...upkeep, result: "unchanged", entry, checked: true };
    }

    const described = await describeCopy(tools, order, copy, nextSequence(upkeep.own));
    const entry = await withIndexLock(openPlain, places, () => publish(places, { ...copy, ...described }, now));
    const after = await keepIndex(tools, order);
    return {
      result: "taken",
      entry,
      checked: true,
      retired: [...upkeep.retired, ...after.retired],
      warnings: [...upkeep.warnings, ...described.warnings],
    };
  } catch (error) {
    discard(temporary);
    throw asBackupFailure(error, places);
  }
}

/** @param own the backups of one database */
export function nextSequence(own: readonly IndexEntry[]): number {
  return Math.max(0, ...own.map((entry) => entry.sequence)) + 1;
}

/** Those that a new backup need not be taken beside: none where it is to have a label of its own. */
function standingIn({ label = null }: BackupOrder, { own }: Upkeep): readonly IndexEntry[] {
  return label === null ? own.filter((entry) => entry.label === null) : [];
}

/** The backup that was taken from exactly this file: then there is nothing to copy, told by `stat` alone. */
function copiedAlready(places: Places, standing: readonly IndexEntry[]): IndexEntry | undefined {
  const files = observeFiles(places.database);
  if (isAbsent(files) || livingSidecars(files).length > 0) return undefined;
  return standing.find(
    (entry) => entry.source !== null && entry.verifiedAt !== null && sameIdentity(entry.source, files.main),
  );
}

/** In bytes, with what stands in its log. */
export function sizeOfDatabase(path: string): number {
  const files = observeFiles(path);
  return Number(files.main?.size ?? 0) + Number(files.sidecars["-wal"]?.size ?? 0);
}

function replaceEntry(places: Places, entry: IndexEntry): void {
  const { index } = readIndex(places);
  const entries = index.entries.map((each) =>
    each.file === entry.file && each.sequence === entry.sequence ? entry : each,
  );
  writeIndex(places, { ...index, entries });
}

function asBackupFailure(error: unknown, places: Places): HoldfastError {
  const known = toHoldfastError(error, `backing up ${places.database} to ${places.backups}`);
  if (known) return known;
  return new HoldfastError(
    {
      code: "BACKUP_FAILED",
      message: `${places.database} could not be backed up: ${messageOf(error)}`,
      hint: "The database is in order; look at the backup folder and start the application again.",
      details: { folder: places.backups },
    },
    { cause: error },
  );
}
