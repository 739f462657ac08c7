/**
 * Reading a database's bytes through the file system. Closing any descriptor of a file drops every POSIX lock
 * that the process holds on it, SQLite's included (https://sqlite.org/howtocorrupt.html, 2.2), so nothing in
 * this file may run in a process that has that database open: it is for child processes, and for copies.
 */
import { named } from "../errors.ts";
import { createSha256, fs } from "../platform/builtins.ts";

const { closeSync, fstatSync, openSync, readSync } = fs;

const CHUNK = 1 << 20;

export interface Header {
  readonly isSqlite: boolean;
  readonly journalMode: "wal" | "delete";
  /** 1 or 2 so far; of a file with a higher one, an SQLite that does not know it only reads. */
  readonly writeVersion: number;
  /** In bytes. */
  readonly pageSize: number;
  /** How many pages the database has. */
  readonly pages: number;
  /** Raised by each transaction in a rollback-journal mode, by those that write page 1 in WAL mode. */
  readonly changeCounter: number;
  /** SQLITE_VERSION_NUMBER of the library that wrote last: 3054001 for 3.54.1. */
  readonly writtenBy: number;
}

/** https://sqlite.org/fileformat2.html#the_database_header */
function readHeader(bytes: Buffer, fileSize: number): Header {
  const isSqlite = bytes.length >= 100 && bytes.toString("latin1", 0, 16) === "SQLite format 3\0";
  if (!isSqlite) {
    const unknown = { pageSize: 0, pages: 0, changeCounter: 0, writtenBy: 0, writeVersion: 0 };
    return { isSqlite, journalMode: "delete", ...unknown };
  }
  const pageSize = bytes.readUInt16BE(16) === 1 ? 65536 : bytes.readUInt16BE(16);
  const changeCounter = bytes.readUInt32BE(24);
  const countHolds = changeCounter === bytes.readUInt32BE(92) && bytes.readUInt32BE(28) > 0;
  return {
    isSqlite,
    journalMode: bytes[18] === 2 ? "wal" : "delete",
    writeVersion: bytes[18] ?? 0,
    pageSize,
    pages: countHolds ? bytes.readUInt32BE(28) : Math.floor(fileSize / Math.max(1, pageSize)),
    changeCounter,
    writtenBy: bytes.readUInt32BE(96),
  };
}

export function headerOf(path: string): Header {
  return named(`reading ${path}`, () => {
    const fd = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(100);
      return readHeader(bytes.subarray(0, readSync(fd, bytes, 0, 100, 0)), fstatSync(fd).size);
    } finally {
      closeSync(fd);
    }
  });
}

/** SHA-256 of the file as it is, in hex: what `sha256sum` prints. */
export function sha256Of(path: string, onBytes?: (done: number) => void): string {
  return digest(path, () => {}, onBytes);
}

/**
 * SHA-256 of what the pages hold, equal for a database and each exact copy of it: without the fields of the
 * header that say how the file was written rather than what is in it. Those are the journal mode (18–19), the
 * change counter (24–27), the schema cookie, which the backup API raises (40–43), and the writer's mark
 * (92–99): https://sqlite.org/fileformat2.html#the_database_header
 */
export function contentDigestOf(path: string, onBytes?: (done: number) => void): string {
  return digest(
    path,
    (first) => {
      for (const [from, to] of [
        [18, 20],
        [24, 28],
        [40, 44],
        [92, 100],
      ] as const) {
        first.fill(0, from, Math.min(to, first.length));
      }
    },
    onBytes,
  );
}

function digest(path: string, prepareFirst: (chunk: Buffer) => void, onBytes?: (done: number) => void): string {
  return named(`reading ${path}`, () => {
    const hash = createSha256();
    const chunk = Buffer.allocUnsafe(CHUNK);
    const fd = openSync(path, "r");
    try {
      for (let done = 0; ; ) {
        const got = readSync(fd, chunk, 0, CHUNK, done);
        if (got === 0) return hash.digest("hex");
        const part = chunk.subarray(0, got);
        if (done === 0) prepareFirst(part);
        hash.update(part);
        done += got;
        onBytes?.(done);
      }
    } finally {
      closeSync(fd);
    }
  });
}
