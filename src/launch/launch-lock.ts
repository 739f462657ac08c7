import type { Connection } from "../database/open.ts";
import { named } from "../errors.ts";
import type { Places } from "../places.ts";
import { createPrivateFolder } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { FileLock } from "../platform/lock.ts";

const { existsSync } = fs;

/** @returns null where no lock file can or need be made */
export function openLock(
  open: (path: string, options: { timeout: number; readonly?: boolean }) => Connection,
  places: Places,
  mode: { dryRun: boolean; readonly: boolean },
): FileLock | null {
  if (mode.readonly) {
    if (!existsSync(places.lock)) return null;
    return new FileLock((path, options) => open(path, { ...options, readonly: true }), places.lock);
  }
  if (mode.dryRun && !existsSync(places.folder)) return null;
  if (!existsSync(places.lock)) named(`making the folder ${places.folder}`, () => createPrivateFolder(places.folder));
  return new FileLock(open, places.lock, places.database);
}
