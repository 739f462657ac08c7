/** What there is: the database, its backups and what was set aside. Looking changes nothing and waits for nobody. */
import { existsSync, statSync } from "node:fs";
import { byRecency, ownBackups } from "./backups/choose.ts";
import type { IndexEntry } from "./backups/index-file.ts";
import { EMPTY_SURVEY, othersAlive, type SetAside, type Survey } from "./backups/survey.ts";
import { isAbsent, observeFiles, presentSidecars } from "./database/files.ts";
import type { Inspection } from "./database/integrity.ts";
import { type Layout, type LayoutRelation, relate } from "./database/layout.ts";
import type { MigrationInput } from "./database/migration-files.ts";
import { findMigrations } from "./database/migrations.ts";
import { checkRuntime, type Engine, loadEngine } from "./database/open.ts";
import { isUntouched, readSeal } from "./database/seal.ts";
import { lookAtSealed } from "./database/sealed-look.ts";
import type { BackupReason, LedgerEntry } from "./database/stamp.ts";
import { type SwapState, unfinishedSwap } from "./database/swap.ts";
import { HoldfastError, named } from "./errors.ts";
import { type Places, placesIn, temporaryIn } from "./places.ts";
import { isWritable } from "./platform/atomic-file.ts";
import type { Child } from "./platform/child.ts";
import { FileLock } from "./platform/lock.ts";
import { loadSettings, type SettingsWithoutVersion } from "./settings.ts";
import type { SettingsInput } from "./settings-source.ts";
import { startWorker, type WorkerOptions } from "./start-worker.ts";
import type { Jobs } from "./worker.ts";

export interface StatusOptions extends WorkerOptions {
  /** The running version (semver); wins over `db-app-version`. Neither is needed. */
  readonly appVersion?: string;
  /** Migrations in code, for bundled applications; wins over `db-migrations`. */
  readonly migrations?: readonly MigrationInput[];
}

/**
 * - `readable`: it opens; its pages were not checked, for that is what a launch does
 * - `missing`, `empty`: there is no file, or one of zero bytes
 * - `corrupt`: it does not open, because it is damaged or no database
 * - `unreadable`: it could not be judged, for want of permission or of a key, for instance
 * - `unknown`: it was not looked at, since it is being replaced
 */
export type DatabaseState = "readable" | "missing" | "empty" | "corrupt" | "unreadable" | "unknown";

/**
 * - `nobody`
 * - `application`: a running application, or the end of its backup
 * - `launch`: a launch is under way
 * - `unknown`: the lock file could not be tried
 */
export type Holder = "nobody" | "application" | "launch" | "unknown";

/** A file with its size in bytes; times are ISO 8601 in UTC everywhere. */
export interface FileStatus {
  /** The whole path. */
  readonly path: string;
  readonly size: number;
  readonly modifiedAt: string;
}

export interface BackupStatus {
  /** A plain name inside the backup folder. */
  readonly file: string;
  /** The app version of the database that was copied; null where it had no stamp. */
  readonly version: string | null;
  readonly createdAt: string;
  readonly reason: BackupReason;
  readonly label: string | null;
  readonly size: number;
  /** When its bytes and pages were last checked; null: not since it was found. */
  readonly verifiedAt: string | null;
  /** The one that a restore tries first. */
  readonly newest: boolean;
}

/** A database that was set aside, or the sidecars of one. */
export interface SetAsideStatus {
  /** The name of the database, inside the backup folder. */
  readonly file: string;
  readonly version: string | null;
  /** All names that belong together: the database, where it is one of them, and its sidecars. */
  readonly files: readonly string[];
  /** Of all of them together. */
  readonly size: number;
  readonly at: string;
}

