/**
 * Reading a database without leaving anything behind.
 *
 * Even a read-only connection makes `-wal` and `-shm` beside a database in WAL mode and cannot remove them, and
 * reads whatever sidecars stand there. So a main file is looked at under a second name, a hard link that has no
 * sidecars of its own; where links do not exist, as a copy; on a read-only medium, in memory.
 */
import { dirname } from "node:path";
import { HoldfastError, named } from "../errors.ts";
import { copyDurably, discardFile, isWritable, READ_ONLY } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { requireSharedMemory, requireSpace } from "../platform/free-space.ts";
import { hasSidecars, livingSidecars, observeFiles, SIDECARS } from "./files.ts";
import { type Connection, distrust, type Engine } from "./open.ts";

const { linkSync, readFileSync, statSync } = fs;

export interface LookOptions {
  readonly journalMode: "wal" | "delete";
  /** A free name in the same folder. */
  readonly scratch: string;
  /**
   * SQLite forgets CHECK constraints when it reads a schema for a read-only connection. To judge them as well,
   * the second name is opened for writing, with writing turned off.
   */
  readonly withConstraints?: boolean;
  /** The log is read with the main file, under a second name of its own. */
  readonly withLog?: boolean;
}

/** A connection, and what it takes to leave nothing behind. */
export interface Reading {
  readonly db: Connection;
  close(): void;
}

/**
 * Runs `look` on the main file, and its log where asked, apart from whatever else stands beside it. The files must
 * stand still meanwhile.
 */
export function lookApart<T>(engine: Engine, path: string, options: LookOptions, look: (db: Connection) => T): T {
  return during(openApart(engine, path, options), look);
}

/** The same for a look that takes longer than a call. */
export function openApart(engine: Engine, path: string, options: LookOptions): Reading {
  const { journalMode, scratch, withConstraints = false, withLog = false } = options;
  if (journalMode === "delete" && !withConstraints && !withLog && !hasSidecars(path)) {
    return plainly(engine.openUntrusted(path, "readonly"));
  }
  try {
    const apart = giveSecondName(path, scratch) && (!withLog || giveSecondName(`${path}-wal`, `${scratch}-wal`));
    if (!apart) {
      discard(scratch);
      return plainly(withLog ? engine.openUntrusted(path, "readonly") : distrust(openInMemory(engine, path)));
    }
    if (journalMode === "wal") requireSharedMemory(scratch);
    const db = engine.openUntrusted(scratch, withConstraints ? "readwrite" : "readonly");
    const close = () => {
      db.close();
      discard(scratch);
    };
    try {
      if (withConstraints) db.pragma("query_only = ON");
    } catch (error) {
      close();
      throw error;
    }
    return { db, close };
  } catch (error) {
    discard(scratch);
    throw error;
  }
}

/** Runs `look` on a database with its sidecars, as any reader would see it. */
export function lookWhole<T>(
  engine: Engine,
  path: string,
  look: (db: Connection) => T,
  options: { timeout?: number } = {},
): T {
  return during(plainly(engine.openUntrusted(path, "readonly", options)), look);
}

/** Whether {@link openHeld} may be used: no log is to be looked at first, and what it makes can be taken away again. */
export function canBeHeld(path: string): boolean {
  return livingSidecars(observeFiles(path)).length === 0 && isWritable(path) && isWritable(dirname(path));
}

/**
 * A database that nobody else has open, under the launch lock held alone or shared: a connection that may write takes
 * away again what it makes beside the file, and a second name would break the seal.
 */
export function openHeld(engine: Engine, path: string): Reading {
  const db = engine.openUntrusted(path, "readwrite");
  try {
    db.pragma("query_only = ON");
  } catch (error) {
    db.close();
    throw error;
  }
  return plainly(db);
}

export function plainly(db: Connection): Reading {
  return { db, close: () => void db.close() };
}

function during<T>({ db, close }: Reading, look: (db: Connection) => T): T {
  try {
    return look(db);
  } finally {
    close();
  }
}

/** @returns false where nothing can be written */
function giveSecondName(path: string, scratch: string): boolean {
  try {
    linkSync(path, scratch);
    return true;
  } catch {
    // No links here, or none to another user's file: https://docs.kernel.org/admin-guide/sysctl/fs.html#protected-hardlinks
  }
  try {
    named(`copying ${path} to look at it`, () => {
      requireSpace(dirname(scratch), statSync(path).size);
      copyDurably(path, scratch);
    });
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && READ_ONLY.has(String(error.details.cause))) return false;
    throw error;
  }
}

/** Removes a temporary database with whatever SQLite left beside it. */
export function discard(temporary: string): void {
  for (const ending of ["", ...SIDECARS]) discardFile(temporary + ending);
}

/** What a buffer may hold, and what an application may be expected to have to spare. */
const MEMORY_LIMIT = 1 << 30;

/**
 * A database in WAL mode on a medium that cannot be written: SQLite would need to make its sidecars there
 * (https://sqlite.org/wal.html#read_only_databases). It is read into memory, with the mode in its header changed.
 */
export function openInMemory(engine: Engine, path: string): Connection {
  return named(`reading ${path}`, () => {
    const { size } = statSync(path);
    if (size > MEMORY_LIMIT) {
      throw new HoldfastError({
        code: "DB_READ_ONLY",
        message: `${path} is in WAL mode on a read-only medium, and too large (${size} bytes) to be read into memory.`,
        hint: 'Copy it to a medium that can be written, or set "PRAGMA journal_mode=DELETE" before it is put on this one.',
        details: { path, size },
      });
    }
    const bytes = readFileSync(path);
    bytes.fill(1, 18, 20);
    return engine.openBytes(bytes);
  });
}
