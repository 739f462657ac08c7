/**
 * The files of the folders that `db-extra` names, found and copied in the child process. They are the application's, which
 * may be at work on them: what cannot be copied as it is is left out, and said.
 */
import { dirname, join } from "node:path";
import { HoldfastError, messageOf } from "../errors.ts";
import { createPrivateFolder, discardFile, identityOf, sameIdentity } from "../platform/atomic-file.ts";
import { createSha256, fs } from "../platform/builtins.ts";

const {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  writeSync,
} = fs;

export interface FoundFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
}

export interface LeftOut {
  readonly path: string;
  readonly why: string;
}

/** All regular files below `folder`, in the order of their names; links are not followed. */
export function findFiles({ folder }: { readonly folder: string }): { files: FoundFile[]; leftOut: LeftOut[] } {
  const files: FoundFile[] = [];
  const leftOut: LeftOut[] = [];
  const visit = (path: string) => {
    for (const name of namesIn(join(folder, path), (why) => leftOut.push({ path: path === "" ? "." : path, why }))) {
      const below = path === "" ? name : `${path}/${name}`;
      const found = lstatSync(join(folder, below), { throwIfNoEntry: false });
      if (found?.isDirectory()) visit(below);
      else if (found?.isFile() && !name.includes("\\")) files.push({ path: below, size: found.size });
      else leftOut.push({ path: below, why: whyLeftOut(name, found) });
    }
  };
  visit("");
  return { files, leftOut };
}

function namesIn(folder: string, onFailure: (why: string) => void): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    onFailure(`it cannot be listed (${messageOf(error)})`);
    return [];
  }
}

function whyLeftOut(name: string, found: ReturnType<typeof lstatSync>): string {
  if (found?.isSymbolicLink()) return "it is a link";
  if (found?.isFile()) return "its name has a backslash, which other systems take for a folder's end";
  if (found) return "it is no regular file";
  return name.includes("\u{FFFD}") ? "its name is no valid text" : "it was removed meanwhile";
}

export interface CopiedFile {
  /** In bytes. */
  readonly size: number;
  readonly sha256: string;
  /** It went on changing: the copy may have one part as it was, and another as it is. */
  readonly changed: boolean;
}

const ATTEMPTS = 3;

/** A flushed copy, mode 0600, of what stands still; of what does not, after a few times, as it was read. */
export function copyFile(from: string, to: string): CopiedFile | LeftOut {
  createPrivateFolder(dirname(to));
  for (let attempt = 1; ; attempt++) {
    try {
      const copied = copyOnce(from, to);
      if (!copied.changed || attempt === ATTEMPTS) return copied;
      discardFile(to);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      discardFile(to);
      return { path: from, why: error.message };
    }
  }
}

/** A fault of the file that is read, and not of the medium that is written. */
class Unreadable extends Error {}

function reading<T>(task: () => T): T {
  try {
    return task();
  } catch (error) {
    throw error instanceof HoldfastError ? error : new Unreadable(`it cannot be read (${messageOf(error)})`);
  }
}

const CHUNK = 1 << 20;
/** Windows has neither flag. */
const { O_NONBLOCK = 0, O_NOFOLLOW = 0, O_RDONLY } = constants ?? {};

function copyOnce(from: string, to: string): CopiedFile {
  const source = reading(() => openSync(from, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  try {
    const before = reading(() => fstatSync(source, { bigint: true }));
    if (!before.isFile()) throw new Unreadable("it is no regular file");
    const { size, sha256 } = copyBytes(source, to);
    const after = reading(() => lstatSync(from, { bigint: true, throwIfNoEntry: false }));
    const still = after !== undefined && sameIdentity(identityOf(before), identityOf(after));
    return { size, sha256, changed: !still || BigInt(size) !== before.size };
  } finally {
    closeSync(source);
  }
}

function copyBytes(source: number, to: string): { size: number; sha256: string } {
  const target = openSync(to, "wx", 0o600);
  try {
    if (process.platform !== "win32") fchmodSync(target, 0o600);
    const hash = createSha256();
    const chunk = Buffer.allocUnsafe(CHUNK);
    let size = 0;
    const next = () => reading(() => readSync(source, chunk, 0, CHUNK, null));
    for (let length = next(); length > 0; length = next()) {
      hash.update(chunk.subarray(0, length));
      for (let written = 0; written < length; ) written += writeSync(target, chunk, written, length - written);
      size += length;
    }
    fsyncSync(target);
    return { size, sha256: hash.digest("hex") };
  } finally {
    closeSync(target);
  }
}
