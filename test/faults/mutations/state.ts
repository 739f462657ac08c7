/** What is on the disk at one moment, as the judge needs it. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Content, contentOf, SIZE_LIMIT } from "./content.ts";

const CONTENT_SIDECARS = ["-wal", "-journal"] as const;

export interface State {
  /** Hash of every file in the folder and its backups, by the path within. */
  readonly files: ReadonlyMap<string, string>;
  /** The database as SQLite sees it; null where it is missing or has zero bytes. */
  readonly whole: Content | null;
  /** The same without its sidecars, where it has any with content. */
  readonly alone: Content | null;
}

export const DATABASE = "library.sqlite";

export function stateOf(folder: string, scratch: string): State {
  const database = join(folder, DATABASE);
  const absent = !existsSync(database) || statSync(database).size === 0;
  const whole = absent ? null : contentOf(database, scratch);
  const hasSidecars = CONTENT_SIDECARS.some((ending) => existsSync(database + ending));
  const alone = absent || !hasSidecars ? whole : contentOf(database, scratch, { alone: true });
  return { files: hashesIn(folder), whole, alone };
}

export function hashesIn(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const sub of ["", "backups"]) {
    const at = join(folder, sub);
    if (!existsSync(at)) continue;
    for (const name of readdirSync(at))
      if (!name.includes("lock.sqlite") && statSync(join(at, name)).isFile())
        found.set(join(sub, name), hashOf(join(at, name)));
  }
  return found;
}

/** A file that has grown beyond measure is not read. */
function hashOf(file: string): string {
  const { size } = statSync(file);
  return size > SIZE_LIMIT ? `${size} bytes` : createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** What holds content of the database: the main file, its log and its journal. */
export function contentFiles(state: State): readonly string[] {
  return ["", ...CONTENT_SIDECARS].map((ending) => DATABASE + ending).filter((file) => state.files.has(file));
}

export function isSound(content: Content | null): content is Content {
  return content !== null && content.unjudged === null && content.damage.length === 0;
}
