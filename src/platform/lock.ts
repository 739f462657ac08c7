/**
 * A lock that no crash leaves behind: a small SQLite file, whose POSIX or Windows locks the kernel frees with
 * the process. A launch holds it alone, a running application holds it shared.
 *
 * It is polled with a timeout of 0, for a `BEGIN EXCLUSIVE` that waits keeps new shared holders out.
 */
import { setTimeout as pause } from "node:timers/promises";
import type Database from "better-sqlite3";
import { HoldfastError, hasCode, isCorruption, toHoldfastError } from "../errors.ts";
import { createPrivateFile } from "./atomic-file.ts";
import { fs } from "./builtins.ts";

const { chmodSync, lstatSync, statSync } = fs;

const POLL_MS = 20;

/** SQLite writes the first page of an empty database when it is locked alone and let go; the largest has 64 KiB. */
const ONE_PAGE = 64 << 10;

/** An endless SELECT: as long as it is stepped, its connection keeps the SHARED lock. */
const ENDLESS = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                 SELECT i, (SELECT count(*) FROM sqlite_schema) FROM n`;

/** Opens a file with the process's one copy of SQLite. */
export type OpenLockFile = (path: string, options: { timeout: number }) => Database.Database;

export type LockState = "none" | "shared" | "exclusive";

export class FileLock {
  readonly path: string;
  readonly #db: Database.Database;
  #reader: IterableIterator<unknown> | undefined;
  #state: LockState = "none";

  /** @param like the file whose mode a new lock file gets, so that whoever may open the one may open the other */
  constructor(open: OpenLockFile, path: string, like?: string) {
    this.path = path;
    try {
      makeLockFile(path, like);
      this.#db = open(path, { timeout: 0 });
      this.#db.unsafeMode(true);
    } catch (error) {
      throw toHoldfastError(error, `opening the lock ${path}`) ?? error;
    }
  }

  get state(): LockState {
    return this.#state;
  }

  /** True when the lock is now held alone; false when anybody else holds it. */
  tryExclusive(): boolean {
    return this.#attempt("exclusive", () => this.#db.exec("BEGIN EXCLUSIVE"));
  }

  /** True when the lock is now held shared; false when somebody holds it alone. */
  tryShared(): boolean {
    // A transaction that has read something keeps the SHARED lock until it ends.
    return this.#attempt("shared", () => this.#db.exec("BEGIN; PRAGMA schema_version"));
  }

  /**
   * From alone to shared with no gap: a COMMIT while a SELECT of the same connection is being stepped keeps
   * the SHARED lock (https://sqlite.org/lockingv3.html, section 7).
   */
  toShared(): void {
    const reader = this.#db.prepare(ENDLESS).iterate();
    reader.next();
    this.#reader = reader;
    this.#db.exec("COMMIT");
    this.#state = "shared";
  }

  /** Lets go, and keeps the connection for another try. */
  letGo(): void {
    this.#reader?.return?.();
    this.#reader = undefined;
    if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
    this.#state = "none";
  }

  release(): void {
    if (!this.#db.open) return;
    this.letGo();
    this.#db.close();
  }

  #attempt(wanted: LockState, take: () => void): boolean {
    try {
      take();
      this.#state = wanted;
      return true;
    } catch (error) {
      if (this.#state === "none" && this.#db.inTransaction) this.#db.exec("ROLLBACK");
      if (hasCode(error) && /^SQLITE_(BUSY|LOCKED)/.test(error.code)) return false;
      if (isCorruption(error)) throw damaged(this.path, error);
      throw toHoldfastError(error, `locking ${this.path}`) ?? error;
    }
  }
}

function damaged(path: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    {
      code: "IO_FAILED",
      message: `The lock file ${path} is damaged. It holds no data; your database was not touched.`,
      hint: `Make sure that no copy of the application runs, then delete it: rm "${path}"`,
      details: { lock: path },
    },
    { cause },
  );
}

function makeLockFile(path: string, like: string | undefined): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  // SQLite would make a file where a link dangles, and see to the log of a database that has come here.
  if (found && (!found.isFile() || found.size > ONE_PAGE)) throw damaged(path);
  if (found) return;
  const model = like === undefined ? undefined : statSync(like, { throwIfNoEntry: false });
  try {
    createPrivateFile(path);
    if (model?.isFile() && process.platform !== "win32") chmodSync(path, model.mode & 0o666);
  } catch (error) {
    if (!hasCode(error) || error.code !== "EEXIST") throw error;
  }
}

/**
 * Tries `attempt` until it holds or the time is up.
 *
 * @returns whether it held
 */
export async function poll(attempt: () => boolean, patienceMs: number, signal?: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (!attempt()) {
    const left = deadline - performance.now();
    if (left <= 0) return false;
    await pause(Math.min(POLL_MS, left), undefined, signal ? { signal } : {}).catch(() => {});
    signal?.throwIfAborted();
  }
  return true;
}
