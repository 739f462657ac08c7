/**
 * The record of a restore that replaces folders as well. Several renames and the swap of the database are not one step: after
 * a kill in between, new folders stand beside the old database, and this says so, and where the old ones are.
 */
import { basename, dirname, join } from "node:path";
import { parse, stringify } from "smol-toml";
import * as v from "valibot";
import { isPlainName } from "../backups/index-file.ts";
import { named } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import { identify, removeDurably, writeAtomically } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { readSmallFile } from "../platform/small-file.ts";
import { realExtras } from "./db-extra.ts";
import type { Operation } from "./operation.ts";

const { existsSync, lstatSync, rmSync } = fs;

/** A line or two for each folder. */
const SIZE_LIMIT = 1 << 20;

/** Beside the folder that it is to become. */
export function stagedFor(folder: string, mark: string): string {
  return join(dirname(folder), `.${basename(folder)}-restore-${mark}.tmp`);
}

const plainName = v.pipe(v.string(), v.check(isPlainName));

/** It may come from anybody, so no path of it is believed: folders are those of the settings, by their names. */
export interface RestoreRecord {
  /** As it can be named again. */
  readonly source: string;
  readonly at: Date;
  /** The inode of the copy that is to become the database, which it keeps; absent while it is made. */
  readonly database?: string | undefined;
  readonly folders: readonly {
    /** As in `db-extra`. */
    readonly name: string;
    /** Of the copy that is to take its place. */
    readonly mark: string;
    /** What the old folder becomes, beside it; absent where there was none. */
    readonly aside?: string | undefined;
  }[];
}

const schema: v.GenericSchema<unknown, RestoreRecord> = v.object({
  source: v.string(),
  at: v.date(),
  database: v.optional(v.string()),
  folders: v.array(
    v.object({
      name: v.string(),
      mark: v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/)),
      aside: v.optional(plainName),
    }),
  ),
});

export function readRestoring({ restoring: file }: Places): RestoreRecord | null {
  try {
    return v.parse(schema, parse(readSmallFile(file, { limit: SIZE_LIMIT })));
  } catch {
    return null;
  }
}

export function noteRestoring(places: Places, record: RestoreRecord): void {
  const head = "# A restore that has not come to its end: holdfast doctor says what is left to do.\n";
  const temporary = temporaryIn(places.backups, places, "restore");
  named(`writing ${places.restoring}`, () => writeAtomically(places.restoring, head + stringify(record), temporary));
}

export function forgetRestoring({ restoring }: Places): void {
  if (existsSync(restoring)) named(`removing ${restoring}`, () => removeDurably(restoring));
}

export interface CutOffFolder {
  readonly path: string;
  /** `missing`: its old content is at `aside`, and nothing has its place. */
  readonly state: "as before" | "replaced" | "missing";
  /** Where its old content is kept; null where there was none. */
  readonly aside: string | null;
}

export interface CutOffRestore {
  /** As it can be named again. */
  readonly source: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly folders: readonly CutOffFolder[];
  /** Copies that have taken no place. */
  readonly left: readonly string[];
}

/** Null where no restore was cut off, or where all of it was done. */
export function cutOffRestore(op: Operation): CutOffRestore | null {
  const { places } = op;
  const record = readRestoring(places);
  if (record === null) return null;
  const extras = realExtras(op);
  const folders = record.folders.flatMap((each) => {
    const path = extras.find(({ name }) => name === each.name)?.path;
    return path === undefined ? [] : { path, staged: stagedFor(path, each.mark), aside: asideOf(path, each.aside) };
  });
  const seen = folders.map(({ path, staged, aside }) => ({ path, aside, state: stateOf(path, staged, aside) }));
  const left = folders.map(({ staged }) => staged).filter(isThere);
  const replaced = record.database !== undefined && identify(places.database)?.ino === record.database;
  const untouched = left.length === 0 && seen.every(({ state }) => state === "as before");
  if (untouched || (replaced && seen.every(({ state }) => state === "replaced"))) return null;
  return { source: record.source, at: record.at.toISOString(), folders: seen, left };
}

function asideOf(path: string, name: string | undefined): string | null {
  return name === undefined ? null : join(dirname(path), name);
}

function stateOf(path: string, staged: string, aside: string | null): CutOffFolder["state"] {
  if (aside === null) return isThere(path) && !isThere(staged) ? "replaced" : "as before";
  if (!isThere(aside)) return "as before";
  return isThere(path) ? "replaced" : "missing";
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Copies of a restore that was cut off are of no use to the next one, which makes its own. */
export function clearCutOffRestore(op: Operation): void {
  for (const path of cutOffRestore(op)?.left ?? []) {
    named(`removing ${path}`, () => rmSync(path, { recursive: true, force: true }));
  }
}

/** What a person is told. */
export function tellCutOffRestore({ source, at, folders, left }: CutOffRestore): { message: string; remedy: string } {
  const told = folders.map(({ path, state, aside }) => {
    if (state === "as before") return `${path} is as it was`;
    if (state === "missing") return `${path} is not there, and what was in it is in ${aside}`;
    return `${path} has the files of the backup${aside === null ? "" : `, and what was in it before is in ${aside}`}`;
  });
  const copies = left.length === 0 ? "" : ` Copies that took no place: ${left.join(", ")}.`;
  return {
    message: `A restore of ${source}, begun at ${at}, was cut off before it was done, so that folders and database may not belong together: ${told.join("; ")}.${copies}`,
    remedy: `holdfast restore "${source}"`,
  };
}
