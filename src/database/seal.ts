/**
 * What is known of the database from the last time, so that a launch need not read what nobody touched.
 *
 * The *seal* is written at a clean close by the last holder: what `stat` said of the file then, and what the launch
 * would find in it. While an application has the database open there is no seal but an *opened* record, which tells
 * a later launch whether the application was cut off in this run of the machine. The one becomes the other by a
 * rename, so that exactly one of them counts at each instant; where a kill left both, the seal is the later one.
 *
 * A quiet launch reads this file before SQLite is loaded: nothing heavy is imported here.
 */
import { basename, relative } from "node:path";
import { type Places, temporaryIn } from "../places.ts";
import {
  type FileIdentity,
  removeDurably,
  sameIdentity,
  syncFile,
  syncFolder,
  writeAtomically,
} from "../platform/atomic-file.ts";
import { currentBoot, isSameBoot } from "../platform/boot.ts";
import { fs } from "../platform/builtins.ts";
import { canTellLaterWrites, passTick } from "../platform/clock-tick.ts";
import { proofOfFolder } from "../platform/folder-proof.ts";
import { isAbsent, livingSidecars, observeFiles } from "./files.ts";

const { existsSync, readFileSync, renameSync, statSync, truncateSync } = fs;

/**
 * What tells an untouched file by `stat` alone. Strings of nanoseconds, since numbers would lose digits. No device
 * number: it may change when the machine is started anew.
 */
export interface FileProof extends FileIdentity {
  /** No program can set it back: a write that restored the mtime shows here. */
  readonly ctime: string;
}

/** While the database is open. */
export interface OpenedRecord {
  readonly databaseId: string;
  /** The run of the machine, see platform/boot.ts. */
  readonly boot: string;
  readonly file: FileProof;
  /** When all pages were last found sound; ISO 8601, UTC. */
  readonly checkedAt: string | null;
  /** A check behind the application failed: what it found. */
  readonly suspect: string | null;
}

/** What a clean close records besides: what the next launch would find, and what it would have to do. */
export interface Seal extends OpenedRecord {
  readonly appVersion: string;
  /** Fingerprint of the layout that the application knows. */
  readonly appLayout: string;
  readonly stampVersion: string;
  /** Fingerprint of the layout in the database. */
  readonly layout: string;
  /** What told the settings at a glance, and all of their values in one line. */
  readonly settings: string;
  readonly settingsText: string;
  /** The settings that matter to a quiet launch, as they are written; null where they are not. */
  readonly settingsVersion: string | null;
  readonly settingsMigrations: string | false | null;
  /** What `stat` said of the folder of migrations; null where they came in code. */
  readonly migrations: string | null;
  /** The settings that matter behind a quiet launch, with their defaults filled in: as long as `settings` are the same. */
  readonly rules: SealedRules;
  /** Whether a backup holds exactly this content. */
  readonly backedUp: boolean;
  /** What `stat` said of the index, the backups and what was set aside. */
  readonly backups: string;
  /** When the next of the backups is to be read again; null: never. */
  readonly scrubDue: string | null;
}

/** Durations in milliseconds. */
export interface SealedRules {
  readonly retention: number;
  readonly quarantineRetention: number;
  readonly minInterval: number;
  readonly integrityInterval: number;
  readonly scrubInterval: number;
  readonly blocking: boolean;
  /** Every launch checks before it opens: then none is quiet. */
  readonly alwaysCheck: boolean;
}

export function proofOf(path: string): FileProof | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!found?.isFile()) return null;
  return {
    ino: String(found.ino),
    size: String(found.size),
    mtime: String(found.mtimeNs),
    ctime: String(found.ctimeNs),
  };
}

/** The index, the backups and what was set aside. */
export function proofOfBackups({ backups, stem, index }: Places): string {
  return proofOfFolder(backups, (file) => file.startsWith(`${stem}-`) || file === basename(index));
}

