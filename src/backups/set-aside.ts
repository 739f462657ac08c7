/**
 * Giving a database or its sidecars a name in the backup folder that nothing else has. What is set aside
 * there is never overwritten; only superfluous quarantined files are ever removed.
 */
import { lstatSync, statSync } from "node:fs";
import { join } from "node:path";
import { SIDECARS } from "../database/files.ts";
import { sha256Of } from "../database/read-raw.ts";
import { numberedNames, type Places } from "../places.ts";
import { removeDurably } from "../platform/atomic-file.ts";
import type { SetAside } from "./survey.ts";

/** The first of `name`, `name-2`, … for which neither the database's name nor a sidecar's is taken. */
export function freeName(folder: string, name: string): string {
  for (const file of numberedNames(name)) {
    const path = join(folder, file);
    if (["", ...SIDECARS, ".sha256"].every((ending) => !isTaken(path + ending))) return path;
  }
  throw new Error("unreachable: there is no last number");
}

/** A dangling link takes a name too. */
function isTaken(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Removes quarantined files beyond `limit`, the oldest first, and all but the newest of those with identical
 * bytes. Sidecars that were set aside alone are counted for themselves.
 *
 * @returns the names removed, each with the reason
 */
export function trimQuarantine(
  places: Places,
  setAside: readonly SetAside[],
  limit: number,
): readonly { file: string; reason: string }[] {
  const quarantined = setAside
    .filter((each) => each.kind === "quarantined")
    .sort((a, b) => b.file.localeCompare(a.file));
  const removed: { file: string; reason: string }[] = [];
  const seen = new Map<string, string>();
  const counts = { database: 0, sidecars: 0 };
  for (const each of quarantined) {
    const kind = each.files.includes(each.file) ? "database" : "sidecars";
    const bytes = bytesOf(places, each, quarantined);
    const twin = bytes === null ? undefined : seen.get(bytes);
    if (bytes !== null && twin === undefined) seen.set(bytes, each.file);
    if (twin === undefined && ++counts[kind] <= limit) continue;
    for (const file of each.files) removeDurably(join(places.backups, file));
    removed.push({
      file: each.file,
      reason:
        twin === undefined ? `beyond the ${limit} that db-quarantine-retention keeps` : `the same bytes as ${twin}`,
    });
  }
  return removed;
}

/** A mark of the content, read only when another quarantined set has the very same sizes. */
function bytesOf(places: Places, each: SetAside, all: readonly SetAside[]): string | null {
  const sizes = (set: SetAside) =>
    set.files.map((file) => suffix(set, file) + sizeOf(join(places.backups, file))).join();
  if (!all.some((other) => other !== each && sizes(other) === sizes(each))) return null;
  return each.files.map((file) => `${suffix(each, file)}:${sha256Of(join(places.backups, file))}`).join();
}

function suffix(set: SetAside, file: string): string {
  return file.slice(set.file.length);
}

function sizeOf(path: string): number {
  return statSync(path).size;
}
