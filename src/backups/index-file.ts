/**
 * The index: a TOML file that lists the backups, a cache of what they say of themselves. Whatever it says is
 * believed only as far as it agrees with the files; an index that is missing, torn or changed by another hand
 * is set aside and made anew from them.
 */
import { basename, dirname } from "node:path";
import { parse, stringify } from "smol-toml";
import * as v from "valibot";
import { BACKUP_REASONS, type BackupReason, isSequence, isVersion } from "../database/stamp.ts";
import { HoldfastError, hasCode, messageOf, named } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import { type FileIdentity, replaceFile, writeAtomically } from "../platform/atomic-file.ts";
import { sha256 } from "../platform/builtins.ts";
import { FileLock, type OpenLockFile, poll } from "../platform/lock.ts";
import { readSmallFile } from "../platform/small-file.ts";

export interface IndexEntry {
  readonly databaseId: string;
  /** The database, relative to the backup folder: tells two that share a folder apart once one is missing. */
  readonly databasePath: string;
  /** Null for a backup of a database without a stamp. */
  readonly version: string | null;
  /** A plain name inside the backup folder. */
  readonly file: string;
  readonly createdAt: string;
  readonly sequence: number;
  readonly layout: string;
  readonly reason: BackupReason;
  readonly label: string | null;
  readonly size: number;
  /** Null when the file stands without its checksum beside it. */
  readonly sha256: string | null;
  /** When its bytes and its pages were last checked; null: not since it was found. */
  readonly verifiedAt: string | null;
  readonly content: string;
  /** What the database's own file was when it was copied, to see at once that nothing changed since. */
  readonly source: FileIdentity | null;
}

/** A restore that no clean close has confirmed yet. */
export interface UnconfirmedRestore {
  readonly databaseId: string;
  readonly at: string;
  readonly file: string;
}

export interface Index {
  readonly entries: readonly IndexEntry[];
  readonly restores: readonly UnconfirmedRestore[];
}

export const EMPTY_INDEX: Index = { entries: [], restores: [] };

const time = v.pipe(
  v.date(),
  v.transform((date) => date.toISOString()),
);
const text = v.pipe(v.string(), v.maxLength(1024));
const identity = v.object({ ino: text, size: text, mtime: text });

const indexSchema = v.object({
  digest: text,
  entries: v.optional(
    v.array(
      v.pipe(
        v.object({
          database_id: text,
          database: v.pipe(v.string(), v.maxLength(8192)),
          version: v.optional(
            v.pipe(
              text,
              v.check((version) => isVersion(version), "no version"),
            ),
          ),
          file: text,
          created_at: time,
          sequence: v.pipe(
            v.number(),
            v.check((sequence) => isSequence(sequence), "no sequence number"),
          ),
          layout: text,
          reason: v.picklist(BACKUP_REASONS),
          label: v.optional(text),
          size: v.pipe(v.number(), v.integer(), v.minValue(0)),
          sha256: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
          verified_at: v.optional(time),
          content: text,
          source: v.optional(identity),
        }),
        v.transform(
          (row): IndexEntry => ({
            databaseId: row.database_id,
            databasePath: row.database,
            version: row.version ?? null,
            file: row.file,
            createdAt: row.created_at,
            sequence: row.sequence,
            layout: row.layout,
            reason: row.reason,
            label: row.label ?? null,
            size: row.size,
            sha256: row.sha256 ?? null,
            verifiedAt: row.verified_at ?? null,
            content: row.content,
            source: row.source ?? null,
          }),
        ),
      ),
    ),
    [],
  ),
  restores: v.optional(
    v.array(
      v.pipe(
        v.object({ database_id: text, at: time, file: text }),
        v.transform((row): UnconfirmedRestore => ({ databaseId: row.database_id, at: row.at, file: row.file })),
      ),
    ),
    [],
  ),
});

export interface IndexReading {
  readonly index: Index;
  /** Why the index could not be used, in words; null when it could. */
  readonly problem: { readonly kind: "missing" | "damaged"; readonly why: string } | null;
}

/** Larger than any index that Holdfast writes: some hundred bytes an entry. */
const INDEX_LIMIT = 1 << 20;

