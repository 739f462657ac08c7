/**
 * Whether a write-ahead log or a rollback journal can belong to the database it stands beside. Neither names its
 * database, and SQLite replays whatever it finds; but the numbers in them must agree with the main file's header.
 * A log of a twin, with the same page size, page count and change counter, cannot be told from its own.
 *
 * https://sqlite.org/fileformat2.html#the_write_ahead_log, #the_database_header
 */
import { named } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import type { Header } from "./read-raw.ts";

const { closeSync, fstatSync, openSync, readSync } = fs;

const WAL_HEADER = 32;
const FRAME_HEADER = 24;

/** Why the log cannot be this database's, in words; null when it can. */
export function misfitOfLog(main: Header, wal: string): string | null {
  return named(`reading ${wal}`, () => {
    const fd = openSync(wal, "r");
    try {
      return compareLog(main, (offset, length) => {
        const bytes = Buffer.alloc(length);
        return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
      });
    } finally {
      closeSync(fd);
    }
  });
}

function compareLog(main: Header, read: (offset: number, length: number) => Buffer): string | null {
  const head = read(0, WAL_HEADER);
  if (head.length < WAL_HEADER || (head.readUInt32BE(0) & 0xfffffffe) !== 0x377f0682) return null;
  const pageSize = head.readUInt32BE(8);
  if (pageSize !== main.pageSize) return `its pages have ${pageSize} bytes, the database's ${main.pageSize}`;
  const salts = head.subarray(16, 24);
  const counters: number[] = [];
  let pages: number | null = null;
  for (let offset = WAL_HEADER; ; offset += FRAME_HEADER + pageSize) {
    const frame = read(offset, FRAME_HEADER);
    if (frame.length < FRAME_HEADER || !frame.subarray(8, 16).equals(salts)) break;
    if (frame.readUInt32BE(0) === 1) {
      const first = read(offset + FRAME_HEADER, 32);
      if (first.length < 32) break;
      counters.push(first.readUInt32BE(24));
      pages = first.readUInt32BE(28);
    }
    // A commit frame says how many pages the database has then, and page 1 is written whenever that changes.
    const committed = frame.readUInt32BE(4);
    const expected = pages ?? (counters.length === 0 ? main.pages : null);
    if (
      committed !== 0 &&
      expected !== null &&
      committed !== expected &&
      !laterPageOne(offset, pageSize, salts, read)
    ) {
      return `it speaks of a database of ${committed} pages, and this one has ${expected}`;
    }
  }
  if (counters.length === 0) return null;
  const lowest = Math.min(...counters) - 1;
  const highest = Math.max(...counters);
  if (main.changeCounter >= lowest && main.changeCounter <= highest) return null;
  if ([lowest, highest].some((counter) => isOneBitOff(main.changeCounter, counter))) return null;
  return `it follows change ${lowest} of a database, and this one is at change ${main.changeCounter}`;
}

/** A checkpoint that was cut off may have brought a later page 1 into the main file already. */
function laterPageOne(
  from: number,
  pageSize: number,
  salts: Buffer,
  read: (offset: number, length: number) => Buffer,
): boolean {
  for (let offset = from + FRAME_HEADER + pageSize; ; offset += FRAME_HEADER + pageSize) {
    const frame = read(offset, FRAME_HEADER);
    if (frame.length < FRAME_HEADER || !frame.subarray(8, 16).equals(salts)) return false;
    if (frame.readUInt32BE(0) === 1) return true;
  }
}

/** https://sqlite.org/fileformat2.html#the_rollback_journal */
const JOURNAL_MAGIC = "d9d505f920a163d7";
const JOURNAL_HEADER = 28;
/** The number and the checksum of each page. */
const RECORD_EXTRA = 8;

/**
 * SQLite makes the file as long as the journal says that it was, however long. What a transaction cut off stands in
 * the journal, so that it cannot have been longer than both together.
 *
 * @param size of the main file, in bytes
 */
export function misfitOfLength(size: number, journal: string): string | null {
  return named(`reading ${journal}`, () => {
    const fd = openSync(journal, "r");
    try {
      const head = Buffer.alloc(JOURNAL_HEADER);
      if (readSync(fd, head, 0, JOURNAL_HEADER, 0) < JOURNAL_HEADER) return null;
      const pageSize = head.readUInt32BE(24);
      if (head.toString("hex", 0, 8) !== JOURNAL_MAGIC || pageSize === 0) return null;
      const pages = head.readUInt32BE(16);
      const most = Math.ceil(size / pageSize) + Math.ceil(fstatSync(fd).size / (pageSize + RECORD_EXTRA));
      if (pages <= most) return null;
      return `it goes back to a database of ${pages} pages, and this one can have had ${most} at most`;
    } finally {
      closeSync(fd);
    }
  });
}

/**
 * A transaction raises the change counter by one, and its journal holds page 1 as it was before: rolled back,
 * the database is at the same change as its main file says, or one before.
 */
export function misfitOfJournal(main: Header, rolledBack: Header): string | null {
  if (!main.isSqlite || !rolledBack.isSqlite) return null;
  const step = main.changeCounter - rolledBack.changeCounter;
  if (step === 0 || step === 1) return null;
  if ([0, 1].some((more) => isOneBitOff(main.changeCounter, rolledBack.changeCounter + more))) return null;
  return `it goes back to change ${rolledBack.changeCounter} of a database, and this one is at change ${main.changeCounter}`;
}

/** Low bits make the difference between twins; a high one alone is more likely to be damage. */
const LOW_BITS = 0x7f;

function isOneBitOff(a: number, b: number): boolean {
  const bits = (a ^ b) >>> 0;
  return bits > LOW_BITS && (bits & (bits - 1)) === 0;
}
