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
import { createPrivateFolder, type FileIdentity, sameIdentity } from "../platform/atomic-file.ts";
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
    return await takeAfter(tools, order, await keepIndex(tools, order), onProgress);
  } catch (error) {
    throw asBackupFailure(error, places);
  }
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
  const warnings = [...upkeep.warnings];
  const rotten = new Set<string>();
  const holds = async (entry: IndexEntry) => {
    // Whoever asks for a backup is not told that there is one whose bytes have rotted meanwhile.
    if (order.reason !== "manual") return true;
    const read = await scrub(openPlain, places, [entry], now);
    warnings.push(...read.warnings);
    for (const file of read.rotten) rotten.add(file);
    return read.rotten.size === 0;
  };
  try {
    const standing = standingIn(order, upkeep);
    const same = copiedAlready(places, standing);
    if (same && (await holds(same))) return { ...upkeep, warnings, result: "unchanged", entry: same, checked: false };

    requireSpace(places.backups, sizeOfDatabase(places.database));
    const copy = await copyContent(tools, order, temporary, onProgress);
    const { source, content, version } = copy;
    const last = standing.filter((entry) => entry.version === version && !rotten.has(entry.file)).sort(byRecency)[0];
    if (last && last.content === content && last.verifiedAt !== null && (await holds(last))) {
      discard(temporary);
      const entry = await withIndexLock(openPlain, places, () => noteSource(places, last, source));
      return { ...upkeep, warnings, result: "unchanged", entry, checked: true };
    }

    const described = await describeCopy(tools, order, copy, nextSequence(upkeep.own), onProgress);
    const entry = await withIndexLock(openPlain, places, () => publish(places, { ...copy, ...described }, now));
    const after = await keepIndex(tools, order);
    return {
      result: "taken",
      entry,
      checked: true,
      retired: [...upkeep.retired, ...after.retired],
      warnings: [...warnings, ...described.warnings],
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

/** So that the next one can tell by `stat` alone that nothing has changed. */
function noteSource(places: Places, { file, sequence, ...rest }: IndexEntry, source: FileIdentity | null): IndexEntry {
  const { index } = readIndex(places);
  const listed = index.entries.find((each) => each.file === file && each.sequence === sequence);
  const entry = { ...rest, ...listed, file, sequence, source };
  writeIndex(places, { ...index, entries: index.entries.map((each) => (each === listed ? entry : each)) });
  return entry;
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
