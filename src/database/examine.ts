/**
 * Looking at the live database without changing it, in a child process. Closing a read-write connection would
 * checkpoint a log for good, and opening one beside a hot journal rolls it back; so nothing is opened for
 * writing here, and what a journal would do is tried on a copy.
 */
import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, isCorruption, toHoldfastError } from "../errors.ts";
import { sameIdentity } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import { checkFully, type Tools } from "./check.ts";
import { type DatabaseFiles, livingSidecars, observeFiles, presentSidecars } from "./files.ts";
import { type Inspection, type InspectOptions, inspect } from "./integrity.ts";
import { unreadCommits } from "./log-damage.ts";
import { misfitOfJournal, misfitOfLength, misfitOfLog } from "./log-fit.ts";
import { discard } from "./look.ts";
import { headerOf } from "./read-raw.ts";
import { copyWithJournal, rollBack } from "./roll-back.ts";

const { statSync } = fs;

export interface ExamineOrder extends Omit<InspectOptions, "scope"> {
  readonly path: string;
  readonly scope: "whole" | "alone";
  /** Another process has it open: then only its own locks and shared memory tell what may be read. */
  readonly beside: boolean;
  /** How long to wait for another program to stop writing, in milliseconds. Default 0. */
  readonly patience?: number;
}

type OnProgress = ((progress: Progress) => void) | undefined;

export async function examine(tools: Tools, order: ExamineOrder, onProgress?: OnProgress): Promise<Inspection> {
  const { path, patience = 0 } = order;
  const deadline = performance.now() + patience;
  for (let attempt = 1; ; attempt++) {
    const before = observeFiles(path);
    const scope = scopeOf(order, before);
    if (scope === "whole") return await examineWhole(tools, order, onProgress);
    // Reads without locks are right only when nobody wrote meanwhile.
    const seen = await tryTo(() => examineApart(tools, { ...order, scope }, before, onProgress));
    const after = observeFiles(path);
    if (isSame(before, after)) {
      if ("error" in seen) throw seen.error;
      return seen.result;
    }
    if (attempt >= ATTEMPTS && performance.now() >= deadline) throw written(path);
    await pause(PAUSE_MS);
  }
}

const ATTEMPTS = 3;
const PAUSE_MS = 20;

/** `whole`: by SQLite's own locks, as any reader. */
function scopeOf({ path, scope, beside }: ExamineOrder, files: DatabaseFiles): InspectOptions["scope"] {
  if (scope === "alone") return "alone";
  const living = livingSidecars(files);
  // Whoever reads a database in WAL mode has its sidecars open: where there are none, nobody is beside us.
  const mayBeWritten = beside && presentSidecars(files).length > 0;
  if (mayBeWritten) return "whole";
  if (living.includes("-wal")) return "logged";
  return living.length === 0 && headerOf(path).journalMode === "wal" ? "alone" : "whole";
}

async function examineApart(
  tools: Tools,
  order: InspectOptions & { readonly path: string },
  files: DatabaseFiles,
  onProgress: OnProgress,
): Promise<Inspection> {
  const { path, scope } = order;
  if (!livingSidecars(files).includes("-wal")) return await look(tools, path, order, onProgress);
  const header = headerOf(path);
  const ofLog =
    scope === "alone"
      ? { misfit: misfitOfLog(header, `${path}-wal`) }
      : { unreadCommits: unreadCommits(`${path}-wal`, header.pageSize) };
  return { ...(await look(tools, path, order, onProgress)), ...ofLog };
}

async function examineWhole(tools: Tools, order: ExamineOrder, onProgress: OnProgress): Promise<Inspection> {
  const mayBeWritten = order.beside && presentSidecars(observeFiles(order.path)).length > 0;
  // The head of a file that was torn in the middle of a transaction stands in its journal.
  const torn = livingSidecars(observeFiles(order.path)).includes("-journal") && !headerOf(order.path).isSqlite;
  if (torn && !mayBeWritten && !tools.engine.custom) return await examineRolledBack(tools, order, onProgress);
  try {
    return await look(tools, order.path, order, onProgress);
  } catch (error) {
    // SQLite judges whether a journal is hot, and says so when it may not roll it back.
    const hot = error instanceof HoldfastError && error.details.cause === "SQLITE_READONLY_ROLLBACK";
    if (!hot || mayBeWritten) throw error;
    return await examineRolledBack(tools, order, onProgress);
  }
}

async function tryTo<T>(task: () => Promise<T>): Promise<{ result: T } | { error: unknown }> {
  try {
    return { result: await task() };
  } catch (error) {
    return { error };
  }
}

function isSame(before: DatabaseFiles, after: DatabaseFiles): boolean {
  return sameIdentity(before.main, after.main) && sameIdentity(before.sidecars["-wal"], after.sidecars["-wal"]);
}

function written(path: string): HoldfastError {
  return new HoldfastError({
    code: "DB_IN_USE",
    message: `${path} was written by another program while it was examined.`,
    hint: "Close the other program that has the database open, then start again.",
    details: { path },
  });
}

async function look(
  tools: Tools,
  path: string,
  { check, ...options }: InspectOptions,
  onProgress: OnProgress,
): Promise<Inspection> {
  if (check === "full") return await checkFully(tools, path, { ...options, onProgress });
  return inspect(tools.engine, path, { ...options, check });
}

/** The database as it will be once SQLite has rolled its journal back: tried on a copy. */
async function examineRolledBack(tools: Tools, order: ExamineOrder, onProgress: OnProgress): Promise<Inspection> {
  const { path, scratch, check } = order;
  const tooLong = misfitOfLength(statSync(path).size, `${path}-journal`);
  if (tooLong !== null) {
    const problems = [`${path}-journal is not its own, or damaged: ${tooLong}`];
    return { verdict: { kind: "corrupt", problems }, self: null, journalMode: "delete" };
  }
  const copy = `${scratch}-copy`;
  try {
    copyWithJournal(path, copy);
    const before = headerOf(copy);
    try {
      rollBack(tools.engine, copy);
    } catch (error) {
      // The look says it again.
      if (!isCorruption(error)) throw toHoldfastError(error, `rolling back a copy of ${copy}`) ?? error;
    }
    const misfit = misfitOfJournal(before, headerOf(copy));
    return { ...(await look(tools, copy, { check, scope: "alone", scratch }, onProgress)), misfit };
  } finally {
    discard(copy);
  }
}
