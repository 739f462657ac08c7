/**
 * Looking at the live database without changing it, in a child process. Closing a read-write connection would
 * checkpoint a log for good, and opening one beside a hot journal rolls it back; so nothing is opened for
 * writing here, and what a journal would do is tried on a copy.
 */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { HoldfastError, isCorruption, named, toHoldfastError } from "../errors.ts";
import { copyDurably, sameIdentity } from "../platform/atomic-file.ts";
import { requireSpace } from "../platform/free-space.ts";
import { livingSidecars, observeFiles, presentSidecars } from "./files.ts";
import { type Inspection, type InspectOptions, inspect } from "./integrity.ts";
import { misfitOfJournal, misfitOfLog } from "./log-fit.ts";
import { discard } from "./look.ts";
import type { Engine } from "./open.ts";
import { headerOf } from "./read-raw.ts";

export interface ExamineOrder extends Omit<InspectOptions, "scope"> {
  readonly path: string;
  readonly scope: "whole" | "alone";
  /** Another process has it open: then only its own locks and shared memory tell what may be read. */
  readonly beside: boolean;
}

export function examine(engine: Engine, order: ExamineOrder): Inspection {
  const { path, scope, beside } = order;
  const files = observeFiles(path);
  const living = livingSidecars(files);
  // Whoever reads a database in WAL mode has its sidecars open: where there are none, nobody is beside us.
  const mayBeWritten = beside && presentSidecars(files).length > 0;
  if (scope === "alone") {
    const misfit = living.includes("-wal") ? misfitOfLog(headerOf(path), `${path}-wal`) : null;
    return { ...whileStill(path, () => inspect(engine, path, order)), misfit };
  }
  if (!mayBeWritten && living.length === 0 && headerOf(path).journalMode === "wal") {
    return whileStill(path, () => inspect(engine, path, { ...order, scope: "alone" }));
  }
  if (!mayBeWritten && living.includes("-wal"))
    return whileStill(path, () => inspect(engine, path, { ...order, scope: "logged" }));
  try {
    return inspect(engine, path, order);
  } catch (error) {
    // SQLite judges whether a journal is hot, and says so when it may not roll it back.
    const hot = error instanceof HoldfastError && error.details.cause === "SQLITE_READONLY_ROLLBACK";
    if (!hot || mayBeWritten) throw error;
    return examineRolledBack(engine, order);
  }
}

const ATTEMPTS = 3;

/** Reads without locks are right only when nobody wrote meanwhile. */
function whileStill(path: string, look: () => Inspection): Inspection {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = observeFiles(path);
    const seen = look();
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
function examineRolledBack(engine: Engine, order: ExamineOrder): Inspection {
  const { path, scratch, check } = order;
  const copy = `${scratch}-copy`;
  try {
    named(`copying ${path} to look at it`, () => {
      requireSpace(dirname(scratch), statSync(path).size);
      copyDurably(path, copy);
      copyDurably(`${path}-journal`, `${copy}-journal`);
    });
    const before = headerOf(copy);
    rollBack(engine, copy);
    const misfit = misfitOfJournal(before, headerOf(copy));
    return { ...inspect(engine, copy, { check, scope: "alone", scratch }), misfit };
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
