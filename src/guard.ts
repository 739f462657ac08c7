/** The one call: lock, launch, hand over the open database, back up behind it. */
import { accessSync, constants, existsSync } from "node:fs";
import { confirmRestores } from "./backups/restores.ts";
import { presentSidecars, realPath } from "./database/files.ts";
import { openInMemory } from "./database/look.ts";
import { findMigrations, type MigrationInput } from "./database/migrations.ts";
import { type Connection, checkRuntime, loadEngine } from "./database/open.ts";
import { unfinishedSwap } from "./database/swap.ts";
import { HoldfastError, named, toHoldfastError } from "./errors.ts";
import { backUpBehind } from "./launch/back-up.ts";
import { aborted, type Context, type NamedLayout } from "./launch/context.ts";
import { decideBackup } from "./launch/decide.ts";
import type { Facts } from "./launch/facts.ts";
import { launch } from "./launch/launch.ts";
import { clearTemporaries } from "./launch/observe.ts";
import { acquire } from "./launch/wait.ts";
import { type Places, placesOf } from "./places.ts";
import { createPrivateFolder } from "./platform/atomic-file.ts";
import { FileLock } from "./platform/lock.ts";
import { register } from "./platform/registry.ts";
import type { ActionReport, BackupReport, LaunchReport, ProgressEvent } from "./report.ts";
import { loadSettings, type SettingsInput } from "./settings.ts";
import { startWorker } from "./start-worker.ts";

export interface GuardOptions {
  /** The running version (semver); wins over `db-app-version`. */
  readonly appVersion?: string;
  /** Migrations in code, for bundled applications; wins over `db-migrations`. */
  readonly migrations?: readonly MigrationInput[];
  /**
   * For applications with a migrator of their own (drizzle, kysely, prisma): names what is applied in `db` and
   * what the application knows, in order. Must not write. Goes with `migrate`; `db-migrations` is not read then.
   */
  readonly layout?: (db: Connection) => NamedLayout;
  /** Brings `db` to the application's layout. It works on a copy, which takes the database's place when complete. */
  readonly migrate?: (db: Connection) => unknown;
  /** Opens a database whose layout is this app's, and writes nothing. Default false. */
  readonly readonly?: boolean;
  /** Told of progress; what it throws is swallowed. */
  readonly onEvent?: (event: ProgressEvent) => void;
  /** Aborts the launch with ABORTED; the database is as it was, or whole and new. */
  readonly signal?: AbortSignal;
  /** Gets a line for each action, warning and refusal. */
  readonly logger?: Pick<Console, "info" | "warn" | "error">;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** URL of a module that exports `open(path, mode)`, see {@link Opener}; it is used in child processes too. */
  readonly opener?: string | URL;
  /** URL of Holdfast's own worker (`holdfast/worker`), for an application that is bundled into one file. */
  readonly worker?: string | URL;
}

/** An open, checked, migrated database. */
export interface Guarded extends AsyncDisposable {
  readonly db: Connection;
  /** What was found and done; the backup's actions and warnings join it when the backup has finished. */
  readonly report: LaunchReport;
  /** What became of this launch's backup; resolves always, never rejects. */
  readonly backup: Promise<BackupReport>;
  /** Waits for the backup, closes the database and lets go of the lock. A second call does nothing. */
  close(): Promise<void>;
}

/**
 * Carries out the whole launch of an application's database.
 *
 * @param settings the application's TOML file, or the same settings as an object
 * @throws HoldfastError when the database is refused, with everything untouched; its `report` says what was found
 */
