/**
 * Giving a database or its sidecars a name in the backup folder that nothing else has. What is set aside
 * there is never overwritten; only superfluous quarantined files are ever removed.
 */
import { basename, join } from "node:path";
import { SIDECARS } from "../database/files.ts";
import { sha256Of } from "../database/read-raw.ts";
import { HEALED_FROM, numberedNames, type Places, quarantineName } from "../places.ts";
import { makePrivate, removeDurably, replaceFile } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { checksumFileOf } from "./checksum-file.ts";
import type { SetAside } from "./survey.ts";

const { lstatSync, statSync } = fs;

/** The first of `name`, `name-2`, … for which neither the database's name nor a sidecar's is taken. */
export function freeName(folder: string, name: string): string {
  for (const file of numberedNames(name)) {
    const path = join(folder, file);
    if (["", ...SIDECARS, HEALED_FROM, ".sha256"].every((ending) => !isTaken(path + ending))) return path;
  }
  throw new Error("unreachable: there is no last number");
}

/** A dangling link takes a name too. */
function isTaken(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * A backup whose bytes or pages failed is kept, under a name that no restore looks at.
 *
 * @returns the warning that says so
 */
export function setBackupAside(places: Places, file: string, why: string, now: string): string {
  const path = join(places.backups, file);
  const aside = freeName(places.backups, quarantineName(places.stem, now));
  replaceFile(path, aside);
  makePrivate(aside);
  removeDurably(checksumFileOf(path));
  return `The backup ${file} was set aside as ${basename(aside)}: ${why}.`;
}

export interface Quarantined {
  readonly set: SetAside;
  readonly keep: boolean;
  readonly reason: string;
}

/**
 * Which quarantined files stay: the newest `limit`, and of those with identical bytes the newest only. Sidecars that were
 * set aside alone are counted for themselves. Reads only.
 */
export function judgeQuarantine(places: Places, setAside: readonly SetAside[], limit: number): readonly Quarantined[] {
  const quarantined = setAside.filter((each) => each.kind === "quarantined").sort((a, b) => byAge(b.file, a.file));
  const sizes = new Map(quarantined.map((each) => [each, sizesOf(places, each)]));
  const seen = new Map<string, string>();
  const counts = { database: 0, sidecars: 0 };
  return quarantined.map((set) => {
    const kind = set.files.includes(set.file) ? "database" : "sidecars";
    // Bytes are read only where another quarantined set has the very same sizes.
    const alike = [...sizes].some(([other, size]) => other !== set && size === sizes.get(set));
    const bytes = alike ? bytesOf(places, set) : null;
    const twin = bytes === null ? undefined : seen.get(bytes);
    if (twin !== undefined) return { set, keep: false, reason: `the same bytes as ${twin}` };
    if (bytes !== null) seen.set(bytes, set.file);
    const keep = ++counts[kind] <= limit;
    const reason = keep
      ? `among the ${limit} newest that db-quarantine-retention keeps`
      : `beyond the ${limit} that db-quarantine-retention keeps`;
    return { set, keep, reason };
  });
}

export function removeQuarantined(places: Places, judged: readonly Quarantined[]): void {
  for (const { set } of judged.filter(({ keep }) => !keep)) {
    for (const file of set.files) removeDurably(join(places.backups, file));
  }
}

/** Below zero when `a` is the older name: by its time, then by the number that a second one of the second got. */
function byAge(a: string, b: string): number {
  const parts = (file: string) => /-(\d{8}T\d{6}Z)-corrupt(?:-(\d+))?/.exec(file) ?? [];
  const [, timeA = "", numberA = "1"] = parts(a);
  const [, timeB = "", numberB = "1"] = parts(b);
  return timeA.localeCompare(timeB) || Number(numberA) - Number(numberB);
}

function sizesOf(places: Places, set: SetAside): string {
  return set.files.map((file) => `${suffix(set, file)}:${statSync(join(places.backups, file)).size}`).join();
}

function bytesOf(places: Places, set: SetAside): string {
  return set.files.map((file) => `${suffix(set, file)}:${sha256Of(join(places.backups, file))}`).join();
}

function suffix(set: SetAside, file: string): string {
  return file.slice(set.file.length);
}