export function readIndex(places: Places): IndexReading {
  let source: string;
  try {
    source = readSmallFile(places.index, { limit: INDEX_LIMIT });
  } catch (error) {
    if (hasCode(error) && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
      return { index: EMPTY_INDEX, problem: { kind: "missing", why: "there is no index" } };
    }
    return { index: EMPTY_INDEX, problem: { kind: "damaged", why: messageOf(error) } };
  }
  try {
    const parsed = v.parse(indexSchema, parse(source));
    const index: Index = { entries: parsed.entries, restores: parsed.restores };
    if (parsed.digest !== digestOf(index)) throw new Error("it was changed by another hand");
    // Some file systems take two names that differ in case only for one.
    if (new Set(index.entries.map((entry) => entry.file.toLowerCase())).size < index.entries.length) {
      throw new Error("it lists a file twice");
    }
    return { index, problem: null };
  } catch (error) {
    return { index: EMPTY_INDEX, problem: { kind: "damaged", why: messageOf(error).split("\n")[0] ?? "" } };
  }
}

export function writeIndex(places: Places, index: Index): void {
  const head =
    "# The backups of one or more databases, written by Holdfast. The backups describe themselves:\n# this file may be deleted, and is then made anew from them.\n";
  named(`writing the index ${places.index}`, () =>
    writeAtomically(places.index, head + stringify(toToml(index)), temporaryIn(dirname(places.index), places, "index")),
  );
}

/** The one name under which an index that could not be used is kept for a person to look at. */
export function damagedIndexOf({ index }: Places): string {
  return index.replace(/\.toml$/, "-damaged.toml");
}

export function setIndexAside(places: Places): string {
  const aside = damagedIndexOf(places);
  named(`setting the index ${places.index} aside`, () => replaceFile(places.index, aside));
  return aside;
}

/** Waits for the index's own lock, which also keeps two applications apart that share a backup folder. */
export async function withIndexLock<T>(open: OpenLockFile, places: Places, task: () => T | Promise<T>): Promise<T> {
  const lock = new FileLock(open, places.indexLock);
  try {
    if (!(await poll(() => lock.tryExclusive(), INDEX_PATIENCE_MS))) {
      throw new HoldfastError({
        code: "DB_LOCKED",
        message: `Another process has held the index of ${dirname(places.index)} for ${INDEX_PATIENCE_MS / 1000} s.`,
        hint: "Wait until its backup has finished, then try again.",
        details: { lock: places.indexLock },
      });
    }
    return await task();
  } finally {
    lock.release();
  }
}

const INDEX_PATIENCE_MS = 30_000;

function toToml(index: Index): Record<string, unknown> {
  return {
    digest: digestOf(index),
    ...(index.restores.length > 0
      ? {
          restores: index.restores.map((row) => ({
            database_id: row.databaseId,
            at: new Date(row.at),
            file: row.file,
          })),
        }
      : {}),
    entries: index.entries.map((entry) => ({
      ...(entry.version === null ? {} : { version: entry.version }),
      file: entry.file,
      created_at: new Date(entry.createdAt),
      sequence: entry.sequence,
      layout: entry.layout,
      reason: entry.reason,
      ...(entry.label === null ? {} : { label: entry.label }),
      size: entry.size,
      ...(entry.sha256 === null ? {} : { sha256: entry.sha256 }),
      ...(entry.verifiedAt === null ? {} : { verified_at: new Date(entry.verifiedAt) }),
      content: entry.content,
      database_id: entry.databaseId,
      database: entry.databasePath,
      ...(entry.source === null ? {} : { source: { ...entry.source } }),
    })),
  };
}

/** Of what it says, in whatever order the fields of an entry were put together. */
function digestOf({ entries, restores }: Index): string {
  const ordered = entries.map(
    (entry): IndexEntry => ({
      databaseId: entry.databaseId,
      databasePath: entry.databasePath,
      version: entry.version,
      file: entry.file,
      createdAt: entry.createdAt,
      sequence: entry.sequence,
      layout: entry.layout,
      reason: entry.reason,
      label: entry.label,
      size: entry.size,
      sha256: entry.sha256,
      verifiedAt: entry.verifiedAt,
      content: entry.content,
      source: entry.source && { ino: entry.source.ino, size: entry.source.size, mtime: entry.source.mtime },
    }),
  );
  return sha256(JSON.stringify([ordered, restores.map(({ databaseId, at, file }) => ({ databaseId, at, file }))]));
}

/**
 * Names that every file system takes and none gives a meaning of its own.
 * https://learn.microsoft.com/windows/win32/fileio/naming-a-file
 */
export function isPlainName(file: string): boolean {
  return (
    file === basename(file) &&
    /^[^\\/:*?"<>|\p{Cc}.][^\\/:*?"<>|\p{Cc}]*$/u.test(file) &&
    !/^(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(\.|$)/i.test(file) &&
    !/[. ]$/.test(file)
  );
}
