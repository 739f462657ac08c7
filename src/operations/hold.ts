/** Getting hold of the database: alone, to change it, or beside whoever has it, to read it. */
import { isAbsent, livingSidecars, observeFiles } from "../database/files.ts";
import { canBeHeld, discard, openApart, openHeld, plainly, type Reading } from "../database/look.ts";
import { readMoved, remedyForMoved, tellMoved } from "../database/moved.ts";
import type { Connection } from "../database/open.ts";
import { opening } from "../database/read-only-medium.ts";
import { headerOf } from "../database/read-raw.ts";
import { finishSwap, mayBeSwapping, unfinishedSwap } from "../database/swap.ts";
import { HoldfastError, named } from "../errors.ts";
import { openLock } from "../launch/launch-lock.ts";
import { clearTemporaries } from "../launch/temporaries.ts";
import { orphansGone } from "../launch/wait.ts";
import { temporaryIn } from "../places.ts";
import { isWritable } from "../platform/atomic-file.ts";
import { type FileLock, poll } from "../platform/lock.ts";
import { register } from "../platform/registry.ts";
import { copier } from "../toolbox.ts";
import { copyFile } from "./copying.ts";
import type { Operation } from "./operation.ts";
import { cutOffRestore, forgetRestoring } from "./restore-record.ts";

/**
 * Runs `task` while neither an application, nor a launch, nor another operation has the database. A swap that was cut
 * off is completed first, as a launch would.
 *
 * @throws DB_IN_USE, DB_LOCKED after `db-lock-timeout`; SWAP_INTERRUPTED
 */
export async function withDatabaseAlone<Result>(op: Operation, task: () => Promise<Result>): Promise<Result> {
  const { places, engine, settings, signal } = op;
  const unregister = register(places.database);
  const lock = openLock(engine.openPlain, places, { dryRun: false, readonly: false }) as FileLock;
  try {
    await getAlone(op, lock);
    await orphansGone({ engine, places, settings, signal });
    op.alone = true;
    await completeSwap(op);
    forgetDoneRestore(op);
    op.warn(...clearTemporaries(places));
    return await task();
  } finally {
    await op.stopChild();
    if (op.alone && !mayBeSwapping(places)) clearTemporaries(places);
    op.alone = false;
    lock.release();
    unregister();
  }
}

async function getAlone(op: Operation, lock: FileLock): Promise<void> {
  const { places, settings, signal } = op;
  if (lock.tryExclusive()) return;
  op.onEvent({ kind: "wait", message: `another process has ${places.database}` });
  if (await poll(() => lock.tryExclusive(), settings.lockTimeout, signal)) return;
  throw lock.tryShared() ? inUse(op) : locked(op);
}

function inUse({ name, places: { database } }: Operation): HoldfastError {
  return new HoldfastError({
    code: "DB_IN_USE",
    message: `${database} is open in another process, and holdfast ${name} needs it alone; nothing was changed.`,
    hint: "Close the application, then give the command again.",
    details: { path: database },
  });
}

function locked({ settings, places: { database } }: Operation): HoldfastError {
  return new HoldfastError({
    code: "DB_LOCKED",
    message: `A launch, or another command, has been at work on ${database} for ${settings.lockTimeout / 1000} s; nothing was changed.`,
    hint: "Wait until it has finished, then give the command again.",
    details: { path: database },
  });
}

async function completeSwap(op: Operation): Promise<void> {
  const { places } = op;
  const swap = unfinishedSwap(places);
  if (swap === null) return;
  if (swap.kind === "broken") throw interrupted(op, swap.differences);
  await finishSwap(places, copier(op));
  op.warn(`A replacement of ${places.database} that had been cut off was completed first.`);
}

/** The launch that completed its swap knows nothing of it. */
function forgetDoneRestore(op: Operation): void {
  if (cutOffRestore(op) === null) forgetRestoring(op.places);
}

function interrupted({ places: { database } }: Operation, differences: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: "SWAP_INTERRUPTED",
    message: `A replacement of ${database} was cut off${differences.length === 0 ? "" : `, and its files are no longer those that it names: ${differences.join("; ")}`}. Nothing was changed.`,
    hint:
      differences.length === 0
        ? "Complete it first: holdfast boot"
        : "Put the files back as they were; holdfast status lists them.",
    details: { path: database, differences },
  });
}

/**
 * Runs `task` while no launch replaces the database: beside an application that has it open, or, where nobody has, in
 * an application's place.
 *
 * @param task gets true where nobody else has it
 * @throws DB_LOCKED after `db-lock-timeout`; SWAP_INTERRUPTED
 */
