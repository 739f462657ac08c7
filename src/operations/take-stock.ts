/**
 * Taking stock: the database, its backups and what was set aside. Looking changes nothing and waits for nobody, and what
 * cannot be seen is a warning.
 */
import { byRecency, ownBackups } from "../backups/choose.ts";
import type { IndexEntry } from "../backups/index-file.ts";
import { EMPTY_SURVEY, othersAlive, type Survey } from "../backups/survey.ts";
import { isAbsent, observeFiles, presentSidecars } from "../database/files.ts";
import type { Inspection } from "../database/integrity.ts";
import type { Layout } from "../database/layout.ts";
import { findMigrations } from "../database/migrations.ts";
import { readMoved, remedyForMoved, tellMoved } from "../database/moved.ts";
import type { Engine } from "../database/open.ts";
import { isUntouched, readSeal } from "../database/seal.ts";
import { lookAtSealed } from "../database/sealed-look.ts";
import { type SwapState, unfinishedSwap } from "../database/swap.ts";
import { clipped, HoldfastError, named } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import { isWritable } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { FileLock } from "../platform/lock.ts";
import type { FileStatus, Holder, StatusReport } from "../status.ts";
import { runJob } from "../toolbox.ts";
import type { Operation } from "./operation.ts";

const { existsSync, statSync } = fs;

export interface Stock {
  /** The application's layout; null where its migrations cannot be read. */
  readonly known: Layout | null;
  readonly heldBy: Holder;
  readonly swap: SwapState | null;
  readonly file: FileStatus | null;
  readonly sidecars: readonly FileStatus[];
  readonly database: DatabaseSeen;
  readonly survey: Survey;
  /** The backups of this database, the newest first. */
  readonly own: readonly IndexEntry[];
}

/**
 * What could not be seen, and what is amiss, joins the operation's warnings.
 *
 * @param alone nobody else has the database, and no launch replaces it meanwhile
 */
export async function takeStock(op: Operation, alone: boolean = op.alone): Promise<Stock> {
  const { places, engine, settings, warnings } = op;
  const known = await orWarn(warnings, null, () => findMigrations(settings.migrations));
  let sealed: Inspection | null = null;
  const whileAlone = () => {
    sealed = lookWhereSealed(engine, places);
  };
  if (alone) whileAlone();
  const heldBy = alone
    ? "nobody"
    : await orWarn(warnings, "unknown" as const, () => findHolder(engine, places, whileAlone));
  const swap = await orWarn(warnings, null, () => named(`reading ${places.backups}`, () => unfinishedSwap(places)));
  // Before the look, for SQLite may then make its -shm file.
  const file = fileStatus(places.database);
  const sidecars = presentSidecars(observeFiles(places.database)).flatMap(
    (ending) => fileStatus(places.database + ending) ?? [],
  );
  const database = await lookAtDatabase(op, inFlux(heldBy, swap), sealed, heldBy !== "nobody");
  const moved = file ? null : readMoved(places);
  if (moved) op.warn(`${tellMoved(places, moved)} ${remedyForMoved(moved)}`);
  const survey = await orWarn(warnings, EMPTY_SURVEY, () => runJob(op, "survey", { places }));
  op.warn(...survey.warnings);
  const id = database.self?.stamp?.databaseId ?? null;
  const owner = { id, path: places.database, backupsFolder: places.backups };
  const own = [...ownBackups(survey.backups, owner, othersAlive(survey, places))].sort(byRecency);
  return { known, heldBy, swap, file, sidecars, database, survey, own };
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
  return lookAtSealed(engine, places.database, temporaryIn(places.folder, places, "look"));
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
  op: Operation,
  unfit: string | null,
  sealed: Inspection | null,
  beside: boolean,
): Promise<DatabaseSeen> {
  const { places } = op;
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
    const { verdict, self, journalMode } = sealed ?? (await runJob(op, "examine", look));
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
