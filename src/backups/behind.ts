/**
 * Everything that a launch leaves for later, in a child process beside the running application: backups are read
 * again against their checksums, the database is backed up where its content changed, and checked where that is due.
 */
import { availableParallelism, setPriority } from "node:os";
import { checkFully, type Tools } from "../database/check.ts";
import { observeFiles } from "../database/files.ts";
import type { Verdict } from "../database/integrity.ts";
import { discard } from "../database/look.ts";
import { headerOf } from "../database/read-raw.ts";
import { markSuspect } from "../database/seal.ts";
import { copySnapshot } from "../database/snapshot.ts";
import { clipped, HoldfastError, messageOf, type Refusal, toHoldfastError } from "../errors.ts";
import { temporaryIn } from "../places.ts";
import { createPrivateFolder } from "../platform/atomic-file.ts";
import type { Progress } from "../platform/child.ts";
import { requireSpace } from "../platform/free-space.ts";
import { FileLock, poll } from "../platform/lock.ts";
import { byRecency } from "./choose.ts";
import { type BackupRules, backupDue, nextScrub, scrubDue } from "./due.ts";
import type { IndexEntry } from "./index-file.ts";
import { scrub } from "./scrub.ts";
import { type BackupOrder, takeAfter } from "./take.ts";
import { keepIndex, type Retired, type Upkeep } from "./upkeep.ts";

export interface BehindOrder extends Omit<BackupOrder, "reason" | "exclusive" | "retention">, BackupRules {
  /** The database's version as its stamp says. */
  readonly version: string;
  /** `foreign-keys`: all pages were checked before the database opened. */
  readonly check: "full" | "foreign-keys" | "none";
  /** In milliseconds. */
  readonly scrubInterval: number;
}

export interface BehindOutcome {
  readonly result: "taken" | "unchanged" | "skipped" | "failed";
  readonly reason: string;
  /** Why the backup failed. */
  readonly error: Refusal | null;
  /** The backup that now holds the content. */
  readonly entry: IndexEntry | null;
  /** Backups that were read again. */
  readonly scrubbed: readonly string[];
  /** When the next one is due; ISO 8601. */
  readonly scrubDue: string | null;
  readonly retired: readonly Retired[];
  readonly warnings: readonly string[];
  /** `sound`: all pages of the database, as it was meanwhile, are; null: they were not read. */
  readonly checked: "sound" | "damaged" | null;
  /** What is damaged. */
  readonly suspect: string | null;
}

/** The application comes first on every processor. */
const NICENESS = 10;

/** Half of the processors are left to it; with fewer than two at work, a backup by hand would be done sooner. */
const FEWEST_THREADS = 2;

export async function workBehind(
  tools: Tools,
  order: BehindOrder,
  onProgress: (progress: Progress) => void,
): Promise<BehindOutcome> {
  const { workerLock, database } = order.places;
  // Threads that a check in the way of the launch has left have its priority, and new ones inherit this one's.
  await tools.crew.dismiss();
  tools.crew.size = Math.max(FEWEST_THREADS, availableParallelism() >> 1);
  try {
    setPriority(NICENESS);
  } catch {
    // A courtesy, which some sandboxes forbid.
  }
  // Should the application be killed, the next launch waits until this process is gone too.
  const lock = new FileLock(tools.engine.openPlain, workerLock, database);
  try {
    if (!(await poll(() => lock.tryShared(), LOCK_PATIENCE_MS)) || !process.connected) throw locked(workerLock);
    return await work(tools, order, onProgress);
  } finally {
    lock.release();
  }
}

const LOCK_PATIENCE_MS = 5000;

function locked(lock: string): HoldfastError {
  return new HoldfastError({
    code: "DB_LOCKED",
    message: `A launch has held ${lock} for ${LOCK_PATIENCE_MS / 1000} s, so no backup was taken.`,
    hint: "The next launch takes it.",
    details: { lock },
  });
}

