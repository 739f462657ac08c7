/**
 * What a write-ahead log holds: https://sqlite.org/fileformat2.html#the_write_ahead_log. Frames count as far as their
 * salts and checksums hold, and of those only up to the last that commits a transaction.
 */

import { add, agrees, type Sum } from "../../database/log-damage.ts";
import { misfitOfLog } from "../../database/log-fit.ts";
import { headerOf } from "../../database/read-raw.ts";
import { fs } from "../../platform/builtins.ts";

const { closeSync, openSync, readSync, statSync } = fs;

const WAL_HEADER = 32;
const FRAME_HEADER = 24;

export interface Log {
  readonly path: string;
  readonly pageSize: number;
  /** Where the newest content of each page stands in the log. */
  readonly at: ReadonlyMap<number, number>;
  /** How many pages the database has after the last commit. */
  readonly pages: number;
}

/** Null where there is no log, or none with a commit; a text says why one that is there is not read. */
export function readLog(database: string): Log | string | null {
  const path = `${database}-wal`;
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size <= WAL_HEADER) return null;
  const main = headerOf(database);
  const misfit = main.isSqlite ? misfitOfLog(main, path) : null;
  return misfit ?? scan(path);
}

function scan(path: string): Log | string | null {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(WAL_HEADER);
    readSync(fd, head, 0, WAL_HEADER, 0);
    const magic = head.readUInt32BE(0);
    const pageSize = head.readUInt32BE(8);
    const bigEndian = (magic & 1) === 1;
    let sum: Sum = add([0, 0], head, 0, 24, bigEndian);
    const valid = (magic & 0xfffffffe) === 0x377f0682 && agrees(sum, head, 24);
    if (!valid || !isPageSize(pageSize)) return "its head is damaged";
    const at = new Map<number, number>();
    let pending = new Map<number, number>();
    let pages = 0;
    const frame = Buffer.alloc(FRAME_HEADER + pageSize);
    for (let offset = WAL_HEADER; readSync(fd, frame, 0, frame.length, offset) === frame.length; ) {
      if (!frame.subarray(8, 16).equals(head.subarray(16, 24))) break;
      sum = add(add(sum, frame, 0, 8, bigEndian), frame, FRAME_HEADER, frame.length, bigEndian);
      if (!agrees(sum, frame, 16)) break;
      pending.set(frame.readUInt32BE(0), offset + FRAME_HEADER);
      const committed = frame.readUInt32BE(4);
      if (committed !== 0) {
        for (const [page, place] of pending) at.set(page, place);
        pending = new Map();
        pages = committed;
      }
      offset += frame.length;
    }
    return pages === 0 ? null : { path, pageSize, at, pages };
  } finally {
    closeSync(fd);
  }
}

export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65536 && (size & (size - 1)) === 0;
}
