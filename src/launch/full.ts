/** The launch of a database that may have been touched: under the lock, by the rules, with a child at hand. */
import { confirmRestores } from "../backups/restores.ts";
import { presentSidecars } from "../database/files.ts";
import { fingerprint } from "../database/layout.ts";
import { openInMemory } from "../database/look.ts";
import { proofOfMigrations } from "../database/migration-files.ts";
import { findMigrations } from "../database/migrations.ts";
import { type Connection, loadEngine } from "../database/open.ts";
import { opening } from "../database/read-only-medium.ts";
import { isUntouched, proofOf, readSeal, recordOpened, removeSeal, renewSeal } from "../database/seal.ts";
import { mayBeSwapping } from "../database/swap.ts";
import { HoldfastError, messageOf, toHoldfastError } from "../errors.ts";
import type { GuardOptions } from "../guard-options.ts";
import { type Places, placesIn, temporaryIn } from "../places.ts";
import { createPrivateFolder, identify, mayMakeFile } from "../platform/atomic-file.ts";
import type { Child } from "../platform/child.ts";
import { elapsedSince } from "../platform/elapsed.ts";
import { register } from "../platform/registry.ts";
import type { ActionReport, LaunchReport, OpenReport } from "../report.ts";
import type { Opened, SealContent } from "../session.ts";
import { validateSettings } from "../settings.ts";
import { canonicalText } from "../settings-glance.ts";
import { readSettings, type SettingsSource, settingOf } from "../settings-source.ts";
import { aborted } from "../toolbox.ts";
import type { Context } from "./context.ts";
import { decideBehind, foreseeableBackup, isSettled } from "./decide.ts";
import { type Facts, stampOf } from "./facts.ts";
import { launch } from "./launch.ts";
import { openLock } from "./launch-lock.ts";
import type { Beginning } from "./quiet.ts";
import { clearTemporaries } from "./temporaries.ts";
import { acquire } from "./wait.ts";

export interface FullBeginning extends Beginning {
  /** On its way up already; the caller stops it should the launch fail. */
  readonly child: Child;
}

/** @throws HoldfastError when the database is refused, with everything untouched */
export async function launchFully(beginning: FullBeginning): Promise<Opened> {
  const { context, source, report, facts, release, result: db } = await run(beginning, false, handOver);
  const { places, settings } = context;
  const behind = decideBehind(facts, settings);
  return {
    db,
    report,
    places,
    lock: context.lock,
    seal: contentOfSeal(context, facts, source),
    file: identify(places.database),
    findWork: () =>
      behind.work
        ? {
            places,
            databaseId: facts.databaseId,
            runningVersion: settings.appVersion,
            version: stampOf(facts)?.appVersion ?? settings.appVersion,
            retention: settings.backupRetention,
            quarantineRetention: settings.quarantineRetention,
            minInterval: settings.backupMinInterval,
            scrubInterval: settings.scrubInterval,
            check: behind.check,
            now: context.now().toISOString(),
          }
        : { result: "skipped", reason: behind.reason },
    child: context.child,
    blocking: settings.backupMode === "blocking",
    elapsed: () => elapsedSince(context.begun),
    release,
    async afterClose() {
      const unconfirmed = facts.survey.restores.some((each) => each.databaseId === facts.databaseId);
      if ((!unconfirmed && facts.restoredFrom === null) || context.readonly) return;
      // Unconfirmed, the next restore is called a loop, which is no more than a warning.
      await confirmRestores(context.engine.openPlain, places, facts.databaseId).catch(() => {});
    },
  };
}

function contentOfSeal(context: Context, facts: Facts, source: SettingsSource): SealContent | null {
  const stamp = stampOf(facts);
  const { settings } = context;
  if (context.readonly || !stamp || !isSettled(facts, settings)) return null;
  return {
    databaseId: facts.databaseId,
    checkedAt: facts.lastCheck,
    appVersion: settings.appVersion,
    appLayout: fingerprint(facts.app.layout),
    stampVersion: stamp.appVersion,
    layout: stamp.layout,
    settings: source.proof,
    settingsText: canonicalText(source.values),
    settingsVersion: asText(settingOf(source, "db-app-version")),
    settingsMigrations:
      settingOf(source, "db-migrations") === false ? false : asText(settingOf(source, "db-migrations")),
    migrations: typeof settings.migrations === "string" ? proofOfMigrations(settings.migrations) : null,
    rules: {
      retention: settings.backupRetention,
      quarantineRetention: settings.quarantineRetention,
      minInterval: settings.backupMinInterval,
      integrityInterval: settings.integrityInterval,
      scrubInterval: settings.scrubInterval,
      blocking: settings.backupMode === "blocking",
      alwaysCheck: settings.integrityCheck === "full",
    },
    backedUp: false,
    scrubDue: null,
  };
}

