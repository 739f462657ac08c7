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
export function isUntouched(places: Places, file: FileProof): boolean {
  const now = proofOf(places.database);
  if (!now || livingSidecars(observeFiles(places.database)).length > 0) return false;
  return sameIdentity(now, file) && now.ctime === file.ctime;
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
    writeRecord(places, to, toToml(places, { ...seal, boot }));
    removeDurably(file);
  } else {
    renameSync(file, to);
    syncFolder(places.backups);
  }
}

/** Records that an application has the database open, in place of any seal. */
export function recordOpened(places: Places, record: Omit<OpenedRecord, "boot">): void {
  writeRecord(places, find(places, places.opened).file, toToml(places, { ...record, boot: currentBoot() }));
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
  writeRecord(places, find(places, places.seal).file, toToml(places, seal));
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
  writeRecord(places, find(places, places.seal).file, toToml(places, { ...seal, file }));
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

function writeRecord(places: Places, file: string, record: Record<string, unknown>): void {
  // What stands below a heading belongs to it.
  const entries = Object.entries(record).sort(([, a], [, b]) => Number(isTable(a)) - Number(isTable(b)));
  const lines = entries.flatMap(([key, value]) =>
    isTable(value) ? ["", `[${key}]`, ...Object.entries(value).map(toLine)] : [toLine([key, value])],
  );
  writeAtomically(file, `${HEAD}${lines.join("\n")}\n`, temporaryIn(places.backups, places, "seal"));
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof Date);
}

/** A basic string, a number and a truth value are written in TOML as in JSON; a time has no quotes. */
function toLine([key, value]: [string, unknown]): string {
  return `${key} = ${value instanceof Date ? value.toISOString() : JSON.stringify(value)}`;
}

/** How many databases may share a backup folder and a stem. */
const MOST_SHARING = 100;

/** The record of this database: its file, which may be yet to be made, and what stands in it. */
function find(places: Places, first: string): { file: string; found: Record<string, unknown> | null } {
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
function readRecord(text: string): Record<string, unknown> | null {
  const record: Record<string, unknown> = {};
  let table = record;
  try {
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const [, heading, key, value = ""] = /^(?:\[(\w+)\]|(\w+) = (.+))$/.exec(line) ?? [];
      if (heading !== undefined) {
        table = {};
        record[heading] = table;
      } else if (key !== undefined) {
        table[key] = /^\d{4}-/.test(value) ? new Date(value) : (JSON.parse(value) as unknown);
      } else return null;
    }
    return record;
  } catch {
    return null;
  }
}

function toToml(places: Places, record: OpenedRecord | Seal): Record<string, unknown> {
  const { databaseId, boot, checkedAt, suspect, file } = record;
  return {
    database: relative(places.backups, places.database),
    database_id: databaseId,
    boot,
    ...(checkedAt === null ? {} : { checked_at: new Date(checkedAt) }),
    ...(suspect === null ? {} : { suspect }),
    ...("settings" in record
      ? {
          app_version: record.appVersion,
          app_layout: record.appLayout,
          stamp_version: record.stampVersion,
          layout: record.layout,
          settings: record.settings,
          settings_text: record.settingsText,
          ...(record.settingsVersion === null ? {} : { settings_version: record.settingsVersion }),
          ...(record.settingsMigrations === null ? {} : { settings_migrations: record.settingsMigrations }),
          ...(record.migrations === null ? {} : { migrations: record.migrations }),
          backups: record.backups,
          backed_up: record.backedUp,
          rules: rulesToToml(record.rules),
          ...(record.scrubDue === null ? {} : { scrub_due: new Date(record.scrubDue) }),
        }
      : {}),
    file: { ...file },
  };
}

const text = (value: unknown): value is string => typeof value === "string";
const time = (value: unknown): string | null =>
  value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : null;
const table = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

function asOpened(record: Record<string, unknown> | null): OpenedRecord | null {
  if (!record) return null;
  const { database_id: databaseId, boot, suspect } = record;
  const { ino, size, mtime, ctime } = table(record.file);
  if (![databaseId, boot, ino, size, mtime, ctime].every(text)) return null;
  return {
    databaseId: databaseId as string,
    boot: boot as string,
    file: { ino, size, mtime, ctime } as FileProof,
    checkedAt: time(record.checked_at),
    suspect: text(suspect) ? suspect : null,
  };
}

function asSeal(record: Record<string, unknown> | null): Seal | null {
  const base = asOpened(record);
  if (!record || !base) return null;
  const { app_version: appVersion, app_layout: appLayout, stamp_version: stampVersion } = record;
  const { layout, settings, settings_text: settingsText, settings_migrations: folder, backups } = record;
  if (![appVersion, appLayout, stampVersion, layout, settings, settingsText, backups].every(text)) return null;
  const rules = asRules(table(record.rules));
  if (!rules) return null;
  return {
    ...base,
    appVersion: appVersion as string,
    appLayout: appLayout as string,
    stampVersion: stampVersion as string,
    layout: layout as string,
    settings: settings as string,
    settingsText: settingsText as string,
    settingsVersion: text(record.settings_version) ? record.settings_version : null,
    settingsMigrations: text(folder) || folder === false ? folder : null,
    migrations: text(record.migrations) ? record.migrations : null,
    rules,
    backups: backups as string,
    backedUp: record.backed_up === true,
    scrubDue: time(record.scrub_due),
  };
}

const RULE_NAMES = {
  retention: "retention",
  quarantine_retention: "quarantineRetention",
  min_interval: "minInterval",
  integrity_interval: "integrityInterval",
  scrub_interval: "scrubInterval",
  blocking: "blocking",
  always_check: "alwaysCheck",
} as const satisfies Record<string, keyof SealedRules>;

function rulesToToml(rules: SealedRules): Record<string, number | boolean> {
  return Object.fromEntries(Object.entries(RULE_NAMES).map(([written, name]) => [written, rules[name]]));
}

function asRules(written: Record<string, unknown>): SealedRules | null {
  const rules = Object.fromEntries(Object.entries(RULE_NAMES).map(([key, name]) => [name, written[key]]));
  const { blocking, alwaysCheck, ...numbers } = rules;
  const truths = [blocking, alwaysCheck].every((value) => typeof value === "boolean");
  const whole = Object.values(numbers).every(Number.isSafeInteger) && truths;
  return whole ? (rules as unknown as SealedRules) : null;
}