/** Whether the file is as the seal says, with no sidecar that holds anything. */
export function isUntouched({ database }: Places, file: FileProof): boolean {
  const now = proofOf(database);
  if (!sameIdentity(now, file) || now?.ctime !== file.ctime) return false;
  // Most often there is none at all, and the closer look takes longer.
  const sidecars = existsSync(`${database}-wal`) || existsSync(`${database}-journal`);
  return !sidecars || livingSidecars(observeFiles(database)).length === 0;
}

/** How far the file can be trusted, from what is recorded of the last time. */
export type Trust =
  /** Untouched since a clean close. */
  | { readonly kind: "sealed"; readonly checkedAt: string | null }
  /** The application was cut off in this run of the machine: what it wrote is in the log. */
  | { readonly kind: "interrupted"; readonly checkedAt: string | null }
  | { readonly kind: "unknown" | "suspect"; readonly why: string };

export function trustOf(places: Places): Trust {
  const opened = readOpened(places);
  if (opened?.suspect) return { kind: "suspect", why: opened.suspect };
  const seal = readSeal(places);
  if (seal) {
    if (isUntouched(places, seal.file)) return { kind: "sealed", checkedAt: seal.checkedAt };
    return { kind: "unknown", why: "it was changed by another program since it was closed" };
  }
  if (!opened) return { kind: "unknown", why: "there is no record of a clean close" };
  if (proofOf(places.database)?.ino !== opened.file.ino) {
    return { kind: "unknown", why: "it is another file than the one that the application had open" };
  }
  if (!isSameBoot(opened.boot, currentBoot())) {
    return { kind: "unknown", why: "the machine was started anew while the application had it open" };
  }
  return { kind: "interrupted", checkedAt: opened.checkedAt };
}

export function readSeal(places: Places): Seal | null {
  return findSeal(places)?.seal ?? null;
}

export interface FoundSeal {
  readonly seal: Seal;
  /** Where it stands: databases that share a folder and a stem have numbers. */
  readonly file: string;
}

export function findSeal(places: Places): FoundSeal | null {
  const { file, found } = find(places, places.seal);
  const seal = asSeal(found);
  return seal && { seal, file };
}

export function readOpened(places: Places): OpenedRecord | null {
  return asOpened(find(places, places.opened).found);
}

/**
 * Takes the seal away, durably, before anything is written; the file is known to be untouched. Fails where another
 * launch was quicker. The folder is flushed here and now: in a thread beside the loading of SQLite it would cost a
 * quiet launch more, for the start of the threads, than it saves on any disk but a slow one.
 */
export function breakSeal(places: Places, { seal, file }: FoundSeal): void {
  const to = find(places, places.opened).file;
  const boot = currentBoot();
  // A rename would leave the record of an earlier run, and a launch after a kill would check for nothing.
  if (!isSameBoot(seal.boot, boot)) {
    writeRecord(places, to, { ...seal, boot });
    removeDurably(file);
  } else {
    renameSync(file, to);
    syncFolder(places.backups);
  }
}

/** Records that an application has the database open, in place of any seal. */
export function recordOpened(places: Places, record: Omit<OpenedRecord, "boot">): void {
  writeRecord(places, find(places, places.opened).file, { ...record, boot: currentBoot() });
  removeSeal(places);
}

/** Durably, before the database is written to. */
export function removeSeal(places: Places): void {
  const { file, found } = find(places, places.seal);
  if (!found) return;
  try {
    removeDurably(file);
  } catch {
    // In a folder that may not be written any more, the file itself may be: empty, it says nothing.
    truncateSync(file);
    syncFile(file);
  }
}

/** Records that a check behind the application failed: the next launch checks before it opens. */
export function markSuspect(places: Places, databaseId: string, why: string): void {
  const file = proofOf(places.database);
  const record = readOpened(places) ?? (file && { databaseId, file, checkedAt: null });
  if (record) recordOpened(places, { ...record, suspect: why });
}

/**
 * Seals a database that nobody has open: only for the last holder, under the launch lock.
 *
 * @returns why no seal was given; null when it was
 */
