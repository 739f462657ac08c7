/**
 * The record of a swap under way, which any later launch completes first. It says which files are replaced and
 * where the old ones are kept, so a record that was torn or changed must not be followed: it carries its digest.
 */
import { basename, dirname, join } from "node:path";
import { parse, stringify } from "smol-toml";
import * as v from "valibot";
import { hasCode, messageOf } from "../errors.ts";
import { isTemporaryOf, type Places, readName } from "../places.ts";
import type { FileIdentity } from "../platform/atomic-file.ts";
import { fs, sha256 } from "../platform/builtins.ts";
import { readSmallFile } from "../platform/small-file.ts";
import { SIDECARS, type Sidecar } from "./files.ts";

const { readdirSync } = fs;

/** Ten lines of names. */
const SIZE_LIMIT = 256 << 10;

export interface Intent {
  readonly database: string;
  readonly staged: string;
  readonly staged_identity: FileIdentity;
  readonly old_identity?: FileIdentity | undefined;
  /** Where the old files get their second names; absent where nothing has to be kept. */
  readonly aside?: string | undefined;
  readonly sidecars: readonly { readonly ending: Sidecar; readonly identity: FileIdentity }[];
}

const identity = v.object({ ino: v.string(), size: v.string(), mtime: v.string() });

const partsSchema = v.object({
  database: v.string(),
  staged: v.string(),
  staged_identity: identity,
  old_identity: v.optional(identity),
  aside: v.optional(v.string()),
  sidecars: v.optional(v.array(v.object({ ending: v.picklist(SIDECARS), identity })), []),
});

const intentSchema = v.object({ digest: v.string(), ...partsSchema.entries });

const HEAD =
  "# A swap of the database that is under way. The next launch completes it: do not edit or delete this file.\n";

export function textOfIntent(intent: Intent): string {
  return HEAD + stringify({ digest: digestOf(intent), ...intent });
}

/** In the order of the schema, whatever order it was written in. */
function digestOf(intent: Intent): string {
  return sha256(JSON.stringify(v.parse(partsSchema, intent)));
}

export type FoundIntent =
  | { readonly file: string; readonly intent: Intent }
  /** It cannot be followed. */
  | { readonly file: string; readonly why: string };

/** Intents carry the stem only; where two databases share a folder and a stem, the one inside tells whose it is. */
export function findIntent(places: Places): FoundIntent | null {
  for (const file of intentFiles(places)) {
    let intent: Intent;
    try {
      const { digest, ...parts } = v.parse(intentSchema, parse(readSmallFile(file, { limit: SIZE_LIMIT })));
      if (digest !== digestOf(parts)) return { file, why: `${file} was changed by another hand` };
      intent = parts;
    } catch (error) {
      if (hasCode(error) && error.code === "ENOENT") continue;
      return { file, why: `${file} cannot be read: ${messageOf(error).split("\n")[0]}` };
    }
    if (intent.database !== places.database) continue;
    const alien = alienName(intent, places);
    return alien === null ? { file, intent } : { file, why: `${file} names ${alien}, which is no file of Holdfast's` };
  }
  return null;
}

/** A staged file takes the database's place: no other file of the folder may be named as one. */
function alienName({ staged, aside }: Intent, places: Places): string | null {
  if (dirname(staged) !== places.folder || !isTemporaryOf(places, basename(staged))) return staged;
  if (aside === undefined) return null;
  const name = readName(places.stem, basename(aside));
  const fits = dirname(aside) === places.backups && name !== null && name.kind !== "backup" && !name.sidecar;
  return fits ? null : aside;
}

function intentFiles(places: Places): string[] {
  const name = basename(places.intent, ".toml");
  try {
    return readdirSync(places.backups)
      .filter((file) => file.startsWith(name) && /^(-\d+)?\.toml$/.test(file.slice(name.length)))
      .map((file) => join(places.backups, file));
  } catch (error) {
    // A folder that cannot be read is reported when its backups are needed; a swap is whole at every step.
    if (hasCode(error) && ["ENOENT", "ENOTDIR", "EACCES"].includes(error.code)) return [];
    throw error;
  }
}

export function freeIntentFile(places: Places): string {
  const taken = new Set(intentFiles(places));
  let file = places.intent;
  for (let n = 2; taken.has(file); n++) file = places.intent.replace(/\.toml$/, `-${n}.toml`);
  return file;
}
