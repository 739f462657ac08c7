/**
 * The quiet launch: the file is as its seal says, and so are the application, its layout and its settings. Then the
 * launch would find what the last one left, and the database opens at once. Whatever differs is for the full launch
 * to judge; nothing was changed then. Only what is needed here is loaded.
 */
import { resolve } from "node:path";
import { fingerprint, relate } from "../database/layout.ts";
import { layoutIn, type MigrationSource, proofOfMigrations } from "../database/migration-files.ts";
import { type Connection, type Engine, loadEngine } from "../database/open.ts";
import { breakSeal, type FoundSeal, findSeal, isCheckDue, isUntouched, proofOfBackups } from "../database/seal.ts";
import type { Seal } from "../database/seal-record.ts";
import { named } from "../errors.ts";
import type { GuardOptions } from "../guard-options.ts";
import { type Places, placesIn } from "../places.ts";
import { isWritable } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import type { Child } from "../platform/child.ts";
import { elapsedSince } from "../platform/elapsed.ts";
import type { FileLock } from "../platform/lock.ts";
import { register } from "../platform/registry.ts";
import type { LaunchReport, OpenReport, ProgressEvent } from "../report.ts";
import type { Opened } from "../session.ts";
import { canonicalText, glanceAt, type SettingsInput } from "../settings-glance.ts";
import { openLock } from "./launch-lock.ts";

const { existsSync } = fs;

/** What a launch begins with. */
export interface Beginning {
  readonly settings: string | SettingsInput;
  readonly options: GuardOptions;
  /** `performance.now()` at the call. */
  readonly begun: number;
  /** What it throws is swallowed already. */
  readonly onEvent: (event: ProgressEvent) => void;
  readonly startChild: () => Child;
}

/** @returns null where the launch is not quiet; what goes wrong, the full launch meets again and says what it is */
export async function launchQuietly(beginning: Beginning): Promise<Opened | null> {
  const { options, begun, startChild } = beginning;
  const quiet = await findQuiet(beginning).catch(() => null);
  if (!quiet) return null;
  const { places, found } = quiet;
  const seal = { ...found.seal, settings: quiet.proof };
  const unregister = register(places.database);
  let lock: FileLock | null = null;
  let db: Connection | undefined;
  try {
    const readonly = options.readonly ?? false;
    if (!readonly) breakSeal(places, found);
    const engine = await loadEngine(options.opener === undefined ? undefined : String(options.opener));
    lock = openLock(engine.openPlain, places, { dryRun: false, readonly });
    // Shared is enough: nothing is changed here, and whoever changes anything holds it alone.
    const held = lock?.tryShared() ?? true;
    // A launch that came in between may have changed anything.
    if (held && isUntouched(places, seal.file)) db = openAsSealed(engine, places, options, seal);
    if (db) return opened(places, seal, lock, db, { options, begun, startChild, unregister });
  } catch {
    // The full launch meets the same and says what it is.
  }
  db?.close();
  lock?.release();
  unregister();
  return null;
}

/** What it would be, without opening anything; null where the launch would not be quiet. */
export async function foreseeQuietly(beginning: Beginning): Promise<LaunchReport | null> {
  const quiet = beginning.options.layout ? null : await findQuiet(beginning).catch(() => null);
  if (!quiet) return null;
  const { places } = quiet;
  // The launch itself is told so where it puts the seal away.
  if (!beginning.options.readonly && !isWritable(places.backups)) return null;
  const { seal } = quiet.found;
  const report = reportOf(places, seal, beginning.begun);
  const due = seal.rules.retention > 0 && !seal.backedUp;
  const action = { action: "back-up", reason: "launch", version: seal.stampVersion, certain: false } as const;
  return { ...report, outcome: "would-open", actions: due ? [action] : [] };
}

interface Quiet {
  readonly places: Places;
  readonly found: FoundSeal;
  /** Of the settings as they are now. */
  readonly proof: string;
}

