/**
 * Every name that Holdfast uses on disk, in one place, as pure functions of the database's path and the
 * backup folder.
 */
import { basename, dirname, join, parse, sep } from "node:path";
import { randomHex } from "./platform/builtins.ts";
import { fnv1a } from "./platform/fnv.ts";
import { realPath } from "./platform/real-path.ts";

export interface Places {
  /** The database, links resolved. */
  readonly database: string;
  readonly folder: string;
  /** The database's file name without its ending; backups are named after it. */
  readonly stem: string;
  readonly backups: string;
  readonly lock: string;
  /** Held by the child process that works behind an application, and outlives it by a moment when that is killed. */
  readonly workerLock: string;
  readonly index: string;
  /** Guards writes to the index, which outlast the launch lock. */
  readonly indexLock: string;
  readonly intent: string;
  /** The record of a clean close. */
  readonly seal: string;
  /** What the seal becomes while an application has the database open. */
  readonly opened: string;
  /** What a restore is about, while it replaces the folders that belong to the database. */
  readonly restoring: string;
  /** Left where the database was moved away from. */
  readonly moved: string;
  /** What the names of this database's temporaries begin with, in any folder. */
  readonly temporaryPrefix: string;
}

export function placesOf(database: string, backupDir: string | undefined): Places {
  const folder = dirname(database);
  const stem = parse(database).name;
  const backups = backupDir ?? join(folder, "backups");
  // Both are whole paths already, and `join` would go through each of them letter by letter.
  const withSeparator = (parent: string) => (parent.endsWith(sep) ? parent : parent + sep);
  const [beside, among] = [withSeparator(folder), withSeparator(backups)];
  return {
    database,
    folder,
    stem,
    backups,
    lock: `${beside}.${distinctName(basename(database))}-lock.sqlite`,
    workerLock: `${beside}.${distinctName(basename(database))}-worker-lock.sqlite`,
    moved: `${beside}.${distinctName(basename(database))}-moved.toml`,
    index: `${among}.${stem}-db-index.toml`,
    indexLock: `${among}.${stem}-db-index-lock.sqlite`,
    intent: `${among}.${stem}-db-intent.toml`,
    seal: `${among}.${stem}-db-seal.toml`,
    opened: `${among}.${stem}-db-opened.toml`,
    restoring: `${among}.${stem}-db-restoring.toml`,
    temporaryPrefix: `.${stem}-${fnv1a(database)}-`,
  };
}

/** The same for paths as the settings say them, links resolved. */
export function placesIn(database: string, backupDir: string | undefined): Places {
  return placesOf(realPath(database), backupDir === undefined ? undefined : realPath(backupDir));
}

/**
 * `library` for `library.sqlite`, but `library.db` for `library.db`: two databases that differ in their
 * ending only, side by side, must not share a lock.
 */
function distinctName(file: string): string {
  if (file.endsWith(".sqlite")) return file.slice(0, -".sqlite".length);
  return file.includes(".") ? file : `${file}.`;
}

export type TemporaryPurpose =
  | "backup"
  | "restore"
  | "look"
  | "create"
  | "index"
  | "intent"
  | "seal"
  | "checksum"
  | "migrate"
  | "moved"
  | "salvage";

/** A new temporary name; it carries a mark of the database, so that a folder can be shared. */
export function temporaryIn(folder: string, places: Places, purpose: TemporaryPurpose): string {
  return join(folder, `${places.temporaryPrefix}${purpose}-${randomHex(6)}.tmp`);
}

/** Whether `file` is a temporary of this database, or a sidecar of one. */
export function isTemporaryOf(places: Places, file: string): boolean {
  return (
    file.startsWith(places.temporaryPrefix) &&
    /^[a-z]+-[0-9a-f]{12}\.tmp(-copy)?(-\d+)?(-wal|-shm|-journal)?$/.test(file.slice(places.temporaryPrefix.length))
  );
}

/**
 * The same places, with temporaries that no other run has: a run that is cut off beside others at work can take its own
 * away, and a later launch knows them as this database's all the same.
 */
export function withOwnTemporaries(places: Places): Places {
  const letters = randomHex(8).replaceAll(/\d/g, (digit) => "ghijklmnop"[Number(digit)] ?? "");
  return { ...places, temporaryPrefix: places.temporaryPrefix + letters };
}

/** `library-v1.2.0` or `library-unstamped`, without the ending. */
export function backupName(stem: string, version: string | null): string {
  return version === null ? `${stem}-unstamped` : `${stem}-v${version}`;
}

export function demotedName(stem: string, version: string | null): string {
  return `${backupName(stem, version)}-demoted`;
}

/** @param now ISO 8601 in UTC; a name keeps seconds, in the basic form that every file system takes */
export function timeInName(now: string): string {
  return now.replace(/\.\d+/, "").replaceAll(/[-:]/g, "");
}

/** @param now ISO 8601 in UTC */
export function quarantineName(stem: string, now: string): string {
  return `${stem}-${timeInName(now)}-corrupt`;
}

/** `name.sqlite`, `name-2.sqlite`, `name-3.sqlite` … in the order in which they are tried. */
export function* numberedNames(name: string): Generator<string> {
  yield `${name}.sqlite`;
  for (let n = 2; ; n++) yield `${name}-${n}.sqlite`;
}

/** What a person calls a file of the backup folder: `v1.2.0` for `library-v1.2.0.sqlite`. */
export function idOf({ stem }: Pick<Places, "stem">, file: string): string {
  return file.slice(`${stem}-`.length, -".sqlite".length);
}

export type SetAsideKind = "demoted" | "quarantined";

/** After the name of a quarantined database: the backup that had rows for what could not be read of it. */
export const HEALED_FROM = "-backup";

/** What a file of the backup folder is, told by its name alone; its content has the last word. */
export function readName(
  stem: string,
  file: string,
): { kind: "backup" | SetAsideKind; version: string | null; sidecar: boolean } | null {
  if (!file.startsWith(`${stem}-`)) return null;
  const found = /^(?<name>.+)\.sqlite(?<ending>-wal|-shm|-journal|-backup)?$/.exec(file.slice(stem.length + 1));
  const { name, ending } = found?.groups ?? {};
  if (name === undefined) return null;
  const sidecar = ending !== undefined;
  if (/^\d{8}T\d{6}Z-corrupt(-\d+)?$/.test(name)) return { kind: "quarantined", version: null, sidecar };
  if (ending === HEALED_FROM) return null;
  const versioned = /^(?:v(?<version>\d.*?)|unstamped)(?<demoted>-demoted)?(?:-\d+)?$/.exec(name);
  if (!versioned) return null;
  const version = versioned.groups?.version ?? null;
  return { kind: versioned.groups?.demoted ? "demoted" : "backup", version, sidecar };
}
