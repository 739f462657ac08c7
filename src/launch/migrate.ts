/** Bringing a database to the application's layout: a new one, the live one in place, or a copy. */

import { randomUUID } from "node:crypto";
import { isAbsent, observeFiles } from "../database/files.ts";
import type { Inspection } from "../database/integrity.ts";
import { fingerprint, type Layout, relate } from "../database/layout.ts";
import { discard } from "../database/look.ts";
import { type MigrateOrder, type MigrateOutcome, migrateCopy, migrateInTransaction } from "../database/migrate.ts";
import { layoutOf } from "../database/migrations.ts";
import type { Connection } from "../database/open.ts";
import { describe, removeBackupRow, type SelfDescription, writeStamp } from "../database/stamp.ts";
import { mayBeSwapping, settle, swap } from "../database/swap.ts";
import { failureOfMedium, HoldfastError, messageOf, toHoldfastError } from "../errors.ts";
import { temporaryIn } from "../places.ts";
import { createPrivateFile, replaceFile, sameIdentity, syncFile } from "../platform/atomic-file.ts";
import { copier, reporter, runJob, stopIfAborted } from "../toolbox.ts";
import type { Context } from "./context.ts";
import type { Doing } from "./decide.ts";
import type { Facts } from "./facts.ts";
import { learn, withCheck } from "./learn.ts";
import { dropStaged, takeOwner } from "./staged.ts";
import { whenFree } from "./wait.ts";

/** A new database is made under a temporary name, and exists under its own once it is complete. */
export async function create(context: Context, facts: Facts, decision: Doing<"create">): Promise<Facts> {
  const { places, engine, own } = context;
  const report = reporter(context);
  const staged = temporaryIn(places.folder, places, "create");
  const before = context.actions.length;
  const databaseId = randomUUID();
  try {
    createPrivateFile(staged);
    const db = engine.open(staged, "readwrite");
    let self: SelfDescription;
    try {
      db.pragma("locking_mode = EXCLUSIVE");
      if (own || context.migrations.length > 0) {
        await runMigrations(context, db, [], layoutOf(context.migrations), databaseId, facts.now, false);
      } else {
        writeStampNow(context, db, [], databaseId, facts.now);
      }
      db.pragma("journal_mode = WAL");
      self = describe(db);
    } finally {
      db.close();
    }
    syncFile(staged);
    stopIfAborted(context.signal);
    if (!isAbsent(observeFiles(places.database))) throw appeared(places.database);
    replaceFile(staged, places.database);
    const inner = context.actions.splice(before);
    report({ action: "create", reason: decision.reason, file: places.database });
    context.actions.push(...inner);
    const whole: Inspection = { verdict: { kind: "sound", warnings: [] }, self, journalMode: "wal" };
    return await learn(context, withCheck({ ...facts, files: observeFiles(places.database) }, whole), whole);
  } catch (error) {
    discard(staged);
    throw toHoldfastError(error, `creating ${places.database}`) ?? error;
  }
}

export async function migrate(context: Context, facts: Facts): Promise<Facts> {
  const { places, engine, migrations, own } = context;
  const inTransaction = !own && migrations.slice(facts.layout.length).every((migration) => migration.transaction);
  const self = await (inTransaction ? migrateInPlace() : migrateOnCopy(context, facts));
  const whole: Inspection = {
    verdict: { kind: "sound", warnings: [] },
    self,
    journalMode: facts.whole?.journalMode ?? "delete",
  };
  return await learn(context, { ...facts, files: observeFiles(places.database) }, whole);

  async function migrateInPlace(): Promise<SelfDescription> {
    const db = engine.open(places.database, "readwrite", { timeout: 0 });
    try {
      // The schema is read now, in our way of waiting; else the first pragma would read it.
      await whenFree(context, () => db.prepare("SELECT count(*) FROM sqlite_schema").get());
      await runMigrations(context, db, facts.layout, facts.app.layout, facts.databaseId, facts.now, true);
      return await whenFree(context, () => describe(db));
    } finally {
      db.close();
    }
  }
}

/**
 * Migrations that cannot run in a transaction, and an application's own migrator, work on a copy that takes the
 * database's place when it is complete: a failure or a kill half-way leaves the database as it was.
 */
async function migrateOnCopy(context: Context, facts: Facts): Promise<SelfDescription> {
  const { places, engine } = context;
  const staged = temporaryIn(places.folder, places, "migrate");
  const wasWal = facts.whole?.journalMode === "wal";
  const letGo = await whenFree(context, () => settle(engine, places.database));
  const settled = observeFiles(places.database);
  try {
    await runJob(context, "stage-live", { from: places.database, to: staged, patience: context.settings.lockTimeout });
    const db = engine.open(staged, "readwrite");
    let self: SelfDescription;
    try {
      db.pragma("locking_mode = EXCLUSIVE");
      await runMigrations(context, db, facts.layout, facts.app.layout, facts.databaseId, facts.now, false);
      if (wasWal) db.pragma("journal_mode = WAL");
      self = describe(db);
    } finally {
      db.close();
    }
    const { verdict } = await runJob(context, "examine", {
      path: staged,
      scope: "alone",
      check: "full",
      scratch: temporaryIn(places.folder, places, "look"),
      beside: false,
    });
    if (verdict.kind !== "sound")
      throw new Error(
        `the migrated copy failed its check: ${verdict.kind === "corrupt" ? verdict.problems[0] : verdict.reason}`,
      );
    takeOwner(staged, facts.files.path, undefined);
    syncFile(staged);
    stopIfAborted(context.signal);
    if (!sameIdentity(settled.main, observeFiles(places.database).main)) throw written(places.database);
    await swap({ places, staged, aside: null }, copier(context));
    return self;
  } catch (error) {
    dropStaged(context.places, staged);
    letGo();
    if (wasWal && !mayBeSwapping(places)) backToWal(context);
    throw toHoldfastError(error, `migrating a copy of ${places.database}`) ?? error;
  } finally {
    letGo();
  }
}

