/**
 * Taking a backup, in a child process: copy, compare, describe, check, and only then the name.
 *
 *   clear temporaries and surplus → enough space? → copy from one snapshot → same content as the standing
 *   backup? then done → write the row → full check → checksum → [index lock] sidecars of the name aside →
 *   checksum file (old and new) → rename → checksum file (new) → index → surplus removed
 *
 * A backup that stands is replaced in one rename by a copy that has passed its check, or not at all.
 */
import { join, relative } from "node:path";
import { checkFully, type Tools } from "../database/check.ts";
import { isAbsent, livingSidecars, observeFiles, SIDECARS } from "../database/files.ts";
import { inspect } from "../database/integrity.ts";
import { fingerprint } from "../database/layout.ts";
import { discard } from "../database/look.ts";
import type { Engine } from "../database/open.ts";
import { contentDigestOf, headerOf } from "../database/read-raw.ts";
import { copySnapshot } from "../database/snapshot.ts";
import { type BackupReason, type BackupRow, writeBackupRow, writeOwnDigest } from "../database/stamp.ts";
import { clipped, HoldfastError, messageOf, toHoldfastError } from "../errors.ts";
import { backupName, numberedNames, type Places, quarantineName, temporaryIn } from "../places.ts";
import {
  createPrivateFolder,
  type FileIdentity,
  makePrivate,
  removeDurably,
  replaceFile,
  sameIdentity,
  syncFile,
} from "../platform/atomic-file.ts";
import { fs, randomHex } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import { requireSpace } from "../platform/free-space.ts";
import { checksumFileOf, readChecksums, writeChecksums } from "./checksum-file.ts";
import { byRecency } from "./choose.ts";
import { type Index, type IndexEntry, readIndex, setIndexAside, withIndexLock, writeIndex } from "./index-file.ts";
import { findMark } from "./own-digest.ts";
import { applyRetention } from "./retention.ts";
import { freeName, setBackupAside, trimQuarantine } from "./set-aside.ts";
import { surveyBackups } from "./survey.ts";
import { type Verification, verifyApart } from "./verify.ts";

const { lstatSync, statSync } = fs;

export interface BackupOrder {
  readonly places: Places;
  /** The id for a database that has no stamp yet. */
  readonly databaseId: string;
  readonly runningVersion: string | null;
  readonly reason: BackupReason;
  readonly retention: number;
  readonly quarantineRetention: number;
  readonly now: string;
  /** The launch lock is held alone: nobody writes meanwhile. */
  readonly exclusive: boolean;
  /** How long the copy waits for another program's lock, in milliseconds. Default: as long as behind an application. */
  readonly patience?: number;
}

export interface Retired {
  readonly file: string;
  readonly reason: string;
}

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
  const { places } = order;
  const { engine } = tools;
  const temporary = temporaryIn(places.backups, places, "backup");
  const scratch = temporaryIn(places.backups, places, "look");
  try {
    const unchanged = copiedAlready(places, upkeep.own);
    if (unchanged) return { ...upkeep, result: "unchanged", entry: unchanged, checked: false };

    requireSpace(places.backups, sizeOfDatabase(places.database));
    const { source } = await copySnapshot(engine, places.database, temporary, {
      exclusive: order.exclusive,
      ...(order.patience === undefined ? {} : { patience: order.patience }),
      onPages: (done, total) => onProgress({ done, total }),
    });
    const content = `sha256:${contentDigestOf(temporary)}`;
    const self = inspect(engine, temporary, { check: "none", scope: "alone", scratch }).self;
    const version = self?.stamp?.appVersion ?? null;
    const standing = upkeep.own.filter((entry) => entry.version === version).sort(byRecency)[0];
    if (standing && standing.content === content && standing.verifiedAt !== null) {
      discard(temporary);
      const entry = { ...standing, source };
      await withIndexLock(engine.openPlain, places, () => replaceEntry(places, entry));
      return { ...upkeep, result: "unchanged", entry, checked: true };
    }

    const row: BackupRow = {
      databaseId: self?.stamp?.databaseId ?? order.databaseId,
      databasePath: relative(places.backups, places.database),
      version,
      layout: fingerprint(self?.ledger ?? []),
      sequence: Math.max(0, ...upkeep.own.map((entry) => entry.sequence)) + 1,
      createdAt: order.now,
      reason: order.reason,
      label: null,
      content,
      journalMode: headerOf(temporary).journalMode,
      fileMode: statSync(places.database).mode & 0o777,
    };
    const markedAt = describeCopy(engine, temporary, row);
    // Its own digest apart, which no page hangs on, the file does not change any more while it is checked.
    const [sha256, found] = await Promise.all([
      tools.crew.run<string>("fingerprint", { path: temporary, markedAt }),
      requireSound(tools, temporary, order),
    ]);
    syncFile(temporary);
    const entry = await withIndexLock(engine.openPlain, places, () => publish(order, temporary, row, sha256, source));
    const after = await keepIndex(tools, order);
    return {
      result: "taken",
      entry,
      checked: true,
      retired: [...upkeep.retired, ...after.retired],
      warnings: [...upkeep.warnings, ...found],
    };
  } catch (error) {
    discard(temporary);
    throw asBackupFailure(error, places);
  }
}