export async function withDatabaseHeld<Result>(
  op: Operation,
  task: (alone: boolean) => Promise<Result>,
): Promise<Result> {
  const { places, engine, settings, signal } = op;
  const lock = openLock(engine.openPlain, places, { dryRun: false, readonly: !isWritable(places.folder) });
  let alone = lock === null;
  try {
    const held = () => {
      alone = lock?.tryExclusive() ?? true;
      if (alone) lock?.toShared();
      return alone || (lock?.tryShared() ?? true);
    };
    if (!held()) {
      op.onEvent({ kind: "wait", message: `a launch, or another command, is at work on ${places.database}` });
      if (!(await poll(held, settings.lockTimeout, signal))) throw locked(op);
    }
    const swap = named(`reading ${places.backups}`, () => unfinishedSwap(places));
    if (swap) throw interrupted(op, swap.kind === "broken" ? swap.differences : []);
    return await task(alone);
  } finally {
    await op.stopChild();
    lock?.release();
  }
}

/**
 * Runs `task` with a connection that reads the live database, as it was last committed.
 *
 * @throws NOT_FOUND when there is none
 */
export async function withLiveDatabase<Result>(
  op: Operation,
  task: (db: Connection) => Promise<Result>,
): Promise<Result> {
  return await withDatabaseHeld(op, async (alone) => await whileOpen(op, alone, task));
}

/**
 * The same where the database is held already. The connection also takes away what another one, the child's for instance,
 * makes beside the file meanwhile.
 */
export async function whileOpen<Result>(
  op: Operation,
  alone: boolean,
  task: (db: Connection) => Promise<Result>,
): Promise<Result> {
  const { database } = op.places;
  if (isAbsent(observeFiles(database))) throw noDatabase(op);
  const reading = named(`opening ${database}`, () => openLive(op, alone));
  try {
    return await task(reading.db);
  } finally {
    // Only the last to close it takes its sidecars away.
    await op.stopChild();
    reading.close();
  }
}

export function noDatabase({ places }: Operation): HoldfastError {
  const { database } = places;
  const moved = readMoved(places);
  if (moved) {
    return new HoldfastError({
      code: "NOT_FOUND",
      message: tellMoved(places, moved),
      hint: remedyForMoved(moved),
      details: { path: database, to: moved.to },
    });
  }
  return new HoldfastError({
    code: "NOT_FOUND",
    message: `There is no database at ${database}, or it has zero bytes.`,
    hint: "See what is left: holdfast list. Bring the newest backup back: holdfast restore latest",
    details: { path: database },
  });
}

/** A log that a kill left is read as it is, and stays for the next launch to look at. */
function openLive({ engine, places: { database } }: Operation, alone: boolean): Reading {
  return alone && canBeHeld(database)
    ? openHeld(engine, database)
    : plainly(engine.openUntrusted(database, "readonly"));
}

/** The same for any other database file, which is left as it was found, with nothing beside it. */
export async function withFile<Result>(
  op: Operation,
  path: string,
  task: (db: Connection) => Promise<Result>,
): Promise<Result> {
  const reading = await openOther(op, path);
  try {
    return await task(reading.db);
  } finally {
    reading.close();
  }
}

async function openOther(op: Operation, path: string): Promise<Reading> {
  const living = livingSidecars(observeFiles(path));
  if (living.includes("-journal")) return await openRolledBack(op, path);
  return named(`opening ${path}`, () =>
    openApart(op.engine, path, {
      journalMode: headerOf(path).journalMode,
      scratch: op.scratchFor(path),
      withLog: living.includes("-wal"),
    }),
  );
}

/** A transaction that a kill left half-way is rolled back in a copy. */
async function openRolledBack(op: Operation, path: string): Promise<Reading> {
  const copy = op.scratchFor(path);
  const clear = () => discard(copy);
  try {
    for (const ending of ["", "-journal"]) await copyFile(op, path + ending, copy + ending);
    const { db, close } = named(`opening a copy of ${path}`, () => openHeld(op.engine, copy));
    return {
      db,
      close() {
        close();
        clear();
      },
    };
  } catch (error) {
    clear();
    throw error;
  }
}

/** The first look at the database by a connection that may write: SQLite opens lazily. */
export function firstRead<T>({ places }: Operation, look: () => T): T {
  return opening(places.database, temporaryIn(places.folder, places, "look"), look);
}
