/** What earlier runs had begun and not finished. */
import { join } from "node:path";
import { hasCode, messageOf } from "../errors.ts";
import { isTemporaryOf, type Places } from "../places.ts";
import { fs } from "../platform/builtins.ts";

const { readdirSync, unlinkSync } = fs;

/**
 * Removes what earlier runs left behind. Only under the lock held alone, with no swap unfinished.
 *
 * @returns a warning for each that could not be removed, which is no reason to keep anybody from their data
 */
export function clearTemporaries(places: Places): string[] {
  return temporariesOf(places).flatMap((file) => {
    try {
      unlinkSync(file);
      return [];
    } catch (error) {
      if (hasCode(error) && error.code === "ENOENT") return [];
      return [`The temporary file ${file} could not be removed: ${messageOf(error)}`];
    }
  });
}

export function temporariesOf(places: Places): readonly string[] {
  return [places.folder, places.backups].flatMap((folder) => {
    try {
      // Holdfast makes regular files only: a link, a folder or a device of such a name is somebody else's.
      return readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isFile() && isTemporaryOf(places, entry.name))
        .map(({ name }) => join(folder, name));
    } catch {
      return [];
    }
  });
}
