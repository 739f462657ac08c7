/**
 * What a quiet launch has to know of the settings: where the database is, and whether anything was changed since the
 * last time. That takes no parser and no schema, and whatever is not plain to see is left to settings-source.ts.
 */
import { dirname, resolve } from "node:path";
import { readWithStat } from "./platform/small-file.ts";

/** The settings as code passes them; each is documented in the README. Durations read `"10s"`, `"7d"`. */
export interface SettingsInput {
  readonly path: string;
  readonly migrations?: string | false;
  readonly appVersion?: string;
  readonly backupRetention?: number;
  readonly backupDir?: string;
  readonly backupMode?: "background" | "blocking";
  readonly backupMinInterval?: string;
  readonly integrityCheck?: "auto" | "full";
  readonly integrityInterval?: string;
  readonly scrubInterval?: string;
  readonly onCorruption?: "heal" | "restore" | "refuse";
  readonly onMissing?: "restore" | "create" | "refuse";
  readonly onDowngrade?: "restore" | "refuse";
  readonly quarantineRetention?: number;
  readonly lockTimeout?: string;
  readonly extra?: readonly string[];
}

export interface Glance {
  readonly path: string;
  readonly backupDir: string | undefined;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** The same as at the last time when nothing was changed: what `stat` said of the file, or all of the object. */
  readonly proof: string;
}

/** @returns null where it takes a closer look */
export function glanceAt(settings: string | SettingsInput): Glance | null {
  try {
    const glance = typeof settings === "string" ? glanceAtFile(resolve(settings)) : glanceAtObject(settings);
    return glance && [glance.path, glance.backupDir].some((path) => path?.includes("\0")) ? null : glance;
  } catch {
    return null;
  }
}

/** Should a line of another value look like one of these, the seal it leads to knows nothing of this file. */
function glanceAtFile(file: string): Glance | null {
  const { text, proof } = readSettingsFile(file);
  const path = quotedValue(DB_PATH.exec(text));
  if (path === undefined) return null;
  return {
    path,
    // Most files have none, and the first use of an expression takes its time.
    backupDir: text.includes("db-backup-dir") ? quotedValue(DB_BACKUP_DIR.exec(text)) : undefined,
    folder: dirname(file),
    proof,
  };
}

const DB_PATH = /^[ \t]*db-path[ \t]*=[ \t]*(?:("(?:[^"\\\n]|\\.)*")|'([^'\n]*)')/m;
const DB_BACKUP_DIR = /^[ \t]*db-backup-dir[ \t]*=[ \t]*(?:("(?:[^"\\\n]|\\.)*")|'([^'\n]*)')/m;

function quotedValue(line: RegExpExecArray | null): string | undefined {
  if (!line) return undefined;
  const [, basic, literal] = line;
  return basic === undefined ? literal : (JSON.parse(basic) as string);
}

/** No settings file of a person has a tenth of this; parsing a huge one would only cost time and memory. */
const SIZE_LIMIT = 1 << 20;

export function readSettingsFile(file: string): { readonly text: string; readonly proof: string } {
  const { text, found } = readWithStat(file, { limit: SIZE_LIMIT, followLinks: true });
  return { text, proof: `${file} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}` };
}

function glanceAtObject(settings: SettingsInput): Glance | null {
  const { path, backupDir } = settings;
  if (typeof path !== "string" || !(backupDir === undefined || typeof backupDir === "string")) return null;
  return { path, backupDir, folder: process.cwd(), proof: canonicalText(settings) };
}

/** All values in one line; their order does not matter. */
export function canonicalText(values: object): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return JSON.stringify(given.map(([name, value]) => [name, show(value)]).sort());
}

/** A value as a message shows it. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? String(each) : each)) ?? String(value);
}
