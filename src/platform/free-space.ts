import { dirname } from "node:path";
import { HoldfastError } from "../errors.ts";
import { fs } from "./builtins.ts";

const { statSync, statfsSync } = fs;

/** What a copy needs beside itself: its journal, the index, the checksum. */
export const COPY_MARGIN: number = 1 << 20;

const ELSEWHERE = "or set db-backup-dir to a folder on another one, then start again.";

/**
 * @param elsewhere how the hint goes on after "Free some space on that disk, "
 * @throws DISK_FULL before anything is written, rather than half-way
 */
export function requireSpace(folder: string, bytes: number, elsewhere: string = ELSEWHERE): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const needed = bytes + COPY_MARGIN;
  if (free >= needed) return;
  throw new HoldfastError({
    code: "DISK_FULL",
    message: `${folder} has ${mebibytes(free)} MiB free, and a copy of the database needs ${mebibytes(needed)} MiB.`,
    hint: `Free some space on that disk, ${elsewhere}`,
    details: { folder, free, needed },
  });
}

/** The first piece of `-shm`: https://sqlite.org/walformat.html#the_wal_index_file_format */
const SHARED_MEMORY = 32 << 10;
/** What SQLite makes sure of: one byte in each piece of this size is written before it is mapped. */
const PAGE = 4096;

/**
 * SQLite maps `-shm` into memory. Where the blocks of the file system are smaller than a page, as ext4 has them on small
 * disks, the rest of the page has no block yet, and on a full disk the first touch ends the process with SIGBUS.
 *
 * @throws DISK_FULL before that
 */
export function requireSharedMemory(database: string): void {
  const folder = dirname(database);
  const { bavail, bsize } = spaceIn(folder);
  if (bsize >= PAGE || bavail * bsize >= SHARED_MEMORY) return;
  if ((statSync(`${database}-shm`, { throwIfNoEntry: false })?.size ?? 0) >= SHARED_MEMORY) return;
  throw new HoldfastError({
    code: "DISK_FULL",
    message: `${folder} has ${bavail * bsize} bytes free, and ${database} needs ${SHARED_MEMORY} for its -shm to be opened.`,
    hint: "Free some space on that disk, then start again; nothing has to be repaired.",
    details: { folder, free: bavail * bsize, needed: SHARED_MEMORY },
  });
}

/** Where the system cannot tell, nothing is in the way of opening. */
function spaceIn(folder: string): { bavail: number; bsize: number } {
  try {
    return statfsSync(folder);
  } catch {
    return { bavail: 0, bsize: PAGE };
  }
}

function mebibytes(bytes: number): string {
  return (bytes / (1 << 20)).toFixed(1);
}