async function work(
  tools: Tools,
  order: BehindOrder,
  onProgress: (progress: Progress) => void,
): Promise<BehindOutcome> {
  const { places } = order;
  const orders: BackupOrder = { ...order, reason: "launch", exclusive: false };
  const warnings: string[] = [];
  const retired: Retired[] = [];
  let scrubbed: readonly string[] = [];
  let own: readonly IndexEntry[] = [];
  let done: Pick<BehindOutcome, "result" | "reason" | "error" | "entry">;
  let checked: BehindOutcome["checked"] = null;
  let suspect: string | null = null;
  try {
    createPrivateFolder(places.backups);
    let upkeep: Upkeep = await keepIndex(tools, orders);
    const due = scrubDue(upkeep.own, order.now, order.scrubInterval);
    const read = await scrub(tools.engine.openPlain, places, due, order.now);
    scrubbed = read.scrubbed;
    if (read.warnings.length > 0) upkeep = { ...upkeep, own: upkeep.own.filter((each) => !read.rotten.has(each.file)) };
    warnings.push(...upkeep.warnings, ...read.warnings);
    retired.push(...upkeep.retired);
    own = upkeep.own;
    const wanted = backupDue([...own].sort(byRecency), order.version, order.now, order);
    if (wanted.take) {
      const taken = await takeAfter(tools, orders, { ...upkeep, warnings: [], retired: [] }, onProgress);
      own = [...own.filter((each) => each.file !== taken.entry.file), taken.entry];
      warnings.push(...taken.warnings);
      retired.push(...taken.retired);
      if (taken.checked) checked = "sound";
      done = { result: taken.result, reason: wanted.reason, error: null, entry: taken.entry };
    } else {
      done = { result: "skipped", reason: wanted.reason, error: null, entry: null };
    }
  } catch (error) {
    const failed = toHoldfastError(error, `backing up ${places.database}`);
    if (!failed) throw error;
    if (typeof failed.details.damage === "string") suspect = failed.details.damage;
    done = { result: "failed", reason: failed.message, error: failed.toJSON(), entry: null };
  }
  // Rows without a parent were told when the content was backed up.
  const checkWanted = order.check === "full" || (order.check === "foreign-keys" && done.result !== "unchanged");
  if (checked === null && suspect === null && checkWanted) {
    const verdict = await judgeLive(tools, order, onProgress);
    if (verdict.kind === "sound") warnings.push(...verdict.warnings);
    if (verdict.kind === "impossible") warnings.push(`The database could not be checked: ${verdict.reason}.`);
    if (verdict.kind === "corrupt") suspect = clipped(verdict.problems[0] ?? "it is damaged");
    if (verdict.kind === "sound" && order.check === "full") checked = "sound";
  }
  if (suspect !== null) {
    checked = "damaged";
    warnings.push(...noteSuspicion(order, suspect));
  }
  return {
    ...done,
    scrubbed,
    scrubDue: nextScrub(own, order.scrubInterval),
    retired,
    warnings,
    checked,
    suspect,
  };
}

/** A check that finds no room for its copy, for instance, says nothing of the database, nor of the backup before it. */
async function judgeLive(tools: Tools, order: BehindOrder, onProgress: (progress: Progress) => void): Promise<Verdict> {
  const { database } = order.places;
  try {
    return await checkLive(tools, order, onProgress);
  } catch (error) {
    const failed = toHoldfastError(error, `checking ${database} behind the application`);
    if (!failed) throw error;
    return { kind: "impossible", reason: failed.message.replace(/\.$/, "") };
  }
}

/** Told to the application even where it cannot be recorded: without a seal the next launch has it checked again. */
function noteSuspicion({ places, databaseId }: BehindOrder, suspect: string): string[] {
  try {
    markSuspect(places, databaseId, suspect);
    return [];
  } catch (error) {
    return [`That the check failed could not be noted in ${places.backups}: ${messageOf(error)}`];
  }
}

/**
 * The database as the application has it open. In a rollback-journal mode a reader holds up its commits, so a copy
 * is checked there.
 */
async function checkLive(tools: Tools, order: BehindOrder, onProgress: (progress: Progress) => void): Promise<Verdict> {
  const { places } = order;
  const { database } = places;
  const what = order.check === "foreign-keys" ? ("keys" as const) : ("pages-and-keys" as const);
  const how = { what, scratch: temporaryIn(places.backups, places, "look"), onProgress };
  if (headerOf(database).journalMode === "wal") {
    return (await checkFully(tools, database, { ...how, scope: "whole" })).verdict;
  }
  const copy = temporaryIn(places.backups, places, "backup");
  try {
    requireSpace(places.backups, Number(observeFiles(database).main?.size ?? 0));
    await copySnapshot(tools.engine, database, copy, { exclusive: false });
    return (await checkFully(tools, copy, { ...how, scope: "alone" })).verdict;
  } finally {
    discard(copy);
  }
}
