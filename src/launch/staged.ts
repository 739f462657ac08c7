/** A database that is being made ready under a temporary name. */

import { discard } from "../database/look.ts";
import { mayBeSwapping } from "../database/swap.ts";
import type { Places } from "../places.ts";
import { fs } from "../platform/builtins.ts";

const { chmodSync, chownSync, statSync } = fs;

/** A swap that was begun needs its staged file: the next launch completes it. */
export function dropStaged(places: Places, staged: string): void {
  if (!mayBeSwapping(places)) discard(staged);
}

/** The restored file gets the owner and mode of the one it replaces, or the mode that its backup remembers. */
export function takeOwner(staged: string, database: string, remembered: number | undefined): void {
  if (process.platform === "win32") return;
  const old = statSync(database, { throwIfNoEntry: false });
  // Anybody may have written into a backup what it remembers: nothing that makes a file more than a file.
  const mode = old ? old.mode & 0o777 : remembered && remembered & 0o666;
  if (mode !== undefined) chmodSync(staged, mode);
  if (old && process.getuid?.() === 0) chownSync(staged, old.uid, old.gid);
}