export interface Upkeep {
  /** The backups of this database, after the surplus went. */
  readonly own: readonly IndexEntry[];
  readonly retired: readonly Retired[];
  readonly warnings: readonly string[];
}

/** Holds the index against the files, verifies what was found unlisted, and removes what is beyond retention. */
export async function keepIndex(tools: Tools, order: BackupOrder): Promise<Upkeep> {
  const { places, databaseId, retention, runningVersion } = order;
  const { engine } = tools;
  return await withIndexLock(engine.openPlain, places, async () => {
    const survey = surveyBackups(engine, places);
    const warnings = [...survey.warnings];
    const entries: IndexEntry[] = [];
    for (const entry of survey.backups) {
      const known = entry.databaseId !== databaseId || entry.verifiedAt !== null;
      const verified = known ? null : await verifyIfPossible(tools, places, entry);
      if (!verified) entries.push(entry);
      else if (verified.ok) {
        mendChecksum(places, entry.file, verified.sha256);
        entries.push({ ...entry, sha256: verified.sha256, verifiedAt: order.now });
      } else if (verified.kind === "damaged")
        warnings.push(setBackupAside(places, entry.file, verified.reason, order.now));
      else {
        // Listed as unverified, it is tried again the next time.
        entries.push(entry);
        warnings.push(`The backup ${entry.file} could not be verified: ${verified.reason.replace(/\.$/, "")}.`);
      }
    }
    const judged = applyRetention(
      entries.filter((entry) => entry.databaseId === databaseId),
      retention,
      runningVersion,
    );
    const surplus = judged.filter((each) => !each.keep);
    const kept = entries.filter((entry) => !surplus.some((each) => each.entry === entry));
    if (survey.stale !== null || surplus.length > 0 || kept.length !== survey.backups.length) {
      if (survey.damaged) setIndexAside(places);
      removeSurplus(
        places,
        { entries: kept, restores: survey.restores },
        surplus.map((each) => each.entry.file),
      );
    }
    const trimmed = trimQuarantine(places, survey.setAside, order.quarantineRetention);
    return {
      own: kept.filter((entry) => entry.databaseId === databaseId),
      retired: [...surplus.map((each) => ({ file: each.entry.file, reason: each.reason })), ...trimmed],
      warnings,
    };
  });
}

/** A full disk is no reason to give the upkeep up, for that makes room. */
async function verifyIfPossible(tools: Tools, places: Places, entry: IndexEntry): Promise<Verification> {
  try {
    return await verifyApart(tools, { places, entry, app: null });
  } catch (error) {
    return { ok: false, kind: "unreadable", reason: messageOf(error) };
  }
}

/** A checksum file that is missing or was damaged, beside a backup that is sound. */
function mendChecksum(places: Places, file: string, sha256: string): void {
  const path = join(places.backups, file);
  const beside = readChecksums(path);
  if (beside.length === 1 && beside[0] === sha256) return;
  try {
    writeChecksums(path, [sha256], places);
  } catch (error) {
    // Seen again by the next upkeep.
    if (toHoldfastError(error, "")?.code !== "DISK_FULL") throw error;
  }
}

/** The index first, so that it never names what is gone; on a full disk the files first, to make room for it. */
function removeSurplus(places: Places, index: Index, files: readonly string[]): void {
  const removeFiles = () => {
    for (const file of files) {
      removeDurably(join(places.backups, file));
      removeDurably(checksumFileOf(join(places.backups, file)));
    }
  };
  try {
    writeIndex(places, index);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "DISK_FULL" || files.length === 0) throw error;
    removeFiles();
    writeIndex(places, index);
  }
  removeFiles();
}

/** The backup that was taken from exactly this file: then there is nothing to copy, told by `stat` alone. */
function copiedAlready(places: Places, own: readonly IndexEntry[]): IndexEntry | undefined {
  const files = observeFiles(places.database);
  if (isAbsent(files) || livingSidecars(files).length > 0) return undefined;
  return own.find(
    (entry) => entry.source !== null && entry.verifiedAt !== null && sameIdentity(entry.source, files.main),
  );
}

function sizeOfDatabase(path: string): number {
  const files = observeFiles(path);
  return Number(files.main?.size ?? 0) + Number(files.sidecars["-wal"]?.size ?? 0);
}

/**
 * Out of WAL mode, so that the file is whole without sidecars, and with its own row.
 *
 * @returns where its own digest is to stand; null where there is no place for it
 */
