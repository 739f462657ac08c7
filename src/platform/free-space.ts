import { HoldfastError } from "../errors.ts";
import { fs } from "./builtins.ts";

const { statfsSync } = fs;

/** What a copy needs beside itself: its journal, the index, the checksum. */
const MARGIN = 1 << 20;

/** @throws DISK_FULL before anything is written, rather than half-way */
export function requireSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const needed = bytes + MARGIN;
  if (free >= needed) return;
  throw new HoldfastError({
    code: "DISK_FULL",
    message: `${folder} has ${mebibytes(free)} MiB free, and a copy of the database needs ${mebibytes(needed)} MiB.`,
    hint: "Free some space on that disk, or set db-backup-dir to a folder on another one, then start again.",
    details: { folder, free, needed },
  });
}

function mebibytes(bytes: number): string {
  return (bytes / (1 << 20)).toFixed(1);
}