export async function writeSeal(
  places: Places,
  content: Omit<Seal, "file" | "boot" | "suspect" | "backups">,
): Promise<string | null> {
  const files = observeFiles(places.database);
  if (isAbsent(files) || !files.main) return "the database is gone";
  if (livingSidecars(files).length > 0) return "another program has it open";
  if (readOpened(places)?.suspect) return "it is suspect";
  await passTick(places.database);
  const file = proofOf(places.database);
  if (!file || !canTellLaterWrites(file)) return "the file system's clock is too coarse to tell a later write";
  const seal: Seal = { ...content, backups: proofOfBackups(places), file, boot: currentBoot(), suspect: null };
  writeRecord(places, find(places, places.seal).file, seal);
  const opened = find(places, places.opened);
  if (opened.found) removeDurably(opened.file);
  return null;
}

/**
 * A look at a sealed file gives it a second name for a moment, which changes its ctime. Under the launch lock, held
 * since before the look, the seal is brought up to date; what else changed leaves it broken.
 */
export function renewSeal(places: Places, seal: Seal): void {
  const file = proofOf(places.database);
  if (!file || file.ctime === seal.file.ctime || !sameIdentity(file, seal.file)) return;
  writeRecord(places, find(places, places.seal).file, { ...seal, file });
}

/**
 * @param lastCheck ISO 8601
 * @param interval in milliseconds
 */
export function isCheckDue(lastCheck: string | null, now: string, interval: number): boolean {
  if (lastCheck === null) return true;
  const age = Date.parse(now) - Date.parse(lastCheck);
  // A clock that was set back says nothing of how long ago it was.
  return age < 0 || age >= interval;
}

const HEAD =
  "# What Holdfast knows of the database from the last time. Without this file the next launch checks all of it.\n";

/** The name in the file, the name here, and what it holds; `optional`: null here where it is absent there. */
type Field<Names> = readonly [
  written: string,
  name: keyof Names & string,
  type: "text" | "text-or-false" | "truth" | "whole" | "time",
  optional?: "optional",
];

const PROOF_FIELDS: readonly Field<FileProof>[] = [
  ["ino", "ino", "text"],
  ["size", "size", "text"],
  ["mtime", "mtime", "text"],
  ["ctime", "ctime", "text"],
];

const OPENED_FIELDS: readonly Field<OpenedRecord>[] = [
  ["database_id", "databaseId", "text"],
  ["boot", "boot", "text"],
  ["checked_at", "checkedAt", "time", "optional"],
  ["suspect", "suspect", "text", "optional"],
];

const SEAL_FIELDS: readonly Field<Seal>[] = [
  ...OPENED_FIELDS,
  ["app_version", "appVersion", "text"],
  ["app_layout", "appLayout", "text"],
  ["stamp_version", "stampVersion", "text"],
  ["layout", "layout", "text"],
  ["settings", "settings", "text"],
  ["settings_text", "settingsText", "text"],
  ["settings_version", "settingsVersion", "text", "optional"],
  ["settings_migrations", "settingsMigrations", "text-or-false", "optional"],
  ["migrations", "migrations", "text", "optional"],
  ["backups", "backups", "text"],
  ["backed_up", "backedUp", "truth"],
  ["scrub_due", "scrubDue", "time", "optional"],
];

const RULE_FIELDS: readonly Field<SealedRules>[] = [
  ["retention", "retention", "whole"],
  ["quarantine_retention", "quarantineRetention", "whole"],
  ["min_interval", "minInterval", "whole"],
  ["integrity_interval", "integrityInterval", "whole"],
  ["scrub_interval", "scrubInterval", "whole"],
  ["blocking", "blocking", "truth"],
  ["always_check", "alwaysCheck", "truth"],
];

