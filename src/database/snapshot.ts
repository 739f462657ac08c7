/**
 * A consistent copy of a live database, taken by SQLite's backup API in a child process.
 *
 * In WAL mode one read transaction is held for the whole copy: writers go on beside it, and none of them can
 * make the copy start over. In a rollback-journal mode a held read lock would block the application's
 * commits, so the copy goes in short steps that let go in between; another connection's commit makes SQLite
 * start over (https://sqlite.org/c3ref/backup_finish.html). Where that happens again and again the steps grow, as
 * far as a commit can wait for one, and the number of tries is bounded.
 */
import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError } from "../errors.ts";
import { createPrivateFile, type FileIdentity, sameIdentity } from "../platform/atomic-file.ts";
import { canTellLaterWrites, passTick } from "../platform/clock-tick.ts";
import { isAbsent, livingSidecars, observeFiles } from "./files.ts";
import type { Connection, Engine } from "./open.ts";

export interface CopyOptions {
  /** Nobody else can write: the lock is held alone, and the copy need not let go. */
  readonly exclusive: boolean;
  /** How long to wait for a writer's lock at each try, in milliseconds. Default 250. */
  readonly patience?: number;
  readonly onPages?: (done: number, total: number) => void;
}

export interface Snapshot {
  /** The main file's identity when it alone was the content copied and its clock can tell a later write; else null. */
  readonly source: FileIdentity | null;
}

const PAGES_A_STEP = 2048;
const PAGES_A_SHORT_STEP = 128;
const RESTARTS = 100;
/** For so long a commit waits at most, in milliseconds: less than any application's busy timeout. */
const LONGEST_STEP_MS = 500;
/** A burst of commits leaves the steps short; after 100 restarts they are 2000 times as long. */
const GROWTH = 1.08;
/** A pause after each step that got nowhere; this is a process of its own, which may sleep. */
const STALL_MS = 25;
const idle = new Int32Array(new SharedArrayBuffer(4));
/** How long each try waits for a writer's lock. */
const BUSY_MS = 250;

/** Copies `from`, with its sidecars, to the new file `to`. The copy inherits the journal mode in its header. */
export async function copySnapshot(engine: Engine, from: string, to: string, options: CopyOptions): Promise<Snapshot> {
  createPrivateFile(to);
  // A journal that was left behind is rolled back first, which a connection that only reads may not do.
  const unfinished = options.exclusive && livingSidecars(observeFiles(from)).includes("-journal");
  const db = engine.openUntrusted(from, unfinished ? "readwrite" : "readonly", {
    timeout: options.patience ?? BUSY_MS,
  });
  try {
    await passTick(from);
    const before = observeFiles(from);
    const hold = options.exclusive || db.pragma("journal_mode", { simple: true }) === "wal";
    if (hold) {
      db.exec("BEGIN");
      db.prepare("SELECT count(*) FROM sqlite_schema").get();
    }
    const begun = observeFiles(from);
    const still = sameIdentity(before.main, begun.main) && livingSidecars(begun).length === 0 && !isAbsent(begun);
    await (hold ? copyHeld(db, to, options) : copyInSteps(db, from, to, options));
    // Between short steps the file may have changed, and the copy begun anew.
    const settled = hold || sameIdentity(begun.main, observeFiles(from).main);
    return { source: still && settled && begun.main && canTellLaterWrites(begun.main) ? begun.main : null };
  } finally {
    db.close();
  }
}

async function copyHeld(db: Connection, to: string, options: CopyOptions): Promise<void> {
  await db.backup(to, {
    progress({ totalPages, remainingPages }) {
      options.onPages?.(totalPages - remainingPages, totalPages);
      return PAGES_A_STEP;
    },
  });
}

async function copyInSteps(db: Connection, from: string, to: string, options: CopyOptions): Promise<void> {
  let last = Number.POSITIVE_INFINITY;
  let restarts = 0;
  let pages = PAGES_A_SHORT_STEP;
  for (let attempt = 1; ; attempt++) {
    let begun = performance.now();
    try {
      await db.backup(to, {
        progress({ totalPages, remainingPages }) {
          const held = performance.now() - begun;
          if (remainingPages >= last) {
            restarts++;
            if (held < LONGEST_STEP_MS / 2) pages = Math.ceil(pages * GROWTH);
            Atomics.wait(idle, 0, 0, STALL_MS);
          }
          last = remainingPages;
          if (restarts > RESTARTS) throw starved(from);
          options.onPages?.(totalPages - remainingPages, totalPages);
          begun = performance.now();
          return pages;
        },
      });
      return;
    } catch (error) {
      const busy = /^SQLITE_(BUSY|LOCKED)/.test(String((error as { code?: unknown }).code));
      if (!busy) throw error;
      if (attempt > RESTARTS) throw starved(from);
      await pause(STALL_MS);
    }
  }
}

function starved(from: string): HoldfastError {
  return new HoldfastError({
    code: "BACKUP_FAILED",
    message: `${from} was written so often that no consistent copy could be taken.`,
    hint: "Let the application use WAL mode (PRAGMA journal_mode=WAL), in which a copy never waits for writers.",
    details: { restarts: RESTARTS },
  });
}
