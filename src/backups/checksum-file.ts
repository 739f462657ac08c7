/**
 * The checksum beside a backup, in the form that `sha256sum -c` reads. Two files cannot be replaced in one
 * step, so while a backup is replaced the checksum file names both: at every instant the backup matches one.
 */
import { basename, dirname } from "node:path";
import { type Places, temporaryIn } from "../places.ts";
import { writeAtomically } from "../platform/atomic-file.ts";
import { readSmallFile } from "../platform/small-file.ts";

/** Two lines, of which each names one file. */
const SIZE_LIMIT = 4096;

export function checksumFileOf(backup: string): string {
  return `${backup}.sha256`;
}

/** The checksums that `backup` may have; none when there is no checksum file, or not one of these. */
export function readChecksums(backup: string): string[] {
  try {
    const text = readSmallFile(checksumFileOf(backup), { limit: SIZE_LIMIT });
    return [...text.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)]
      .filter((line) => line[2] === basename(backup))
      .map((line) => String(line[1]));
  } catch {
    return [];
  }
}

export function writeChecksums(backup: string, checksums: readonly string[], places: Places): void {
  const lines = checksums.map((checksum) => `${checksum}  ${basename(backup)}\n`);
  writeAtomically(checksumFileOf(backup), lines.join(""), temporaryIn(dirname(backup), places, "checksum"));
}