export async function guard(settings: string | SettingsInput, options: GuardOptions = {}): Promise<Guarded> {
  const { context, report, facts, release, result: db } = await run(settings, options, false, handOver);
  const backup = backUpBehind(context, facts);
  if (context.settings.backupMode === "blocking") {
    await backup;
    report.blockedMs = elapsed(context);
  } else {
    context.holdChild(false);
  }
  tellLogger(options.logger, report);

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    // A connection that is still being iterated over refuses to close; it may be tried again.
    closing ??= closeOnce().catch((error) => {
      closing = undefined;
      throw error;
    });
    return closing;
  };
  async function closeOnce(): Promise<void> {
    context.holdChild(true);
    await backup;
    db.close();
    const unconfirmed = facts.survey.restores.some((each) => each.databaseId === facts.databaseId);
    if ((unconfirmed || facts.restoredFrom !== null) && !context.readonly) {
      // Unconfirmed, the next restore is called a loop, which is no more than a warning.
      await confirmRestores(context.engine.openPlain, context.places, facts.databaseId).catch(() => {});
    }
    await release();
  }
  return {
    db,
    report,
    get backup() {
      context.holdChild(true);
      return backup;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The application's connection, and the launch lock from alone to shared. */
function handOver(context: Context, facts: Facts): Connection {
  const { database } = context.places;
  return named(`opening ${database}`, () => {
    const db = open(context, facts);
    try {
      // SQLite opens lazily. The application's connection must be the one that makes and removes the sidecars: the
      // read-only one that copies behind it could not remove them.
      db.prepare("SELECT count(*) FROM sqlite_schema").get();
      if (context.lock?.state === "exclusive") context.lock.toShared();
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Read-only on a medium where SQLite could not make the sidecars of WAL mode, the content is held in memory. */
function open(context: Context, facts: Facts): Connection {
  const { engine, places } = context;
  if (!context.readonly) return engine.open(places.database, "readwrite");
  const alone = presentSidecars(facts.files).length === 0;
  const inMemory = alone && facts.whole?.journalMode === "wal" && !isWritable(places.folder);
  return inMemory ? openInMemory(engine, places.database) : engine.open(places.database, "readonly");
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The dry run: the same look and the same decisions, and nothing is changed. Refusals are in the report. */
export async function plan(settings: string | SettingsInput, options: GuardOptions = {}): Promise<LaunchReport> {
  try {
    const { report, release } = await run(settings, options, true, foreseeBackup);
    await release();
    return report;
  } catch (error) {
    if (error instanceof HoldfastError && error.report) return error.report;
    throw error;
  }
}

function foreseeBackup(context: Context, facts: Facts): void {
  const { take } = decideBackup(facts, context.settings);
  if (!take || facts.intent !== null) return;
  const version = context.settings.appVersion;
  context.actions.push({ action: "back-up", reason: "launch", version, certain: false });
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Run<Result> {
  readonly context: Context;
  readonly report: Mutable<LaunchReport>;
  readonly facts: Facts;
  readonly result: Result;
  release(): Promise<void>;
}

/** @param conclude what follows the last decision, still under the lock */
async function run<Result>(
  source: string | SettingsInput,
  options: GuardOptions,
  dryRun: boolean,
  conclude: (context: Context, facts: Facts) => Result,
): Promise<Run<Result>> {
  const begun = performance.now();
  checkRuntime();
  const settings = await loadSettings(source, {
    appVersion: options.appVersion,
    migrations: options.migrations,
    ownMigrator: requireBoth(options),
  });
  const places = placesOf(
    realPath(settings.path),
    settings.backupDir === undefined ? undefined : realPath(settings.backupDir),
  );
  const migrations = findMigrations(settings.migrations);
  const releases: (() => unknown)[] = [register(places.database)];
  const release = async () => {
    for (const each of releases.splice(0).reverse()) await each();
  };
  const actions: ActionReport[] = [];
  const warnings: string[] = [];
  const report: Mutable<LaunchReport> = {
    outcome: dryRun ? "would-open" : "opened",
    database: places.database,
    appVersion: settings.appVersion,
    found: { state: "unknown", version: null, layout: "none" },
    actions,
    warnings,
    blockedMs: 0,
  };
  try {
    let child = startWorker(options);
    releases.push(() => child.stop());
    const engine = await loadEngine(options.opener === undefined ? undefined : String(options.opener));
    const lock = openLock(engine.openPlain, places, { dryRun, readonly: options.readonly ?? false });
    releases.push(() => lock?.release());
    releases.push(async () => {
      await child.stop();
      // A job that was cut off leaves its temporaries; a later launch would clear them, but this one can do it now.
      if (lock?.state === "exclusive" && unfinishedSwap(places) === null) clearTemporaries(places);
    });
    const context: Context = {
      settings,
      begun,
      places,
      engine,
      migrations,
      own: options.layout && options.migrate ? { layout: options.layout, migrate: options.migrate } : null,
      readonly: options.readonly ?? false,
      dryRun,
      lock,
      signal: options.signal,
      now: options.now ?? (() => new Date()),
      onEvent: (event) => {
        try {
          options.onEvent?.(event);
        } catch {
          // A progress bar must not be able to stop a launch.
        }
      },
      child: () => {
        if (!child.alive) child = startWorker(options);
        return child;
      },
      holdChild: (alive) => {
        if (child.alive) child.hold(alive);
      },
      actions,
      warnings,
    };
    await acquire(context);
    const facts = await launch(context, (found) => {
      report.found = found;
    });
    const result = conclude(context, facts);
    report.blockedMs = elapsed(context);
    return { context, report, facts, result, release };
  } catch (error) {
    await release();
    const refused = asRefusal(error, places, options.signal);
    if (!refused) throw error;
    report.outcome = dryRun ? "would-refuse" : "refused";
    report.blockedMs = Math.round((performance.now() - begun) * 10) / 10;
    report.error = refused.toJSON();
    refused.report = report;
    tellLogger(options.logger, report);
    throw refused;
  }
}

function elapsed(context: Context): number {
  return Math.round((performance.now() - context.begun) * 10) / 10;
}

function requireBoth(options: GuardOptions): boolean {
  if ((options.layout === undefined) === (options.migrate === undefined)) return options.layout !== undefined;
  throw new HoldfastError({
    code: "SETTINGS_INVALID",
    message: `guard() was called with ${options.layout ? "layout" : "migrate"} but without ${options.layout ? "migrate" : "layout"}.`,
    hint: "An application's own migrator needs both: layout(db) names the layout, migrate(db) brings it up to date.",
  });
}

function openLock(
  open: (path: string, options: { timeout: number; readonly?: boolean }) => Connection,
  places: Places,
  mode: { dryRun: boolean; readonly: boolean },
): FileLock | null {
  if (mode.readonly) {
    if (!existsSync(places.lock)) return null;
    return new FileLock((path, options) => open(path, { ...options, readonly: true }), places.lock);
  }
  if (mode.dryRun && !existsSync(places.folder)) return null;
  named(`making the folder ${places.folder}`, () => createPrivateFolder(places.folder));
  return new FileLock(open, places.lock, places.database);
}

function asRefusal(error: unknown, places: Places, signal: AbortSignal | undefined): HoldfastError | undefined {
  if (error instanceof HoldfastError) return error;
  if (signal?.aborted) return aborted(signal.reason);
  return toHoldfastError(error, `launching ${places.database}`);
}

function tellLogger(logger: GuardOptions["logger"], report: LaunchReport): void {
  if (!logger) return;
  for (const { action, reason, file } of report.actions)
    logger.info(`holdfast: ${action}${file ? ` ${file}` : ""} (${reason})`);
  for (const warning of report.warnings) logger.warn(`holdfast: ${warning}`);
  if (report.error) logger.error(`holdfast: ${report.error.code}: ${report.error.message} ${report.error.hint}`);
}