/** What `status()` returns and `holdfast status --json` prints. */
export interface StatusReport {
  /** The running version, where the call or the settings name one. */
  readonly appVersion: string | null;
  readonly paths: {
    /** The settings file, or "the settings object". */
    readonly settings: string;
    /** Links resolved. */
    readonly database: string;
    /** Null where there are none, or where they came in code. */
    readonly migrations: string | null;
    readonly backups: string;
    readonly lock: string;
    readonly index: string;
  };
  readonly database: {
    readonly state: DatabaseState;
    /** Why it is corrupt, unreadable or unknown, in words; else null. */
    readonly problem: string | null;
    /** Null when there is none. */
    readonly file: FileStatus | null;
    readonly sidecars: readonly FileStatus[];
    /** Null where it could not be read. */
    readonly journalMode: "wal" | "delete" | null;
  };
  /** Who holds the database now. */
  readonly heldBy: Holder;
  /** Null without one, or where it could not be read. */
  readonly stamp: { readonly databaseId: string; readonly version: string; readonly changedAt: string } | null;
  /** Null without a database, or where it could not be read. */
  readonly layout: {
    readonly applied: readonly { readonly name: string; readonly appliedAt: string; readonly appVersion: string }[];
    /** How it stands to the application's; null where the migrations are not known. */
    readonly relation: LayoutRelation | null;
    /** `behind`: the migrations that the next launch would run. */
    readonly pending: readonly string[];
  } | null;
  /** Of this database, the newest first. */
  readonly backups: readonly BackupStatus[];
  /** How many backups of other databases share the folder and the stem. */
  readonly otherBackups: number;
  readonly demoted: readonly SetAsideStatus[];
  readonly quarantined: readonly SetAsideStatus[];
  /** A replacement of the database that was cut off; `differences` name why it cannot be completed. */
  readonly unfinishedSwap: { readonly resumable: boolean; readonly differences: readonly string[] } | null;
  readonly warnings: readonly string[];
}

/**
 * Looks at the database, its backups and what was set aside, and changes nothing: while the application runs,
 * and when the database is missing or corrupt, which it says in words.
 *
 * @param settings the application's TOML file, or the same settings as an object
 * @throws HoldfastError when the settings are invalid or `db-path` names no regular file
 */
export async function status(settings: string | SettingsInput, options: StatusOptions = {}): Promise<StatusReport> {
  checkRuntime();
  const { appVersion, migrations } = options;
  const loaded = await loadSettings(settings, { appVersion, migrations, versionNeeded: false });
  const places = placesIn(loaded.path, loaded.backupDir);
  return describe(loaded, places, await look(loaded, places, options));
}

interface Seen {
  readonly known: Layout | null;
  readonly heldBy: Holder;
  readonly swap: SwapState | null;
  readonly file: FileStatus | null;
  readonly sidecars: readonly FileStatus[];
  readonly database: DatabaseSeen;
  readonly survey: Survey;
  /** What could not be seen, and what is amiss. */
  readonly warnings: readonly string[];
}

async function look(settings: SettingsWithoutVersion, places: Places, options: StatusOptions): Promise<Seen> {
  const warnings: string[] = [];
  const known = await orWarn(warnings, null, () => findMigrations(settings.migrations));
  const engine = await loadEngine(options.opener === undefined ? undefined : String(options.opener));
  let sealed: Inspection | null = null;
  const whileAlone = () => {
    sealed = lookWhereSealed(engine, places);
  };
  const heldBy = await orWarn(warnings, "unknown" as const, () => findHolder(engine, places, whileAlone));
  const swap = await orWarn(warnings, null, () => named(`reading ${places.backups}`, () => unfinishedSwap(places)));
  // Before the look, for SQLite may then make its -shm file.
  const file = fileStatus(places.database);
  const sidecars = presentSidecars(observeFiles(places.database)).flatMap(
    (ending) => fileStatus(places.database + ending) ?? [],
  );
  const child = startWorker(options);
  try {
    const database = await lookAtDatabase(child, places, inFlux(heldBy, swap), sealed, heldBy !== "nobody");
    const survey = await orWarn(warnings, EMPTY_SURVEY, () => run(child, "survey", { places }));
    return { known, heldBy, swap, file, sidecars, database, survey, warnings: [...warnings, ...survey.warnings] };
  } finally {
    await child.stop();
  }
}

function describe(settings: SettingsWithoutVersion, places: Places, seen: Seen): StatusReport {
  const { known, heldBy, swap, file, sidecars, survey, warnings } = seen;
  const { self, state, problem, journalMode } = seen.database;
  const stamp = self?.stamp ?? null;
  const owner = { id: stamp?.databaseId ?? null, path: places.database, backupsFolder: places.backups };
  const own = [...ownBackups(survey.backups, owner, othersAlive(survey, places))].sort(byRecency);
  return {
    appVersion: settings.appVersion,
    paths: {
      settings: settings.origin,
      database: places.database,
      migrations: typeof settings.migrations === "string" ? settings.migrations : null,
      backups: places.backups,
      lock: places.lock,
      index: places.index,
    },
    database: { state, problem, file, sidecars, journalMode },
    heldBy,
    stamp: stamp && { databaseId: stamp.databaseId, version: stamp.appVersion, changedAt: stamp.changedAt },
    layout: self && describeLayout(self.ledger, known),
    backups: own.map(describeBackup),
    otherBackups: survey.backups.length - own.length,
    demoted: setAside(survey, "demoted"),
    quarantined: setAside(survey, "quarantined"),
    unfinishedSwap: swap && {
      resumable: swap.kind === "resumable",
      differences: swap.kind === "broken" ? swap.differences : [],
    },
    warnings,
  };
}

