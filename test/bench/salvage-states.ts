/**
 * The database that is damaged, and a sound backup of it from before its last changes. Tables of every kind (see the
 * library that salvage is tested with), with free pages and parts of pages; the same size gives the same bytes.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { Draw } from "../faults/mutations/draw.ts";
import { buildLibrary, changeLibrary } from "../recovery/salvage/library.ts";

export interface States {
  readonly original: string;
  readonly backup: string;
}

/** So many of the largest table make a megabyte, with all that hangs on them. */
const ROWS_A_MEGABYTE = 800;

/** @param megabytes of 1 000 000 bytes each */
export function makeStates(folder: string, megabytes: number): States {
  const build = { rows: ROWS_A_MEGABYTE * megabytes };
  const backup = join(folder, "backup.sqlite");
  const original = join(folder, "original.sqlite");
  buildLibrary(backup, build, new Draw(`${megabytes} megabytes`));
  copyFileSync(backup, original);
  changeLibrary(original, build);
  return { original, backup };
}