function writeRecord(places: Places, file: string, record: OpenedRecord | Seal): void {
  const lines = [`database = ${JSON.stringify(relative(places.backups, places.database))}`];
  if ("rules" in record) {
    lines.push(...toLines(record, SEAL_FIELDS), "", "[rules]", ...toLines(record.rules, RULE_FIELDS));
  } else lines.push(...toLines(record, OPENED_FIELDS));
  lines.push("", "[file]", ...toLines(record.file, PROOF_FIELDS), "");
  writeAtomically(file, HEAD + lines.join("\n"), temporaryIn(places.backups, places, "seal"));
}

/** A basic string, a number and a truth value are written in TOML as in JSON; a time has no quotes. */
function toLines<Names>(values: Names, fields: readonly Field<Names>[]): string[] {
  return fields
    .filter(([, name]) => values[name] !== null)
    .map(([written, name, type]) => `${written} = ${type === "time" ? values[name] : JSON.stringify(values[name])}`);
}

/** How many databases may share a backup folder and a stem. */
const MOST_SHARING = 100;

type Written = Readonly<Record<string, unknown>>;

/** The record of this database: its file, which may be yet to be made, and what stands in it. */
function find(places: Places, first: string): { file: string; found: Written | null } {
  const database = relative(places.backups, places.database);
  for (let n = 1; n < MOST_SHARING; n++) {
    const file = n === 1 ? first : first.replace(/\.toml$/, `-${n}.toml`);
    const text = readIfThere(file);
    if (text === null) return { file, found: null };
    const found = readRecord(text);
    if (found?.database === database) return { file, found };
    if (typeof found?.database === "string") continue;
    // It says nothing, and its place is taken by the next record.
    return { file, found: {} };
  }
  throw new Error(`${first} and all its numbers are taken`);
}

/** What cannot be read is not trusted; that it cannot be written either will show when it is. */
function readIfThere(file: string): string | null {
  // Asked first, since an error that is thrown takes longer than the call.
  if (!existsSync(file)) return null;
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

/**
 * Reads what {@link writeRecord} wrote: TOML, but no more of it than is written there, since a parser of all of it
 * takes a quiet launch longer than the rest of the launch. Null for anything else: torn, or edited by hand.
 */
function readRecord(text: string): Written | null {
  const record: Record<string, unknown> = {};
  let table = record;
  try {
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const equals = line.indexOf(" = ");
      if (equals > 0) {
        const value = line.slice(equals + 3);
        table[line.slice(0, equals)] = value.endsWith("Z") ? value : (JSON.parse(value) as unknown);
      } else if (line.startsWith("[") && line.endsWith("]")) {
        table = {};
        record[line.slice(1, -1)] = table;
      } else return null;
    }
    return record;
  } catch {
    return null;
  }
}

function asOpened(record: Written | null): OpenedRecord | null {
  const values = decode(record, OPENED_FIELDS);
  const file = decode(record?.file, PROOF_FIELDS);
  return values && file ? ({ ...values, file } as OpenedRecord) : null;
}

function asSeal(record: Written | null): Seal | null {
  const values = decode(record, SEAL_FIELDS);
  const file = decode(record?.file, PROOF_FIELDS);
  const rules = decode(record?.rules, RULE_FIELDS);
  return values && file && rules ? ({ ...values, file, rules } as Seal) : null;
}

function decode<Names>(written: unknown, fields: readonly Field<Names>[]): Partial<Names> | null {
  if (typeof written !== "object" || written === null) return null;
  const decoded: Record<string, unknown> = {};
  for (const [key, name, type, optional] of fields) {
    const value = (written as Written)[key] ?? null;
    if (value === null ? !optional : !isOfType(value, type)) return null;
    decoded[name] = value;
  }
  return decoded as Partial<Names>;
}

function isOfType(value: unknown, type: Field<unknown>[2]): boolean {
  switch (type) {
    case "text":
      return typeof value === "string";
    case "text-or-false":
      return typeof value === "string" || value === false;
    case "truth":
      return typeof value === "boolean";
    case "whole":
      return Number.isSafeInteger(value);
    case "time":
      return typeof value === "string" && !Number.isNaN(Date.parse(value));
  }
}
