/**
 * What is left where a database was moved from: without it, an application whose settings still name the old place would
 * begin anew with an empty database.
 */
import { parse, stringify } from "smol-toml";
import * as v from "valibot";
import { named } from "../errors.ts";
import { type Places, temporaryIn } from "../places.ts";
import { removeDurably, writeAtomically } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { readSmallFile } from "../platform/small-file.ts";

const { existsSync } = fs;

/** Two paths and a time. */
const SIZE_LIMIT = 64 << 10;

const schema = v.object({ database: v.string(), to: v.string(), at: v.date() });

export interface Moved {
  /** The database's new path. */
  readonly to: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The record itself. */
  readonly file: string;
}

/** Null where there is no record, or none of this database. */
export function readMoved({ moved: file, database }: Places): Moved | null {
  try {
    const record = v.parse(schema, parse(readSmallFile(file, { limit: SIZE_LIMIT })));
    return record.database === database ? { to: record.to, at: record.at.toISOString(), file } : null;
  } catch {
    return null;
  }
}

export function tellMoved({ database }: Pick<Places, "database">, { to, at }: Moved): string {
  return `${database} is not there any more: it was moved to ${to} at ${at}.`;
}

export function remedyForMoved({ to }: Moved): string {
  return `Set db-path = ${JSON.stringify(to)} in the settings.`;
}

export function noteMoved(places: Places, to: string, at: Date): void {
  const head = "# The database that stood here was moved, and a launch that still looks for it says so.\n";
  const text = head + stringify({ database: places.database, to, at });
  named(`writing ${places.moved}`, () =>
    writeAtomically(places.moved, text, temporaryIn(places.folder, places, "moved")),
  );
}

/** A move that was cut off before the database went, or one that was put back: it is here. */
export function forgetMoved({ moved }: Places): void {
  if (existsSync(moved)) named(`removing ${moved}`, () => removeDurably(moved));
}