function asText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** The application's connection, and the launch lock from alone to shared. */
function handOver(context: Context, facts: Facts): Connection {
  const { database, folder } = context.places;
  const free = temporaryIn(folder, context.places, "look");
  return opening(database, free, () => {
    // Beside an application that only reads, the seal still stands.
    if (!context.readonly && (context.lock?.state === "exclusive" || readSeal(context.places))) note(context, facts);
    const db = open(context, facts, free);
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

/** From here on the application may write: the seal goes, and the next launch will know what happened. */
function note(context: Context, facts: Facts): void {
  const { places } = context;
  const file = proofOf(places.database);
  if (!file) return;
  const { databaseId, lastCheck: checkedAt } = facts;
  try {
    createPrivateFolder(places.backups);
    recordOpened(places, { databaseId, file, checkedAt, suspect: null });
  } catch (error) {
    try {
      // On a full disk, or in a folder that may not be written, a seal must not outlive what it sealed all the same.
      removeSeal(places);
    } catch {
      // What it says of the file will not hold once that is written.
    }
    context.warnings.push(
      `It could not be noted in ${places.backups} that the database is open, so the next launch checks all of it: ${messageOf(error)}`,
    );
  }
}

/** Read-only on a medium where SQLite could not make the sidecars of WAL mode, the content is held in memory. */
function open(context: Context, facts: Facts, free: string): Connection {
  const { engine, places } = context;
  if (!context.readonly) return engine.open(places.database, "readwrite");
  const alone = presentSidecars(facts.files).length === 0;
  const inMemory = alone && facts.whole?.journalMode === "wal" && !mayMakeFile(free);
  return inMemory ? openInMemory(engine, places.database) : engine.open(places.database, "readonly");
}

/** The dry run: the same look and the same decisions, and nothing is changed. Refusals are in the report. */
export async function foreseeLaunch(beginning: FullBeginning): Promise<LaunchReport> {
  try {
    const { report, release } = await run(beginning, true, foreseeBackup);
    await release();
    return report;
  } catch (error) {
    if (error instanceof HoldfastError && error.report) return error.report;
    throw error;
  }
}

function foreseeBackup(context: Context, facts: Facts): void {
  const { take } = foreseeableBackup(facts, context.settings);
  if (!take || facts.intent !== null) return;
  const version = context.settings.appVersion;
  context.actions.push({ action: "back-up", reason: "launch", version, certain: false });
}

interface Run<Result> {
  readonly context: Context;
  readonly source: SettingsSource;
  readonly report: OpenReport;
  readonly facts: Facts;
  readonly result: Result;
  release(): Promise<void>;
}

/** @param conclude what follows the last decision, still under the lock */
async function run<Result>(
  { settings: given, options, begun, onEvent, startChild, child: first }: FullBeginning,
  dryRun: boolean,
  conclude: (context: Context, facts: Facts) => Result,
): Promise<Run<Result>> {
  const source = readSettings(given);
  const settings = await validateSettings(source, {
    appVersion: options.appVersion,
    migrations: options.migrations,
    ownMigrator: requireBoth(options),
  });
  const places = placesIn(settings.path, settings.backupDir);
  const migrations = findMigrations(settings.migrations);
  const releases: (() => unknown)[] = [register(places.database)];
  const release = async () => {
    for (const each of releases.splice(0).reverse()) await each();
  };
  const actions: ActionReport[] = [];
  const warnings: string[] = [];
  const report: OpenReport = {
    outcome: dryRun ? "would-open" : "opened",
    database: places.database,
    appVersion: settings.appVersion,
    found: { state: "unknown", version: null, layout: "none" },
    actions,
    warnings,
    blockedMs: 0,
  };
  try {
    let child = first;
    releases.push(() => child.stop());
    const engine = await loadEngine(options.opener === undefined ? undefined : String(options.opener));
    const lock = openLock(engine.openPlain, places, { dryRun, readonly: options.readonly ?? false });
    releases.push(() => lock?.release());
    releases.push(async () => {
      await child.stop();
      // A job that was cut off leaves its temporaries; a later launch would clear them, but this one can do it now.
      if (lock?.state === "exclusive" && !mayBeSwapping(places)) clearTemporaries(places);
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
      onEvent,
      child: () => {
        if (!child.alive) child = startChild();
        return child;
      },
      actions,
      warnings,
    };
    await acquire(context);
    releases.push(keepSeal(context));
    const facts = await launch(context, (found) => {
      report.found = found;
    });
    if (facts.survey.setAside.some((each) => each.kind === "demoted")) {
      const { noticeDemoted } = await import("./demoted-notice.ts");
      await noticeDemoted(context, facts, report.found);
    }
    const result = conclude(context, facts);
    report.blockedMs = elapsedSince(begun);
    return { context, source, report, facts, result, release };
  } catch (error) {
    await release();
    const refused = asRefusal(error, places, options.signal);
    if (!refused) throw error;
    report.outcome = dryRun ? "would-refuse" : "refused";
    report.blockedMs = elapsedSince(begun);
    report.error = refused.toJSON();
    refused.report = report;
    throw refused;
  }
}

/** A launch that only looked, or was refused, leaves the seal as good as it was. */
function keepSeal({ lock, places, readonly }: Context): () => void {
  const seal = lock?.state === "exclusive" && !readonly ? readSeal(places) : null;
  const sealed = seal !== null && isUntouched(places, seal.file);
  return () => {
    try {
      if (sealed && lock?.state === "exclusive" && readSeal(places)) renewSeal(places, seal);
    } catch {
      // Without a seal the next launch looks more closely.
    }
  };
}

function requireBoth(options: GuardOptions): boolean {
  if ((options.layout === undefined) === (options.migrate === undefined)) return options.layout !== undefined;
  throw new HoldfastError({
    code: "SETTINGS_INVALID",
    message: `guard() was called with ${options.layout ? "layout" : "migrate"} but without ${options.layout ? "migrate" : "layout"}.`,
    hint: "An application's own migrator needs both: layout(db) names the layout, migrate(db) brings it up to date.",
  });
}

function asRefusal(error: unknown, places: Places, signal: AbortSignal | undefined): HoldfastError | undefined {
  if (error instanceof HoldfastError) return error;
  if (signal?.aborted) return aborted(signal.reason);
  return toHoldfastError(error, `launching ${places.database}`);
}
