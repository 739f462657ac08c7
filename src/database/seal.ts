/**
 * What is known of the database from the last time, so that a launch need not read what nobody touched.
 *
 * The *seal* is written at a clean close by the last holder: what `stat` said of the file then, and what the launch
 * would find in it. While an application has the database open there is no seal but an *opened* record, which tells
 * a later launch whether the application was cut off in this run of the machine. The one becomes the other by a
 * rename, so that exactly one of them counts at each instant; where a kill left both, the seal is the later one.
 *
 * A quiet launch reads this file before SQLite is loaded: nothing heavy is imported here.
 */
import { basename, relative } from "node:path";
import { named } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import { removeDurably, sameIdentity, syncFile, syncFolder, writeAtomically } from "../platform/atomic-file.ts";
import { currentBoot, isSameBoot } from "../platform/boot.ts";
import { fs } from "../platform/builtins.ts";
import { canTellLaterWrites, passTick } from "../platform/clock-tick.ts";
import { proofOfFolder } from "../platform/folder-proof.ts";
import { readSmallFile } from "../platform/small-file.ts";
import { hasSidecars, isAbsent, livingSidecars, observeFiles } from "./files.ts";
import {
  asOpened,
  asSeal,
  type FileProof,
  type OpenedRecord,
  readRecord,
  type Seal,
  textOfRecord,
  type Written,
} from "./seal-record.ts";

const { existsSync, renameSync, statSync, truncateSync } = fs;

export function proofOf(path: string): FileProof | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!found?.isFile()) return null;
  return {
    ino: String(found.ino),
    size: String(found.size),
    mtime: String(found.mtimeNs),
    ctime: String(found.ctimeNs),
  };
}

/** The index, the backups and what was set aside. */
export function proofOfBackups({ backups, stem, index }: Places): string {
  return proofOfFolder(backups, (file) => file.startsWith(`${stem}-`) || file === basename(index));
}

/** Whether the file is as the seal says, with no sidecar that holds anything. */
export function isUntouched({ database }: Places, file: FileProof): boolean {
  const now = proofOf(database);
  if (!sameIdentity(now, file) || now?.ctime !== file.ctime) return false;
  // Most often there is none at all, and the closer look takes longer.
  return !hasSidecars(database) || livingSidecars(observeFiles(database)).length === 0;
}

/** How far the file can be trusted, from what is recorded of the last time. */
export type Trust =
  /** Untouched since a clean close. */
  | { readonly kind: "sealed"; readonly checkedAt: string | null }
  /** The application was cut off in this run of the machine: what it wrote is in the log. */
  | { readonly kind: "interrupted"; readonly checkedAt: string | null }
  | { readonly kind: "unknown" | "suspect"; readonly why: string };

/** Whose the file is, as it was recorded the last time; null where that was of another file. */
export function recordedId(places: Places): string | null {
  const record = readSeal(places) ?? readOpened(places);
  return record && record.file.ino === proofOf(places.database)?.ino ? record.databaseId : null;
}

export function trustOf(places: Places): Trust {
  const opened = readOpened(places);
  if (opened?.suspect) return { kind: "suspect", why: opened.suspect };
  const seal = readSeal(places);
  if (seal) {
    if (isUntouched(places, seal.file)) return { kind: "sealed", checkedAt: seal.checkedAt };
    return { kind: "unknown", why: "it was changed by another program since it was closed" };
  }
  if (!opened) return { kind: "unknown", why: "there is no record of a clean close" };
  if (proofOf(places.database)?.ino !== opened.file.ino) {
    return { kind: "unknown", why: "it is another file than the one that the application had open" };
  }
  if (!isSameBoot(opened.boot, currentBoot())) {
    return { kind: "unknown", why: "the machine was started anew while the application had it open" };
  }
  return { kind: "interrupted", checkedAt: opened.checkedAt };
}

export function readSeal(places: Places): Seal | null {
  return findSeal(places)?.seal ?? null;
}

export interface FoundSeal {
  readonly seal: Seal;
  /** Where it stands: databases that share a folder and a stem have numbers. */
  readonly file: string;
}

export function findSeal(places: Places): FoundSeal | null {
  const { file, found } = find(places, places.seal);
  const seal = asSeal(found);
  return seal && { seal, file };
}

export function readOpened(places: Places): OpenedRecord | null {
  return asOpened(find(places, places.opened).found);
}

/**
 * Takes the seal away, durably, before anything is written; the file is known to be untouched. Fails where another
 * launch was quicker. The folder is flushed here and now: in a thread beside the loading of SQLite it would cost a
 * quiet launch more, for the start of the threads, than it saves on any disk but a slow one.
 */
