/**
 * The one thing a quiet launch does that plain opening does not have to: it makes a rename durable. A flush of the
 * folder costs what the file system and the disk want for it, whoever asks.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Milliseconds for the flush alone, after a rename in the folder. NaN on Windows, which has no such call. */
export function timeFlush(folder: string): number {
  if (process.platform === "win32") return Number.NaN;
  const from = join(folder, ".flush-from");
  const to = join(folder, ".flush-to");
  writeFileSync(from, "");
  const file = openSync(from, "r+");
  fsyncSync(file);
  closeSync(file);
  renameSync(from, to);
  const begun = performance.now();
  const opened = openSync(folder, "r");
  fsyncSync(opened);
  closeSync(opened);
  const ms = performance.now() - begun;
  rmSync(to);
  return ms;
}
