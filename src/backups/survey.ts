/**
 * What is in the backup folder: the index held against the files. Reads only. Entries whose file is gone,
 * unfit or another than listed are dropped with a warning, and backups that stand there unlisted are found by
 * what they say of themselves.
 */
import { join } from "node:path";
import { inspect } from "../database/integrity.ts";
import type { Engine } from "../database/open.ts";
import { sha256Of } from "../database/read-raw.ts";
import { clipped, HoldfastError, hasCode, messageOf, named, type Refusal } from "../errors.ts";
import { type Places, readName, type SetAsideKind, temporaryIn } from "../places.ts";
import { fs } from "../platform/builtins.ts";
import { readChecksums } from "./checksum-file.ts";
import { databaseOf } from "./choose.ts";
import { type IndexEntry, readIndex, type UnconfirmedRestore } from "./index-file.ts";
import { unfitName } from "./verify.ts";

const { existsSync, lstatSync, readdirSync } = fs;

/** A database, or sidecars alone, that a launch has set aside. */
export interface SetAside {
  readonly kind: SetAsideKind;
  /** The name of the database; where only sidecars were set aside, of the database they would belong to. */
  readonly file: string;
  readonly version: string | null;
  /** All names that belong together. */
  readonly files: readonly string[];
  readonly size: number;
  readonly at: string;
}

export interface Survey {
  /** Of every database that keeps its backups here under this stem. */
  readonly backups: readonly IndexEntry[];
  readonly restores: readonly UnconfirmedRestore[];
  readonly setAside: readonly SetAside[];
  /** Files with the name of a backup that do not say whose they are: a backup, perhaps, that is damaged. */
  readonly unidentified: readonly string[];
  /** All files with the name of a backup that cannot be listed, and why. */
  readonly leftOut: readonly { readonly file: string; readonly reason: string }[];
  readonly warnings: readonly string[];
  /** Why the index must be written anew; null when it agrees with the files. */
  readonly stale: string | null;
  /** The index is there but cannot be used. */
  readonly damaged: boolean;
  /** The folder is there but cannot be read: then nothing is known of the backups. */
  readonly unreadable: Refusal | null;
}

export const EMPTY_SURVEY: Survey = {
  backups: [],
  restores: [],
  setAside: [],
  unidentified: [],
  leftOut: [],
  warnings: [],
  stale: null,
  damaged: false,
  unreadable: null,
};

/**
 * For child processes: backups that are not listed are opened to see what they say.
 *
 * @param anew as if there were no index
 */
export function surveyBackups(engine: Engine, places: Places, { anew = false }: { anew?: boolean } = {}): Survey {
  return survey(places, (file, listed) => lookAt(engine, places, file, listed), anew) as Survey;
}

/** The same by `stat` alone; null where a backup that is not listed must be opened. */
export function surveyListed(places: Places): Survey | null {
  return survey(places, () => null);
}

type Sight = { readonly entry: IndexEntry } | { readonly why: string; readonly regular: boolean };

/** @param look at a file that is not listed, or whose listed checksum is another than the one beside it */
function survey(
  places: Places,
  look: (file: string, listed: string | null) => Sight | null,
  anew = false,
): Survey | null {
  let names: string[];
  try {
    names = listFolder(places.backups);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const { message } = error;
    return { ...EMPTY_SURVEY, unreadable: error.toJSON(), warnings: [`The backups cannot be looked at. ${message}`] };
  }
  const reading = readIndex(places);
  const warnings: string[] = [];
  const backups: IndexEntry[] = [];
  let stale = anew ? "it is to be made anew" : null;

  if (reading.problem?.kind === "damaged") {
    stale = reading.problem.why;
    warnings.push(
      `The index ${places.index} could not be used (${reading.problem.why}); it is made anew from the backups.`,
    );
  }
  for (const entry of anew ? [] : reading.index.entries) {
    const found = compare(places, entry);
    if (found.kind !== "same") stale ??= `${entry.file}: ${found.why}`;
    if (found.kind === "same") backups.push(entry);
    // Its bytes have the last word when it is verified; until then it counts as a backup that exists.
    if (found.kind === "changed") backups.push({ ...entry, verifiedAt: null, source: null });
    if (found.kind === "gone")
      warnings.push(`The backup ${entry.file} is listed in the index but was left out: ${found.why}.`);
  }
  const unidentified: string[] = [];
  const leftOut: { file: string; reason: string }[] = [];
  const listed = new Set(backups.map((entry) => entry.file));
  for (const file of names) {
    const name = readName(places.stem, file);
    if (name?.kind !== "backup" || name.sidecar || listed.has(file)) continue;
    const found = look(file, reading.index.entries.find((entry) => entry.file === file)?.sha256 ?? null);
    if (found === null) return null;
    if ("entry" in found) {
      backups.push(found.entry);
      stale ??= `${file} was not listed`;
    } else {
      if (found.regular) unidentified.push(file);
      leftOut.push({ file, reason: found.why });
      warnings.push(`${join(places.backups, file)} has the name of a backup but was left out: ${found.why}.`);
    }
  }
  return {
    backups,
    restores: reading.index.restores,
    setAside: listSetAside(places, names),
    unidentified,
    leftOut,
    warnings,
    stale,
    damaged: reading.problem?.kind === "damaged",
    unreadable: null,
  };
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (hasCode(error) && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
    return named(`listing ${folder}`, () => {
      throw error;
    });
  }
}

