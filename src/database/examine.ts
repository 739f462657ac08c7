/**
 * Looking at the live database without changing it, in a child process. Closing a read-write connection would
 * checkpoint a log for good, and opening one beside a hot journal rolls it back; so nothing is opened for
 * writing here, and what a journal would do is tried on a copy.
 */
import { dirname } from "node:path";
import { HoldfastError, isCorruption, named, toHoldfastError } from "../errors.ts";
import { copyDurably, sameIdentity } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import type { Progress } from "../platform/child.ts";
import { requireSpace } from "../platform/free-space.ts";
import { checkFully, type Tools } from "./check.ts";
import { livingSidecars, observeFiles, presentSidecars } from "./files.ts";
import { type Inspection, type InspectOptions, inspect } from "./integrity.ts";
import { misfitOfJournal, misfitOfLog } from "./log-fit.ts";
import { discard } from "./look.ts";
import type { Engine } from "./open.ts";
import { headerOf } from "./read-raw.ts";

const { statSync } = fs;

export interface ExamineOrder extends Omit<InspectOptions, "scope"> {
  readonly path: string;
  readonly scope: "whole" | "alone";
  /** Another process has it open: then only its own locks and shared memory tell what may be read. */
  readonly beside: boolean;
}

export async function examine(
  tools: Tools,
  order: ExamineOrder,
  onProgress?: (progress: Progress) => void,
): Promise<Inspection> {
  const { path, scope, beside } = order;
  const files = observeFiles(path);
  const living = livingSidecars(files);
  // Whoever reads a database in WAL mode has its sidecars open: where there are none, nobody is beside us.
  const mayBeWritten = beside && presentSidecars(files).length > 0;
  if (scope === "alone") {
    const misfit = living.includes("-wal") ? misfitOfLog(headerOf(path), `${path}-wal`) : null;
    return { ...(await whileStill(path, () => look(tools, path, order, onProgress))), misfit };
  }
  if (!mayBeWritten && living.length === 0 && headerOf(path).journalMode === "wal") {
    return await whileStill(path, () => look(tools, path, { ...order, scope: "alone" }, onProgress));
  }
  if (!mayBeWritten && living.includes("-wal"))
    return await whileStill(path, () => look(tools, path, { ...order, scope: "logged" }, onProgress));
  try {
    return await look(tools, path, order, onProgress);
  } catch (error) {
    // SQLite judges whether a journal is hot, and says so when it may not roll it back.
    const hot = error instanceof HoldfastError && error.details.cause === "SQLITE_READONLY_ROLLBACK";
    if (!hot || mayBeWritten) throw error;
    return await examineRolledBack(tools, order, onProgress);
  }
}

async function look(
  tools: Tools,
  path: string,
  { check, ...options }: InspectOptions,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<Inspection> {
  if (check === "full") return await checkFully(tools, path, { ...options, onProgress });
  return inspect(tools.engine, path, { ...options, check });
}

const ATTEMPTS = 3;

/** Reads without locks are right only when nobody wrote meanwhile. */
async function whileStill(path: string, seeOnce: () => Promise<Inspection>): Promise<Inspection> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = observeFiles(path);
    const seen = await seeOnce();
    const after = observeFiles(path);
    if (sameIdentity(before.main, after.main) && sameIdentity(before.sidecars["-wal"], after.sidecars["-wal"]))
      return seen;
  }
  throw new HoldfastError({
    code: "DB_IN_USE",
    message: `${path} was written by another program while it was examined.`,
    hint: "Close the other program that has the database open, then start again.",
    details: { path },
  });
}

/** The database as it will be once SQLite has rolled its journal back: tried on a copy. */
async function examineRolledBack(
  tools: Tools,
  order: ExamineOrder,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<Inspection> {
  const { path, scratch, check } = order;
  const copy = `${scratch}-copy`;
  try {
    named(`copying ${path} to look at it`, () => {
      requireSpace(dirname(scratch), statSync(path).size);
      copyDurably(path, copy);
      copyDurably(`${path}-journal`, `${copy}-journal`);
    });
    const before = headerOf(copy);
    rollBack(tools.engine, copy);
    const misfit = misfitOfJournal(before, headerOf(copy));
    return { ...(await look(tools, copy, { check, scope: "alone", scratch }, onProgress)), misfit };
  } finally {
    discard(copy);
  }
}

/** SQLite rolls a hot journal back when the database is first read: https://sqlite.org/atomiccommit.html#_rollback */
function rollBack(engine: Engine, copy: string): void {
  try {
    const db = engine.open(copy, "readwrite");
    try {
      db.prepare("SELECT count(*) FROM sqlite_schema").get();
    } finally {
      db.close();
    }
  } catch (error) {
    if (!isCorruption(error)) throw toHoldfastError(error, `rolling back a copy of ${copy}`) ?? error;
  }
}