/** A status tells of what it could not see instead of failing over it. */
async function orWarn<T, Otherwise>(
  warnings: string[],
  otherwise: Otherwise,
  look: () => T | Promise<T>,
): Promise<T | Otherwise> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    warnings.push(error.message);
    return otherwise;
  }
}

async function run<Name extends "survey" | "examine">(
  child: Child,
  job: Name,
  input: Jobs[Name]["input"],
): Promise<Jobs[Name]["result"]> {
  return await child.run(job, input);
}

/** The lock is tried for an instant only: held any longer, it would look like an application to a launch. */
function findHolder(engine: Engine, places: Places, whileAlone: () => void): Holder {
  if (!existsSync(places.lock)) return "nobody";
  const lock = new FileLock(engine.openPlain, places.lock);
  try {
    // A connection that cannot write gets BEGIN EXCLUSIVE granted as a read, whoever else is there.
    if (!isWritable(places.lock)) return lock.tryShared() ? "unknown" : "launch";
    if (lock.tryExclusive()) {
      whileAlone();
      return "nobody";
    }
    return lock.tryShared() ? "application" : "launch";
  } finally {
    lock.release();
  }
}

function lookWhereSealed(engine: Engine, places: Places): Inspection | null {
  const seal = readSeal(places);
  if (!seal || !isUntouched(places, seal.file) || !isWritable(places.database) || !isWritable(places.folder))
    return null;
  return lookAtSealed(engine, places.database);
}

/** Why the database's files cannot be told apart just now, in words; null when they stand still. */
function inFlux(heldBy: Holder, swap: SwapState | null): string | null {
  if (heldBy === "launch") return "a launch is under way";
  return swap && "an earlier launch was cut off while it replaced it";
}

interface DatabaseSeen extends Pick<StatusReport["database"], "state" | "problem"> {
  readonly self: Inspection["self"];
  readonly journalMode: Inspection["journalMode"] | null;
}

async function lookAtDatabase(
  child: Child,
  places: Places,
  unfit: string | null,
  sealed: Inspection | null,
  beside: boolean,
): Promise<DatabaseSeen> {
  const files = observeFiles(places.database);
  const unseen = { self: null, journalMode: null };
  if (unfit !== null) return { ...unseen, state: "unknown", problem: unfit };
  if (isAbsent(files)) return { ...unseen, state: files.main ? "empty" : "missing", problem: null };
  try {
    const look = {
      path: places.database,
      scope: "whole",
      check: "none",
      scratch: temporaryIn(places.folder, places, "look"),
      beside,
    } as const;
    const { verdict, self, journalMode } = sealed ?? (await run(child, "examine", look));
    if (verdict.kind === "sound") return { self, journalMode, state: "readable", problem: null };
    if (verdict.kind === "corrupt") return { ...unseen, state: "corrupt", problem: verdict.problems[0] ?? null };
    return { ...unseen, state: "unreadable", problem: verdict.reason };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { ...unseen, state: "unreadable", problem: error.message };
  }
}

function fileStatus(path: string): FileStatus | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? { path, size: found.size, modifiedAt: found.mtime.toISOString() } : null;
}

function describeLayout(ledger: readonly LedgerEntry[], known: Layout | null): StatusReport["layout"] {
  const relation = known && relate(ledger, known);
  return {
    applied: ledger.map(({ name, appliedAt, appVersion }) => ({ name, appliedAt, appVersion })),
    relation,
    pending: relation === "behind" && known ? known.slice(ledger.length).map((step) => step.name) : [],
  };
}

function describeBackup(entry: IndexEntry, place: number): BackupStatus {
  const { file, version, createdAt, reason, label, size, verifiedAt } = entry;
  return { file, version, createdAt, reason, label, size, verifiedAt, newest: place === 0 };
}

function setAside(survey: Survey, kind: SetAside["kind"]): SetAsideStatus[] {
  return survey.setAside
    .filter((each) => each.kind === kind)
    .map(({ file, version, files, size, at }) => ({ file, version, files, size, at }));
}
