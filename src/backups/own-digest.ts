/**
 * What a backup says of its own bytes: the SHA-256 of the file with the digest itself left out, 64 zeros in its place.
 * The index and the checksum file can be lost; this goes wherever the backup goes, and one bit that was turned anywhere
 * in the file breaks it.
 *
 * First a mark, drawn by lot, is written as a row by SQLite, and the copy closed. Then the digest takes its place.
 */
import { sha256Of } from "../database/read-raw.ts";
import { named } from "../errors.ts";
import { createSha256, fs } from "../platform/builtins.ts";

const { closeSync, fstatSync, openSync, readSync, writeSync } = fs;

const LENGTH = 64;
const ZEROS = "0".repeat(LENGTH);
const CHUNK = 1 << 20;

/** Where the mark stands in a page; null where it is not to be seen, as in an encrypted file. */
export function findMark(file: string, mark: string, page: { number: number; size: number }): number | null {
  const fd = openSync(file, "r");
  try {
    const start = (page.number - 1) * page.size;
    const found = read(fd, start, page.size).indexOf(mark);
    return found < 0 ? null : start + found;
  } finally {
    closeSync(fd);
  }
}

export interface DigestOrder {
  readonly path: string;
  /** Where the mark stands; null where there is none. */
  readonly markedAt: number | null;
}

/** The SHA-256 of a file, which has its own digest in it then, if it has a mark. */
export function digestOf({ path, markedAt }: DigestOrder): string {
  return markedAt === null ? sha256Of(path) : sealOwnDigest(path, markedAt);
}

/**
 * Puts the digest in the place of the mark.
 *
 * @returns the SHA-256 of the file as it is then; what stands before the digest is read once for both
 */
function sealOwnDigest(file: string, at: number): string {
  return named(`giving ${file} its digest`, () => {
    const fd = openSync(file, "r+");
    try {
      const masked = createSha256();
      hash(fd, masked, 0, at);
      const whole = masked.copy();
      masked.update(ZEROS);
      hash(fd, masked, at + LENGTH);
      const digest = masked.digest("hex");
      writeSync(fd, digest, at, "latin1");
      hash(fd, whole, at);
      return whole.digest("hex");
    } finally {
      closeSync(fd);
    }
  });
}

/** Whether the file is the one that has this digest in it. */
export function holdsOwnDigest(file: string, digest: string): boolean {
  const fd = openSync(file, "r");
  try {
    const at = find(fd, digest);
    if (at === null || digest.length !== LENGTH) return false;
    const masked = createSha256();
    hash(fd, masked, 0, at);
    masked.update(ZEROS);
    hash(fd, masked, at + LENGTH);
    return masked.digest("hex") === digest;
  } finally {
    closeSync(fd);
  }
}

/** The pages of a file may be anywhere, and its own index to them is not trusted yet. */
function find(fd: number, text: string): number | null {
  const { size } = fstatSync(fd);
  for (let from = 0; from < size; from += CHUNK) {
    const found = read(fd, from, CHUNK + LENGTH).indexOf(text);
    if (found >= 0) return from + found;
  }
  return null;
}

function hash(fd: number, into: ReturnType<typeof createSha256>, from: number, to = Number.POSITIVE_INFINITY): void {
  for (let at = from; at < to; ) {
    const part = read(fd, at, Math.min(CHUNK, to - at));
    if (part.length === 0) return;
    into.update(part);
    at += part.length;
  }
}

function read(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, from));
}
