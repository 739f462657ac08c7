/**
 * Files that are whole or absent. A new file is created exclusively under a temporary name in the folder
 * where it will live, written, flushed, renamed, and the folder flushed, so that no kill or power loss
 * leaves half a file under a name that counts.
 *
 * A failed fsync is never retried: the kernel has marked the pages clean by then, and a second call would
 * report a success that never happened (https://wiki.postgresql.org/wiki/Fsync_Errors). The file is thrown away.
 */
import type { BigIntStats } from "node:fs";
import { dirname } from "node:path";
import { hasCode } from "../errors.ts";
import { fs } from "./builtins.ts";
import { retryBusy } from "./retry-busy.ts";

const {
  accessSync,
  chmodSync,
  closeSync,
  copyFileSync,
  fchmodSync,
  constants,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} = fs;

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** Makes a rename, link or unlink in `folder` durable. Windows has no such call; NTFS journals it. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes the content of `file` durable. Opened for writing, which Windows demands of a flush. */
export function syncFile(file: string): void {
  const fd = openSync(file, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** An empty file of our own, mode 0600 whatever the umask; throws EEXIST when the name is taken. */
export function createPrivateFile(file: string): void {
  const fd = openSync(file, "wx", PRIVATE_FILE);
  try {
    if (process.platform !== "win32") fchmodSync(fd, PRIVATE_FILE);
  } finally {
    closeSync(fd);
  }
}

/** The folder and its parents; those that had to be made are mode 0700 whatever the umask, and durable. */
export function createPrivateFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(folder);
  // One by one: in a folder that the umask has closed to its owner, none could be made.
  if (parent !== folder) createPrivateFolder(parent);
  try {
    mkdirSync(folder, PRIVATE_FOLDER);
  } catch (error) {
    if (hasCode(error) && error.code === "EEXIST" && statSync(folder).isDirectory()) return;
    throw error;
  }
  chmodSync(folder, PRIVATE_FOLDER);
  syncFolder(parent);
}

/** Writes `text` so that `file` holds either what it held before or all of the new text. */
export function writeAtomically(file: string, text: string, temporary: string): void {
  try {
    const fd = openSync(temporary, "wx", PRIVATE_FILE);
    try {
      if (process.platform !== "win32") fchmodSync(fd, PRIVATE_FILE);
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    replaceFile(temporary, file);
  } catch (error) {
    discardFile(temporary);
    throw error;
  }
}

/** Removes a temporary. One that stays is cleared by a later launch, and hides no error that came before. */
export function discardFile(temporary: string): void {
  try {
    unlinkSync(temporary);
  } catch {
    // Gone already, most often.
  }
}

/** The same for a folder with all that is in it. */
export function discardFolder(temporary: string): void {
  try {
    rmSync(temporary, { recursive: true, force: true });
  } catch {
    // A full disk can refuse even that.
  }
}

/** Renames a flushed file over `to`, durably. */
export function replaceFile(from: string, to: string): void {
  retryBusy(() => renameSync(from, to));
  syncFolder(dirname(to));
}

/** Removes a file, durably; one that is gone already is no error, so that every step can be done twice. */
export function removeDurably(file: string): void {
  try {
    retryBusy(() => unlinkSync(file));
  } catch (error) {
    if (!hasCode(error) || error.code !== "ENOENT") throw error;
  }
  syncFolder(dirname(file));
}

/**
 * Gives `from` a second name, without ever overwriting: throws EEXIST when `to` is taken by another file.
 * Where links do not exist (exFAT, some network shares) or the folder lies on another file system, the
 * bytes are copied by `copy` and flushed.
 */
export async function secondName(
  from: string,
  to: string,
  copy: (from: string, to: string) => Promise<void>,
): Promise<void> {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!hasCode(error) || !NO_LINKS.has(error.code)) throw error;
    await copy(from, to);
  }
}

const NO_LINKS = new Set(["EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL"]);

/** A durable copy under a new name, as a reflink where the file system has them. */
export function copyDurably(from: string, to: string): void {
  try {
    // The system's copy has the mode of its source from the beginning.
    if (process.platform === "win32" || (statSync(from).mode & 0o077) === 0) {
      copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      if (process.platform !== "win32") chmodSync(to, PRIVATE_FILE);
    } else {
      copyPrivately(from, to);
    }
    syncFile(to);
  } catch (error) {
    if (!hasCode(error) || error.code !== "EEXIST") discardFile(to);
    throw error;
  }
}

/** A copy that nobody else may read at any moment. */
function copyPrivately(from: string, to: string): void {
  createPrivateFile(to);
  const source = openSync(from, constants.O_RDONLY);
  try {
    const target = openSync(to, "r+");
    try {
      const chunk = Buffer.allocUnsafe(COPIED_AT_ONCE);
      for (let length = readSync(source, chunk); length > 0; length = readSync(source, chunk)) {
        for (let written = 0; written < length; ) written += writeSync(target, chunk, written, length - written);
      }
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

const COPIED_AT_ONCE = 1 << 20;

/** For what was set aside; not for another's file under a second name. */
export function makePrivate(file: string): void {
  if (process.platform === "win32") return;
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found?.isFile() && found.nlink === 1) chmodSync(file, PRIVATE_FILE);
}

export function isReadable(path: string): boolean {
  return allows(path, constants.R_OK);
}

export function isWritable(path: string): boolean {
  return allows(path, constants.W_OK);
}

function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** What the system says where nothing may be written, rather than that writing failed. */
export const READ_ONLY: ReadonlySet<string> = new Set(["EROFS", "EACCES", "EPERM"]);

/**
 * Whether a file may be made there. `access` does not tell it: where the kernel itself has made a medium read-only, it
 * goes on to say that a folder may be written to (as `emergency_ro` of ext4 in Linux 6.18).
 *
 * @param free a name that is not taken
 */
export function mayMakeFile(free: string): boolean {
  try {
    closeSync(openSync(free, "wx", PRIVATE_FILE));
    discardFile(free);
    return true;
  } catch (error) {
    return !(hasCode(error) && READ_ONLY.has(error.code));
  }
}

/** What tells one file from another, and one content from a later one, by `stat` alone. Strings, for TOML. */
export interface FileIdentity {
  readonly ino: string;
  readonly size: string;
  readonly mtime: string;
}

export function identify(file: string): FileIdentity | null {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false });
  return found ? identityOf(found) : null;
}

export function identityOf({ ino, size, mtimeNs }: Pick<BigIntStats, "ino" | "size" | "mtimeNs">): FileIdentity {
  return { ino: String(ino), size: String(size), mtime: String(mtimeNs) };
}

export function sameIdentity(a: FileIdentity | null | undefined, b: FileIdentity | null | undefined): boolean {
  return a?.ino === b?.ino && a?.size === b?.size && a?.mtime === b?.mtime;
}