function describeCopy(engine: Engine, copy: string, row: BackupRow): number | null {
  const mark = randomHex(32);
  let page = 0;
  const db = engine.openUntrusted(copy, "readwrite");
  try {
    db.pragma("locking_mode = EXCLUSIVE");
    db.pragma("journal_mode = DELETE");
    db.pragma("synchronous = FULL");
    db.transaction(() => {
      writeBackupRow(db, row);
      page = writeOwnDigest(db, mark);
    })();
  } finally {
    db.close();
  }
  return findMark(copy, mark, { number: page, size: headerOf(copy).pageSize });
}

/** @returns what is amiss with the application's data, which is no damage */
async function requireSound(tools: Tools, copy: string, order: BackupOrder): Promise<readonly string[]> {
  const { database, backups } = order.places;
  const { verdict } = await checkFully(tools, copy, {
    scope: "alone",
    scratch: temporaryIn(backups, order.places, "look"),
    // Rows without a parent are no reason to keep a launch waiting.
    what: order.exclusive ? "pages" : "pages-and-keys",
  });
  if (verdict.kind === "sound") return verdict.warnings;
  const problem = verdict.kind === "corrupt" ? clipped(verdict.problems[0] ?? "") : verdict.reason;
  throw new HoldfastError({
    code: "BACKUP_FAILED",
    message: `The copy of ${database} failed its check and was thrown away: ${problem}.`,
    hint: "The database itself may be damaged: start the application again, and it is checked before it opens.",
    details: { database, ...(verdict.kind === "corrupt" ? { damage: problem } : {}) },
  });
}

/** Gives the checked copy its name and enters it. Runs under the index lock. */
function publish(
  order: BackupOrder,
  temporary: string,
  row: BackupRow,
  sha256: string,
  source: FileIdentity | null,
): IndexEntry {
  const { places, now } = order;
  const { index } = readIndex(places);
  const later = index.entries.find((each) => each.databaseId === row.databaseId && each.sequence >= row.sequence);
  if (later) throw overtaken(places, later);
  const { file, replaces } = nameFor(places, index, row);
  const path = join(places.backups, file);
  setSidecarsAside(places, path, now);
  const before = replaces ? [...readChecksums(path), ...(replaces.sha256 === null ? [] : [replaces.sha256])] : [];
  writeChecksums(path, [...new Set([sha256, ...before])], places);
  replaceFile(temporary, path);
  if (before.length > 0) writeChecksums(path, [sha256], places);
  const { databaseId, databasePath, version, sequence, createdAt, layout, reason, label, content } = row;
  const entry: IndexEntry = {
    databaseId,
    databasePath,
    version,
    file,
    createdAt,
    sequence,
    layout,
    reason,
    label,
    size: lstatSync(path).size,
    sha256,
    verifiedAt: now,
    content,
    source,
  };
  writeIndex(places, { ...index, entries: [...index.entries.filter((each) => each.file !== file), entry] });
  return entry;
}

/** The version's own name; the next number where a file that is not this database's has taken it. */
function nameFor(places: Places, index: Index, row: BackupRow): { file: string; replaces: IndexEntry | null } {
  for (const file of numberedNames(backupName(places.stem, row.version))) {
    const listed = index.entries.find((entry) => entry.file === file);
    if (listed && listed.databaseId === row.databaseId && listed.version === row.version && listed.label === null) {
      return { file, replaces: listed };
    }
    const taken = lstatSync(join(places.backups, file), { throwIfNoEntry: false }) !== undefined;
    if (!listed && !taken) return { file, replaces: null };
  }
  throw new Error("unreachable: there is no last number");
}

/** A viewer may have left a WAL beside the old copy: SQLite would replay it into the new one. */
function setSidecarsAside(places: Places, path: string, now: string): void {
  const sidecars = SIDECARS.filter((ending) => lstatSync(path + ending, { throwIfNoEntry: false }) !== undefined);
  if (sidecars.length === 0) return;
  const aside = freeName(places.backups, quarantineName(places.stem, now));
  for (const ending of sidecars) {
    replaceFile(path + ending, aside + ending);
    makePrivate(aside + ending);
  }
}

function replaceEntry(places: Places, entry: IndexEntry): void {
  const { index } = readIndex(places);
  const entries = index.entries.map((each) =>
    each.file === entry.file && each.sequence === entry.sequence ? entry : each,
  );
  writeIndex(places, { ...index, entries });
}

/** By the child of another application, while this one's was held up: what it copied may be older. */
function overtaken(places: Places, { file }: IndexEntry): HoldfastError {
  return new HoldfastError({
    code: "BACKUP_FAILED",
    message: `${places.database} was backed up as ${file} by another process in the meantime; this copy of it was thrown away.`,
    hint: "Nothing has to be done: the next launch takes a backup where the content has changed since.",
    details: { file },
  });
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
