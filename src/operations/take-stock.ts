/** Taking stock, for `status()`: looking changes nothing and waits for nobody. */
import { byRecency, ownBackups } from "./backups/choose.ts";
import type { IndexEntry } from "./backups/index-file.ts";
import { EMPTY_SURVEY, othersAlive, type SetAside, type Survey } from "./backups/survey.ts";
import { isAbsent, observeFiles, presentSidecars } from "./database/files.ts";
import type { Inspection } from "./database/integrity.ts";
import { type Layout, relate } from "./database/layout.ts";
import { findMigrations } from "./database/migrations.ts";
import { type Engine, loadEngine } from "./database/open.ts";
import { isUntouched, readSeal } from "./database/seal.ts";
import { lookAtSealed } from "./database/sealed-look.ts";
import type { LedgerEntry } from "./database/stamp.ts";
import { type SwapState, unfinishedSwap } from "./database/swap.ts";
import { clipped, HoldfastError, named } from "./errors.ts";
import { type Places, placesIn, temporaryIn } from "./places.ts";
import { isWritable } from "./platform/atomic-file.ts";
import { fs } from "./platform/builtins.ts";
import type { Child } from "./platform/child.ts";
import { FileLock } from "./platform/lock.ts";
import { loadSettings, type SettingsWithoutVersion } from "./settings.ts";
import type { SettingsInput } from "./settings-glance.ts";
import { startWorker } from "./start-worker.ts";
import type { BackupStatus, FileStatus, Holder, SetAsideStatus, StatusOptions, StatusReport } from "./status.ts";
import type { Jobs } from "./worker.ts";

const { existsSync, statSync } = fs;

export async function takeStock(settings: string | SettingsInput, options: StatusOptions): Promise<StatusReport> {
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
    if (verdict.kind === "corrupt") return { ...unseen, state: "corrupt", problem: clipped(verdict.problems[0] ?? "") };
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
