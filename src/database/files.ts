/**
 * A database and its sidecars as one: they are looked at, moved and removed together or not at all.
 * Nothing here opens the main file; `stat` is the only call that is safe in a process that has it open.
 */
import { HoldfastError, named } from "../errors.ts";
import { type FileIdentity, identify, identityOf } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";

const { closeSync, lstatSync, openSync, readSync, statSync } = fs;

/** https://sqlite.org/tempfiles.html; `-shm` holds nothing of its own, the other two hold content. */
export const SIDECARS = ["-wal", "-journal", "-shm"] as const;
export type Sidecar = (typeof SIDECARS)[number];

export interface DatabaseFiles {
  readonly path: string;
  /** Null when there is no such file. */
  readonly main: FileIdentity | null;
  /** Those that exist. */
  readonly sidecars: Readonly<Partial<Record<Sidecar, FileIdentity>>>;
  /**
   * The journal's head was never written, or was wiped at the end of its transaction: it rolls nothing back, and SQLite
   * passes it over (https://sqlite.org/fileformat2.html#the_rollback_journal).
   */
  readonly coldJournal?: boolean;
}

export function observeFiles(path: string): DatabaseFiles {
  return named(`looking at ${path}`, () => {
    const sidecars: Partial<Record<Sidecar, FileIdentity>> = {};
    for (const ending of SIDECARS) {
      const found = identifySidecar(path + ending);
      if (found) sidecars[ending] = found;
    }
    const cold = sidecars["-journal"] !== undefined && startsWithZero(`${path}-journal`);
    return { path, main: identifyRegular(path), sidecars, ...(cold ? { coldJournal: true } : {}) };
  });
}

/** Opening a FIFO waits for ever, and a link leads to another's file: SQLite makes neither. */
function identifySidecar(path: string): FileIdentity | null {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (!found) return null;
  if (found.isFile()) return identityOf(found);
  throw new HoldfastError({
    code: "IO_FAILED",
    message: `${path} is ${found.isSymbolicLink() ? "a symbolic link" : found.isDirectory() ? "a folder" : "not a regular file"}, which SQLite has not made; nothing was opened.`,
    hint: `Find out who put it there, then move it away: mv "${path}" "${path}.other"`,
    details: { path },
  });
}

/** Nobody locks a journal: closing a descriptor of it drops no lock. */
function startsWithZero(journal: string): boolean {
  try {
    const fd = openSync(journal, "r");
    try {
      const byte = Buffer.alloc(1);
      return readSync(fd, byte, 0, 1, 0) === 1 && byte[0] === 0;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}

function identifyRegular(path: string): FileIdentity | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile()) {
    throw new HoldfastError({
      code: "IO_FAILED",
      message: `${path} is ${found.isDirectory() ? "a folder" : "not a regular file"}, not a database file.`,
      hint: "Set db-path to the database file itself.",
      details: { path },
    });
  }
  return found ? identify(path) : null;
}

/** Missing and zero bytes are the same to an application: there is nothing in it. */
export function isAbsent(files: DatabaseFiles): boolean {
  return files.main === null || files.main.size === "0";
}

/** Sidecars with content of their own: what SQLite would read together with the main file. */
export function livingSidecars(files: DatabaseFiles): readonly Sidecar[] {
  return (["-wal", "-journal"] as const).filter((ending) => {
    const sidecar = files.sidecars[ending];
    if (ending === "-journal" && files.coldJournal) return false;
    return sidecar !== undefined && sidecar.size !== "0";
  });
}

/** Whether anything at all stands in the place of a sidecar. */
export function hasSidecars(path: string): boolean {
  return SIDECARS.some((ending) => lstatSync(path + ending, { throwIfNoEntry: false }) !== undefined);
}

export function presentSidecars(files: DatabaseFiles): readonly Sidecar[] {
  return SIDECARS.filter((ending) => files.sidecars[ending] !== undefined);
}
