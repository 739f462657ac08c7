/**
 * Reading a file that is small by nature, whatever stands in its place: opening a FIFO waits for ever for somebody
 * to write to it, a device has no end, and a huge file only costs time and memory.
 */
import type { BigIntStats } from "node:fs";
import { fs } from "./builtins.ts";

const { closeSync, constants, fstatSync, openSync, readSync } = fs;

/** Windows has neither flag, nor FIFOs in folders. */
const { O_NONBLOCK = 0, O_NOFOLLOW = 0, O_RDONLY } = constants ?? {};

export interface SmallFileOptions {
  /** The most bytes that such a file may have. */
  readonly limit: number;
  /** Whether it may be reached by a symbolic link. Default false. */
  readonly followLinks?: boolean;
}

export interface SmallFile {
  readonly text: string;
  /** Of the very file that was read. */
  readonly found: BigIntStats;
}

/** @throws the system's error where it cannot be opened, and one that says why where it is no small regular file */
export function readSmallFile(file: string, options: SmallFileOptions): string {
  return readWithStat(file, options).text;
}

/** The same, with what `stat` says of it. */
export function readWithStat(file: string, { limit, followLinks = false }: SmallFileOptions): SmallFile {
  const fd = openSync(file, O_RDONLY | O_NONBLOCK | (followLinks ? 0 : O_NOFOLLOW));
  try {
    const found = fstatSync(fd, { bigint: true });
    if (!found.isFile()) throw new Error(`it is ${found.isDirectory() ? "a folder" : "no regular file"}`);
    if (found.size > limit) throw new Error(`it has ${found.size} bytes, where ${limit} are the most`);
    const bytes = Buffer.allocUnsafe(Number(found.size));
    let length = 0;
    while (length < bytes.length) {
      const got = readSync(fd, bytes, length, bytes.length - length, length);
      if (got === 0) break;
      length += got;
    }
    return { text: bytes.toString("utf8", 0, length), found };
  } finally {
    closeSync(fd);
  }
}