async function findQuiet({ settings, options }: Beginning): Promise<Quiet | null> {
  const glance = options.signal?.aborted ? null : glanceAt(settings);
  if (!glance) return null;
  const { folder, path, backupDir, proof } = glance;
  const absolute = (written: string) => resolve(folder, written.trim());
  const places = placesIn(absolute(path), backupDir === undefined ? undefined : absolute(backupDir));
  const found = findSeal(places);
  if (!found) return null;
  const { seal } = found;
  if (!isUntouched(places, seal.file) || existsSync(places.intent) || seal.rules.alwaysCheck) return null;
  // SQLite would have to make its sidecars there: the full launch knows how to do without.
  if (options.readonly && !isWritable(places.folder)) return null;
  if (seal.settings !== proof && !(await saysTheSame(settings, seal))) return null;
  if ((options.appVersion ?? seal.settingsVersion) !== seal.appVersion) return null;
  const migrations = seal.settingsMigrations;
  const source = options.migrations ?? (migrations === false ? false : absolute(migrations ?? "migrations"));
  return isLayoutOf(source, options, seal) ? { places, found, proof } : null;
}

/** A settings file that was written anew, by an update of the application for instance, may hold what it held. */
async function saysTheSame(settings: string | SettingsInput, seal: Seal): Promise<boolean> {
  if (typeof settings !== "string") return false;
  const { readSettings } = await import("../settings-source.ts");
  return canonicalText(readSettings(settings).values) === seal.settingsText;
}

/** Whether the application knows the same migrations. Those of its own migrator are asked for with the database open. */
function isLayoutOf(source: MigrationSource, options: GuardOptions, seal: Seal): boolean {
  if (options.layout || options.migrate) return options.layout !== undefined && options.migrate !== undefined;
  const proof = typeof source === "string" ? proofOfMigrations(source) : null;
  if (proof !== null && proof === seal.migrations) return true;
  return fingerprint(layoutIn(source)) === seal.appLayout;
}

function openAsSealed(
  engine: Engine,
  { database }: Places,
  { layout, readonly }: GuardOptions,
  seal: Seal,
): Connection | undefined {
  const db = named(`opening ${database}`, () => engine.open(database, readonly ? "readonly" : "readwrite"));
  try {
    // SQLite opens lazily, and the application's connection must be the one that makes the sidecars.
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    if (!layout) return db;
    const { applied, known } = layout(db);
    if (relate(applied, known) === "equal" && fingerprint(known) === seal.appLayout) return db;
  } catch {
    // The full launch meets the same and says what it is.
  }
  db.close();
  return undefined;
}

function opened(
  places: Places,
  seal: Seal,
  lock: FileLock | null,
  db: Connection,
  {
    options,
    begun,
    startChild,
    unregister,
  }: Pick<Beginning, "options" | "begun" | "startChild"> & { unregister: () => void },
): Opened {
  let child: Child | undefined;
  return {
    db,
    report: reportOf(places, seal, begun),
    places,
    lock,
    seal: options.readonly ? null : seal,
    file: seal.file,
    findWork: () => workBehind(places, seal, options),
    child: () => {
      child = startChild();
      return child;
    },
    blocking: seal.rules.blocking,
    elapsed: () => elapsedSince(begun),
    afterClose: async () => {},
    async release() {
      await child?.stop();
      lock?.release();
      unregister();
    },
  };
}

function reportOf(places: Places, { appVersion, stampVersion, layout, appLayout }: Seal, begun: number): OpenReport {
  return {
    outcome: "opened",
    database: places.database,
    appVersion,
    found: { state: "healthy", version: stampVersion, layout: layout === appLayout ? "equal" : "ahead" },
    actions: [],
    warnings: [],
    blockedMs: elapsedSince(begun),
  };
}

function workBehind(places: Places, seal: Seal, options: GuardOptions): ReturnType<Opened["findWork"]> {
  const { appVersion: runningVersion, stampVersion: version, databaseId, rules } = seal;
  if (options.readonly) return { result: "skipped", reason: "the launch is read-only" };
  const now = (options.now?.() ?? new Date()).toISOString();
  const check = isCheckDue(seal.checkedAt, now, rules.integrityInterval) ? "full" : "none";
  if (check === "full" || isWorkDue(places, seal, now))
    return { places, databaseId, runningVersion, version, check, now, ...rules };
  return {
    result: rules.retention === 0 ? "skipped" : "unchanged",
    reason: "nothing was written since the last launch",
  };
}

/** Whether the work behind has anything to look at: the content, the backup folder, or a date that has come. */
function isWorkDue(places: Places, seal: Seal, now: string): boolean {
  const { rules, backedUp, scrubDue } = seal;
  if (rules.retention > 0 && !backedUp) return true;
  if (scrubDue !== null && now >= scrubDue) return true;
  try {
    return proofOfBackups(places) !== seal.backups;
  } catch {
    return true;
  }
}