function backToWal(context: Context): void {
  const db = context.engine.openUntrusted(context.places.database, "readwrite");
  try {
    db.pragma("journal_mode = WAL");
  } finally {
    db.close();
  }
}

function appeared(path: string): HoldfastError {
  return new HoldfastError({
    code: "DB_IN_USE",
    message: `${path} was made by another program while a new database was being created; it was left in place.`,
    hint: "Close the other program, then start again.",
    details: { path },
  });
}

/** By one that asks for no lock, for all others were kept out. */
function written(path: string): HoldfastError {
  return new HoldfastError({
    code: "DB_IN_USE",
    message: `${path} was written by another program while a copy of it was migrated; it was left as it is.`,
    hint: "Close the other program, then start again.",
    details: { path },
  });
}

export async function stamp(context: Context, facts: Facts, decision: Doing<"stamp">): Promise<Facts> {
  const { places, engine, settings } = context;
  const report = reporter(context);
  const row = {
    databaseId: facts.databaseId,
    appVersion: settings.appVersion,
    layout: fingerprint(facts.app.layout),
    changedAt: facts.now,
  };
  const self = await whenFree(context, () => {
    const db = engine.openUntrusted(places.database, "readwrite", { timeout: 0 });
    try {
      db.transaction(() => {
        removeBackupRow(db);
        writeStamp(db, row);
      }).immediate();
      return describe(db);
    } finally {
      db.close();
    }
  });
  report({ action: "stamp", reason: decision.reason, version: settings.appVersion });
  const whole: Inspection = {
    verdict: { kind: "sound", warnings: [] },
    self,
    journalMode: facts.whole?.journalMode ?? "delete",
  };
  return await learn(context, { ...facts, files: observeFiles(places.database) }, whole);
}

export function writeStampNow(context: Context, db: Connection, layout: Layout, databaseId: string, now: string): void {
  const { appVersion } = context.settings;
  const begun = reporter(context);
  const found = describe(db).stamp;
  const stands = found?.databaseId === databaseId && found.appVersion === appVersion;
  if (stands && found.layout === fingerprint(layout)) return;
  db.transaction(() => writeStamp(db, { databaseId, appVersion, layout: fingerprint(layout), changedAt: now }))();
  begun({
    action: "stamp",
    reason: `version ${found?.appVersion ?? "none"} becomes ${appVersion}`,
    version: appVersion,
  });
}

/** @param inPlace the live database: everything in one transaction, or nothing */
export async function runMigrations(
  context: Context,
  db: Connection,
  applied: Layout,
  known: Layout,
  databaseId: string,
  now: string,
  inPlace: boolean,
): Promise<void> {
  const { appVersion } = context.settings;
  const report = reporter(context);
  const pending = context.migrations.slice(applied.length);
  let outcome: MigrateOutcome;
  if (context.own) {
    outcome = await runOwnMigrator(context, db, applied, databaseId, now);
  } else {
    const order: MigrateOrder = {
      pending,
      layout: known,
      databaseId,
      appVersion,
      now,
      begin: () => whenFree(context, () => db.exec("BEGIN IMMEDIATE")),
      // Outside of WAL mode a reader is in its way, and it can be tried again: https://sqlite.org/lang_transaction.html
      commit: () => whenFree(context, () => db.exec("COMMIT")),
      stop: () => stopIfAborted(context.signal),
      onStep: (name, done, total) =>
        context.onEvent({ kind: "migrate", message: name, done, total, unit: "migrations" }),
    };
    const together = inPlace || pending.every((migration) => migration.transaction);
    outcome = await (together ? migrateInTransaction(db, order) : migrateCopy(db, order));
  }
  context.warnings.push(...outcome.warnings);
  const count = outcome.applied.length;
  report({
    action: "migrate",
    reason: `${count} migration${count === 1 ? " was" : "s were"} pending`,
    applied: outcome.applied,
  });
  context.actions.push({ action: "stamp", reason: "in the transaction of the migrations", version: appVersion, ms: 0 });
}

async function runOwnMigrator(
  context: Context,
  db: Connection,
  applied: Layout,
  databaseId: string,
  now: string,
): Promise<MigrateOutcome> {
  const { own, settings } = context;
  if (!own) throw new Error("there is no migrator of the application's own");
  try {
    await own.migrate(db);
  } catch (error) {
    const system = failureOfMedium(error, "running the application's migrate()");
    if (system) throw system;
    throw new HoldfastError(
      {
        code: "MIGRATION_FAILED",
        message: `The application's migrate() failed: ${messageOf(error)}. The database is as it was.`,
        hint: "The version of the application that was used before still opens this database. Its makers have to mend the migration.",
        details: { error: messageOf(error), appVersion: settings.appVersion },
      },
      { cause: error },
    );
  }
  const after = own.layout(db);
  if (relate(after.applied, after.known) !== "equal") {
    throw new HoldfastError({
      code: "MIGRATION_FAILED",
      message:
        "The application's migrate() returned, but layout() still does not name the application's own layout. The database is as it was.",
      hint: "Let layout(db) return { applied, known } from the same list that migrate(db) works through.",
      details: { applied: after.applied.map((step) => step.name), known: after.known.map((step) => step.name) },
    });
  }
  const stamp = { databaseId, appVersion: settings.appVersion, layout: fingerprint(after.applied), changedAt: now };
  db.transaction(() => writeStamp(db, stamp))();
  return { applied: after.applied.slice(applied.length).map((step) => step.name), warnings: [] };
}
