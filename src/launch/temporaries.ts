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

function temporariesOf(places: Places): readonly string[] {
  return [places.folder, places.backups].flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((file) => isTemporaryOf(places, file))
        .map((file) => join(folder, file));
    } catch {
      return [];
    }
  });
}