type Comparison =
  | { readonly kind: "same" }
  /** `gone`: nothing there, or nothing that may be opened. `replaced`: another copy; it is looked at anew. */
  | { readonly kind: "gone" | "replaced" | "changed"; readonly why: string };

/** An entry beside its file, by `stat` and the checksum file alone. */
function compare(places: Places, entry: IndexEntry): Comparison {
  const unfit = unfitName(places.backups, entry.file);
  if (unfit) return { kind: "gone", why: unfit };
  // What is beyond retention is deleted: an entry must not name just any file of the folder.
  const name = readName(places.stem, entry.file);
  if (name?.kind !== "backup" || name.sidecar) return { kind: "gone", why: "its name is not that of a backup" };
  const path = join(places.backups, entry.file);
  const checksums = readChecksums(path);
  const known = checksums.length === 0 || entry.sha256 === null || checksums.includes(entry.sha256);
  if (!known || checksums.length > 1 || (checksums.length === 1 && entry.sha256 === null)) {
    return { kind: "replaced", why: "it is another copy than the one listed" };
  }
  if (lstatSync(path).size !== entry.size) return { kind: "changed", why: "its size is not the one listed" };
  if (checksums.length === 0 && entry.sha256 !== null) return { kind: "changed", why: "its checksum is not beside it" };
  return { kind: "same" };
}

/** An unlisted file with the name of a backup: what it says of itself, or why it is left alone. */
function lookAt(engine: Engine, places: Places, file: string, listed: string | null): Sight {
  const unfit = unfitName(places.backups, file);
  if (unfit) return { why: unfit, regular: false };
  const path = join(places.backups, file);
  try {
    const { verdict, self } = inspect(engine, path, {
      check: "none",
      scope: "alone",
      scratch: temporaryIn(places.backups, places, "look"),
    });
    if (verdict.kind === "corrupt")
      return { why: `it is damaged: ${clipped(verdict.problems[0] ?? "")}`, regular: true };
    if (verdict.kind === "impossible") return { why: verdict.reason, regular: true };
    const row = self?.backup;
    if (!row) return { why: "it is not a backup that Holdfast took", regular: true };
    return {
      entry: {
        databaseId: row.databaseId,
        databasePath: row.databasePath,
        version: row.version,
        file,
        createdAt: row.createdAt,
        sequence: row.sequence,
        layout: row.layout,
        reason: row.reason,
        label: row.label,
        size: lstatSync(path).size,
        sha256: checksumOf(path, listed),
        verifiedAt: null,
        content: row.content,
        source: null,
      },
    };
  } catch (error) {
    return { why: messageOf(error), regular: true };
  }
}

/**
 * Two checksums stand beside a backup whose replacement was cut off, and the index may list another than a checksum
 * file that was damaged: the bytes say which one holds.
 */
function checksumOf(path: string, listed: string | null): string | null {
  const checksums = [...readChecksums(path), ...(listed === null ? [] : [listed])];
  if (checksums.length < 2) return checksums[0] ?? null;
  const actual = sha256Of(path);
  return checksums.find((checksum) => checksum === actual) ?? checksums[0] ?? null;
}

function listSetAside(places: Places, names: readonly string[]): SetAside[] {
  const found = new Map<string, { kind: SetAsideKind; version: string | null; files: string[] }>();
  for (const file of names) {
    const name = readName(places.stem, file);
    if (!name || name.kind === "backup" || unfitName(places.backups, file) !== null) continue;
    const main = name.sidecar ? file.replace(/-(wal|shm|journal|backup)$/, "") : file;
    const group = found.get(main) ?? { kind: name.kind, version: name.version, files: [] };
    group.files.push(file);
    found.set(main, group);
  }
  return [...found].map(([file, group]) => {
    const stats = group.files.map((each) => lstatSync(join(places.backups, each), { throwIfNoEntry: false }));
    return {
      ...group,
      file,
      size: stats.reduce((sum, stat) => sum + (stat?.size ?? 0), 0),
      at: new Date(Math.max(0, ...stats.map((stat) => stat?.ctimeMs ?? 0))).toISOString(),
    };
  });
}

/** The paths, other than this database's, at which a database stands whose backups are here too. */
export function othersAlive(survey: Survey, places: Places): ReadonlySet<string> {
  const recorded = new Set(survey.backups.map((entry) => databaseOf(entry, places.backups)));
  // On Windows, asking after a file on somebody's server would hand that server the user's credentials.
  const local = (path: string) => !/^[\\/]{2}/.test(path) || places.database.startsWith(path.slice(0, 2));
  return new Set([...recorded].filter((path) => path !== places.database && local(path) && existsSync(path)));
}
