/** Giving a copy that has passed its check its name among the backups, and its line in the index. */
import { join } from "node:path";
import { SIDECARS } from "../database/files.ts";
import type { BackupRow } from "../database/stamp.ts";
import { HoldfastError } from "../errors.ts";
import { backupName, numberedNames, type Places, quarantineName } from "../places.ts";
import { type FileIdentity, makePrivate, replaceFile } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { readChecksums, writeChecksums } from "./checksum-file.ts";
import { type Index, type IndexEntry, readIndex, writeIndex } from "./index-file.ts";
import { freeName } from "./set-aside.ts";

const { lstatSync } = fs;

export interface Checked {
  readonly path: string;
  readonly row: BackupRow;
  readonly sha256: string;
  /** What the database's own file was when it was copied. */
  readonly source: FileIdentity | null;
}

/** Runs under the index lock. */
export function publish(places: Places, { path: temporary, row, sha256, source }: Checked, now: string): IndexEntry {
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

/**
 * The version's own name; the next number where a file that is not this database's has taken it. What a person labelled
 * has a number always, and is never replaced.
 */
export function nameFor(
  places: Places,
  index: Index,
  { databaseId, version, label }: Pick<BackupRow, "databaseId" | "version" | "label">,
): { file: string; replaces: IndexEntry | null } {
  const names = numberedNames(backupName(places.stem, version));
  if (label !== null) names.next();
  for (const file of names) {
    const listed = index.entries.find((entry) => entry.file === file);
    const isOwn = listed?.databaseId === databaseId && listed.version === version && listed.label === null;
    if (listed && isOwn && label === null) return { file, replaces: listed };
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

/** By the child of another application, while this one's was held up: what it copied may be older. */
function overtaken(places: Places, { file }: IndexEntry): HoldfastError {
  return new HoldfastError({
    code: "BACKUP_FAILED",
    message: `${places.database} was backed up as ${file} by another process in the meantime; this copy of it was thrown away.`,
    hint: "Nothing has to be done: the next launch takes a backup where the content has changed since.",
    details: { file, overtaken: true },
  });
}

export function wasOvertaken(error: unknown): boolean {
  return error instanceof HoldfastError && error.details.overtaken === true;
}