export function breakSeal(places: Places, { seal, file }: FoundSeal): void {
  const to = find(places, places.opened).file;
  const boot = currentBoot();
  // A rename would leave the record of an earlier run, and a launch after a kill would check for nothing.
  if (!isSameBoot(seal.boot, boot)) {
    writeRecord(places, to, { ...seal, boot });
    removeDurably(file);
  } else {
    renameSync(file, to);
    syncFolder(places.backups);
  }
}

/** Records that an application has the database open, in place of any seal. */
export function recordOpened(places: Places, record: Omit<OpenedRecord, "boot">): void {
  writeRecord(places, find(places, places.opened).file, { ...record, boot: currentBoot() });
  removeSeal(places);
}

/** Before anything is done to the database. */
export function dropSeal(places: Places): void {
  named(`breaking the seal of ${places.database}`, () => removeSeal(places));
}

/** Durably, before the database is written to. */
export function removeSeal(places: Places): void {
  const { file, found } = find(places, places.seal);
  if (!found) return;
  try {
    removeDurably(file);
  } catch {
    // In a folder that may not be written any more, the file itself may be: empty, it says nothing. What says nothing
    // already may be another's file under a second name.
    if (Object.keys(found).length === 0) return;
    truncateSync(file);
    syncFile(file);
  }
}

/** Records that a check behind the application failed: the next launch checks before it opens. */
export function markSuspect(places: Places, databaseId: string, why: string): void {
  const file = proofOf(places.database);
  const record = readOpened(places) ?? (file && { databaseId, file, checkedAt: null });
  if (record) recordOpened(places, { ...record, suspect: why });
}

/**
 * Seals a database that nobody has open: only for the last holder, under the launch lock.
 *
 * @returns why no seal was given; null when it was
 */
export async function writeSeal(
  places: Places,
  content: Omit<Seal, "file" | "boot" | "suspect" | "backups">,
): Promise<string | null> {
  const files = observeFiles(places.database);
  if (isAbsent(files) || !files.main) return "the database is gone";
  if (livingSidecars(files).length > 0) return "another program has it open";
  if (readOpened(places)?.suspect) return "it is suspect";
  await passTick(places.database);
  const file = proofOf(places.database);
  if (!file || !canTellLaterWrites(file)) return "the file system's clock is too coarse to tell a later write";
  const seal: Seal = { ...content, backups: proofOfBackups(places), file, boot: currentBoot(), suspect: null };
  writeRecord(places, find(places, places.seal).file, seal);
  const opened = find(places, places.opened);
  if (opened.found) removeDurably(opened.file);
  return null;
}

/**
 * A look at a sealed file gives it a second name for a moment, which changes its ctime. Under the launch lock, held
 * since before the look, the seal is brought up to date; what else changed leaves it broken.
 */
export function renewSeal(places: Places, seal: Seal): void {
  const file = proofOf(places.database);
  if (!file || file.ctime === seal.file.ctime || !sameIdentity(file, seal.file)) return;
  writeRecord(places, find(places, places.seal).file, { ...seal, file });
}

/**
 * @param lastCheck ISO 8601
 * @param interval in milliseconds
 */
export function isCheckDue(lastCheck: string | null, now: string, interval: number): boolean {
  if (lastCheck === null) return true;
  const age = Date.parse(now) - Date.parse(lastCheck);
  // A clock that was set back says nothing of how long ago it was.
  return age < 0 || age >= interval;
}

function writeRecord(places: Places, file: string, record: OpenedRecord | Seal): void {
  const database = relative(places.backups, places.database);
  writeAtomically(file, textOfRecord(database, record), temporaryIn(places.backups, places, "seal"));
}

/** How many databases may share a backup folder and a stem. */
const MOST_SHARING = 100;

/** The record of this database: its file, which may be yet to be made, and what stands in it. */
function find(places: Places, first: string): { file: string; found: Written | null } {
  const database = relative(places.backups, places.database);
  for (let n = 1; n < MOST_SHARING; n++) {
    const file = n === 1 ? first : first.replace(/\.toml$/, `-${n}.toml`);
    const text = readIfThere(file);
    if (text === null) return { file, found: null };
    const found = readRecord(text);
    if (found?.database === database) return { file, found };
    if (typeof found?.database === "string") continue;
    // It says nothing, and its place is taken by the next record.
    return { file, found: {} };
  }
  throw new Error(`${first} and all its numbers are taken`);
}

/** Every migration and every backup has a line in it, and so have the settings. */
const RECORD_LIMIT = 8 << 20;

/** What cannot be read is not trusted; that it cannot be written either will show when it is. */
function readIfThere(file: string): string | null {
  // Asked first, since an error that is thrown takes longer than the call.
  if (!existsSync(file)) return null;
  try {
    return readSmallFile(file, { limit: RECORD_LIMIT });
  } catch {
    return null;
  }
}
