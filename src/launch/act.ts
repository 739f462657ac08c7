/** Carries out one decision and returns what was learnt by it. Each function is one word of `decide`. */
import { randomUUID } from "node:crypto";
import { chmodSync, chownSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { idForUnstamped, usability } from "../backups/choose.ts";
import type { IndexEntry } from "../backups/index-file.ts";
import { noteRestore } from "../backups/restores.ts";
import { freeName } from "../backups/set-aside.ts";
import type { BackupOrder, BackupOutcome } from "../backups/take.ts";
import type { Verification } from "../backups/verify.ts";
import { isAbsent, livingSidecars, observeFiles, presentSidecars } from "../database/files.ts";
import type { Inspection } from "../database/integrity.ts";
import { fingerprint, type Layout, relate } from "../database/layout.ts";
import { discard, lookAlone, lookWhole } from "../database/look.ts";
import { type MigrateOrder, type MigrateOutcome, migrateCopy, migrateInTransaction } from "../database/migrate.ts";
import { findUnfit, layoutOf } from "../database/migrations.ts";
import type { Connection } from "../database/open.ts";
import { describe, type LedgerEntry, removeBackupRow, type SelfDescription, writeStamp } from "../database/stamp.ts";
import { finishSwap, settle, swap, unfinishedSwap } from "../database/swap.ts";
import { HoldfastError, messageOf, toHoldfastError } from "../errors.ts";
import { demotedName, quarantineName, temporaryIn } from "../places.ts";
import {
  createPrivateFile,
  createPrivateFolder,
  removeDurably,
  replaceFile,
  sameIdentity,
  secondName,
  syncFile,
  syncFolder,
} from "../platform/atomic-file.ts";
import { poll } from "../platform/lock.ts";
import type { ActionReport } from "../report.ts";
import { type Context, runJob, stopIfAborted } from "./context.ts";
import type { Action, Cause } from "./decide.ts";
import { type Facts, stampOf } from "./facts.ts";
import { observe } from "./observe.ts";

type Doing<Name extends Action["do"]> = Extract<Action, { do: Name }>;

export async function act(context: Context, facts: Facts, decision: Action): Promise<Facts> {
  stopIfAborted(context.signal);
  switch (decision.do) {
    case "wait":
      return await wait(context, facts, decision);
    case "finish-swap":
      return await completeSwap(context, facts, decision);
    case "examine":
      return await examine(context, facts, decision);
    case "quarantine-sidecars":
      return await quarantineSidecars(context, facts, decision);
    case "verify":
      return await verify(context, facts, decision);
    case "restore":
      return await restore(context, facts, decision);
    case "create":
      return await create(context, facts, decision);
    case "restore-point":
      return await takeRestorePoint(context, facts, decision);
    case "migrate":
      return await migrate(context, facts);
    case "stamp":
      return await stamp(context, facts, decision);
  }
}

/** Adds what was done to the report, with its time. */
function reporter(context: Context): (action: ActionReport) => void {
  const begun = performance.now();
  return (action) => context.actions.push({ ...action, ms: Math.round((performance.now() - begun) * 10) / 10 });
}

async function wait(context: Context, facts: Facts, decision: Doing<"wait">): Promise<Facts> {
  const { lock, settings, signal } = context;
  if (!lock) return { ...facts, waited: true };
  context.onEvent({ kind: "wait", message: decision.reason });
  lock.letGo();
  const left = Math.max(0, settings.lockTimeout - (performance.now() - context.begun));
  // A launch that finishes becomes a running application, beside which this one may be able to open at once.
  const mayShare = facts.lock === "taken";
  const held = await poll(
    () => (!context.readonly && lock.tryExclusive()) || (mayShare && lock.tryShared()),
    left,
    signal,
  );
  if (held) return await observe(context, false);
  return lock.tryShared() ? await observe(context, true) : { ...facts, lock: "taken", waited: true };
}

/** Alone where possible, else beside a running application; false while another launch is under way. */
export async function acquire(context: Context): Promise<boolean> {
  const { lock, signal } = context;
  if (!lock) return true;
  if (context.readonly) return lock.tryShared();
  return lock.tryExclusive() || (await poll(() => lock.tryExclusive(), ORPHAN_MS, signal)) || lock.tryShared();
}

/** The child of an application that was killed holds the lock until it notices, and is no application to open beside. */
const ORPHAN_MS = 100;

/**
 * Tries until another program lets go of the database, or `db-lock-timeout` is over. Without SQLite's own busy
 * timeout, which would keep the event loop from turning.
 */
async function whenFree<T>(context: Context, task: () => T): Promise<T> {
  let result: { value: T } | undefined;
  let last: unknown;
  const attempt = () => {
    try {
      result = { value: task() };
      return true;
    } catch (error) {
      last = error;
      if (toHoldfastError(error, "waiting")?.code !== "DB_IN_USE") throw error;
      return false;
    }
  };
  await poll(attempt, context.settings.lockTimeout, context.signal);
  if (result) return result.value;
  throw toHoldfastError(last, `waiting for ${context.places.database}`) ?? last;
}

/** Copies the live file through a child: its descriptors must not be opened and closed in this process. */
function copier(context: Context): (from: string, to: string) => Promise<void> {
  return async (from, to) => {
    await runJob(context, "copy", { from, to });
  };
}

async function completeSwap(context: Context, facts: Facts, decision: Doing<"finish-swap">): Promise<Facts> {
  const report = reporter(context);
  const aside = facts.intent?.kind === "resumable" ? facts.intent.aside : null;
  await finishSwap(context.places, copier(context));
  report({ action: "finish-swap", reason: decision.reason, ...(aside === null ? {} : { file: aside }) });
  return await observe(context, facts.waited);
}

async function examine(context: Context, facts: Facts, decision: Doing<"examine">): Promise<Facts> {
  const { places } = context;
  const { scope, check } = decision;
  const report = reporter(context);
  if (check === "full")
    context.onEvent({
      kind: "check",
      message: `checking ${places.database}`,
      total: Number(facts.files.main?.size ?? 0),
      unit: "bytes",
    });
  const inspection = await runJob(context, "examine", {
    path: places.database,
    scope,
    check,
    scratch: temporaryIn(places.folder, places, "look"),
  });
  if (check === "full") report({ action: "check", reason: decision.reason, file: places.database });
  if (scope === "alone") return { ...facts, alone: { ...inspection, checked: check === "full" } };
  return await learn(context, { ...facts, files: observeFiles(places.database) }, inspection);
}

/** Takes in what is now known of the database as a whole: its layout, and whether what is pending may run. */
export async function learn(context: Context, facts: Facts, whole: Inspection): Promise<Facts> {
  const warnings = whole.verdict.kind === "sound" ? whole.verdict.warnings : [];
  for (const warning of warnings) if (!context.warnings.includes(warning)) context.warnings.push(warning);
  if (whole.verdict.kind !== "sound") return { ...facts, whole, layout: whole.self?.ledger ?? [] };
  const { applied, known } = layoutsOf(context, context.places.database, whole);
  const databaseId =
    whole.self?.stamp?.databaseId ?? idForUnstamped(facts.survey.backups, context.places.database) ?? facts.databaseId;
  const app = { ...facts.app, layout: known };
  const pending = relate(applied, known) === "behind" ? context.migrations.slice(applied.length) : [];
  return { ...facts, app, whole, databaseId, layout: applied, unfit: context.own ? null : await findUnfit(pending) };
}

/** The layout in a file and the application's: by ledger and migrations, or as its own migrator names them. */
function layoutsOf(
  context: Context,
  path: string,
  { self, journalMode }: Inspection,
): { applied: readonly LedgerEntry[]; known: Layout } {
  if (!context.own) return { applied: self?.ledger ?? [], known: layoutOf(context.migrations) };
  const { own, engine, places } = context;
  const look = (db: Connection) => asLedgers(own.layout(db));
  if (livingSidecars(observeFiles(path)).length > 0) return lookWhole(engine, path, look);
  return lookAlone(engine, path, { journalMode, scratch: temporaryIn(dirname(path), places, "look") }, look);
}

function asLedgers(named: { applied: Layout; known: Layout }): { applied: readonly LedgerEntry[]; known: Layout } {
  const applied = named.applied.map((step) => ({
    name: step.name,
    checksum: step.checksum,
    compatibleSince: step.compatibleSince ?? null,
    appliedAt: "",
    appVersion: "",
    down: null,
  }));
  return { applied, known: named.known };
}

async function quarantineSidecars(
  context: Context,
  facts: Facts,
  decision: Doing<"quarantine-sidecars">,
): Promise<Facts> {
  const { places } = context;
  const report = reporter(context);
  const aside = await namedFolder(context, quarantineName(places.stem, facts.now));
  for (const ending of presentSidecars(facts.files)) {
    await secondName(places.database + ending, aside + ending, copier(context));
    syncFolder(places.backups);
    removeDurably(places.database + ending);
  }
  const kept = presentSidecars(facts.files).map((ending) => aside + ending);
  report({ action: "quarantine", reason: decision.reason, file: kept[0] ?? aside });
  const next = { ...facts, files: observeFiles(places.database), whole: null, alone: null };
  return facts.alone?.checked ? await learn(context, next, facts.alone) : next;
}

async function namedFolder(context: Context, name: string): Promise<string> {
  const { backups } = context.places;
  try {
    createPrivateFolder(backups);
    return freeName(backups, name);
  } catch (error) {
    throw toHoldfastError(error, `making room in ${backups}`) ?? error;
  }
}

async function verify(context: Context, facts: Facts, decision: Doing<"verify">): Promise<Facts> {
  const { backup } = decision;
  const { places, own } = context;
  context.onEvent({ kind: "verify", message: `verifying ${backup.file}`, total: backup.size, unit: "bytes" });
  const app = own ? null : { layout: facts.app.layout, version: facts.app.version };
  let verification: Verification = await runJob(context, "verify", { places, entry: backup, app });
  if (verification.ok && own) {
    const { applied, known } = layoutsOf(context, join(places.backups, backup.file), verification.inspection);
    const { usable, relation } = usability(applied, known, facts.app.version);
    if (!usable) verification = { ok: false, reason: `its layout is ${relation}` };
  }
  if (!verification.ok) context.warnings.push(`The backup ${backup.file} was passed over: ${verification.reason}.`);
  return withVerification(facts, backup.file, verification);
}

function withVerification(facts: Facts, file: string, verification: Verification): Facts {
  return { ...facts, verifications: new Map(facts.verifications).set(file, verification) };
}

/**
 * One swap: the backup is copied beside the database, migrated, stamped and checked there, and only then takes
 * its place. What stood there is set aside under a name of its own.
 */
async function restore(context: Context, facts: Facts, decision: Doing<"restore">): Promise<Facts> {
  const { places } = context;
  const { backup, cause } = decision;
  const verified = facts.verifications.get(backup.file);
  if (!verified?.ok) throw new Error(`${backup.file} was not verified`);
  const report = reporter(context);
  const staged = temporaryIn(places.folder, places, "restore");
  const before = context.actions.length;
  try {
    await runJob(context, "stage", { from: join(places.backups, backup.file), to: staged, sha256: verified.sha256 });
    await makeReady(context, facts, staged, verified.inspection);
    const inspection = await runJob(context, "examine", {
      path: staged,
      scope: "alone",
      check: "full",
      scratch: temporaryIn(places.folder, places, "look"),
    });
    if (inspection.verdict.kind !== "sound") {
      dropStaged(context, staged);
      return withVerification(facts, backup.file, {
        ok: false,
        reason: "its copy failed the check after it was made ready",
      });
    }
    takeOwner(staged, facts, verified.inspection.self?.backup?.fileMode);
    syncFile(staged);
    stopIfAborted(context.signal);
    const aside = await setAsideName(context, facts, cause);
    if (cause === "downgrade") await whenFree(context, () => settle(context.engine, places.database));
    await swap({ places, staged, aside }, copier(context));
    if (aside !== null) makePrivate(aside);
    const inner = context.actions.splice(before);
    report({
      action: "restore",
      reason: decision.reason,
      file: join(places.backups, backup.file),
      version: backup.version,
      lost: lossWindow(facts, backup),
    });
    if (aside !== null) {
      const reason =
        cause === "downgrade" ? "it is kept for the version that can read it" : "the corrupt file is kept as found";
      report({
        action: cause === "downgrade" ? "demote" : "quarantine",
        reason,
        file: aside,
        version: stampOf(facts)?.appVersion ?? null,
      });
    }
    context.actions.push(...inner);
    await confirmLater(context, backup, facts.now);
    const next = {
      ...facts,
      files: observeFiles(places.database),
      alone: null,
      restoredFrom: backup.file,
      restorePoint: { file: backup.file },
    };
    return await learn(context, next, inspection);
  } catch (error) {
    dropStaged(context, staged);
    throw toHoldfastError(error, `restoring ${places.database} from ${backup.file}`) ?? error;
  }
}

/** A swap that was begun needs its staged file: the next launch completes it. */
function dropStaged(context: Context, staged: string): void {
  if (unfinishedSwap(context.places) === null) discard(staged);
}

/** Turns the copy of a backup into a database of this app version. */
async function makeReady(context: Context, facts: Facts, staged: string, inspection: Inspection): Promise<void> {
  const row = inspection.self?.backup;
  const { applied, known } = layoutsOf(context, staged, inspection);
  const relation = relate(applied, known);
  const databaseId = row?.databaseId ?? randomUUID();
  const db = context.engine.open(staged, "readwrite");
  try {
    db.pragma("locking_mode = EXCLUSIVE");
    db.transaction(() => removeBackupRow(db))();
    if (relation === "behind") await runMigrations(context, db, applied, known, databaseId, facts.now, false);
    else if (relation === "equal") writeStampNow(context, db, known, databaseId, facts.now);
    if (row?.journalMode === "wal") db.pragma("journal_mode = WAL");
  } finally {
    db.close();
  }
}

function writeStampNow(context: Context, db: Connection, layout: Layout, databaseId: string, now: string): void {
  const { appVersion } = context.settings;
  const begun = reporter(context);
  const found = describe(db).stamp;
  if (found?.appVersion === appVersion && found.layout === fingerprint(layout)) return;
  db.transaction(() => writeStamp(db, { databaseId, appVersion, layout: fingerprint(layout), changedAt: now }))();
  begun({
    action: "stamp",
    reason: `version ${found?.appVersion ?? "none"} becomes ${appVersion}`,
    version: appVersion,
  });
}

/** @param inPlace the live database: everything in one transaction, or nothing */
async function runMigrations(
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

/** The restored file gets the owner and mode of the one it replaces, or the mode that its backup remembers. */
function takeOwner(staged: string, facts: Facts, remembered: number | undefined): void {
  if (process.platform === "win32") return;
  const old = statSync(facts.files.path, { throwIfNoEntry: false });
  const mode = old ? old.mode & 0o777 : remembered;
  if (mode !== undefined) chmodSync(staged, mode);
  if (old && process.getuid?.() === 0) chownSync(staged, old.uid, old.gid);
}

async function setAsideName(context: Context, facts: Facts, cause: Cause): Promise<string | null> {
  const { stem } = context.places;
  if (cause === "missing") return null;
  if (cause === "corruption") return await namedFolder(context, quarantineName(stem, facts.now));
  return await namedFolder(context, demotedName(stem, stampOf(facts)?.appVersion ?? null));
}

function makePrivate(file: string): void {
  if (process.platform !== "win32") chmodSync(file, 0o600);
}

/** What was written after the backup is not in it; until when there was something to write is told by the file. */
function lossWindow(facts: Facts, backup: IndexEntry): { from: string; to: string } {
  const { main, sidecars } = facts.files;
  const times = [main, sidecars["-wal"]].flatMap((file) => (file ? [Number(BigInt(file.mtime) / 1_000_000n)] : []));
  const to = isAbsent(facts.files) ? facts.now : new Date(Math.max(...times)).toISOString();
  return { from: backup.createdAt, to: to < backup.createdAt ? backup.createdAt : to };
}

/** Two restores with no clean close between are a loop; a person should hear of it. */
async function confirmLater(context: Context, backup: IndexEntry, now: string): Promise<void> {
  const restore = { databaseId: backup.databaseId, at: now, file: backup.file };
  try {
    const previous = await noteRestore(context.engine.openPlain, context.places, restore);
    if (!previous) return;
    context.warnings.push(
      `This is a loop: the database was restored from ${previous.file} at ${previous.at} already, and was not closed cleanly since. The medium or the application may be damaging it.`,
    );
  } catch (error) {
    context.warnings.push(`The restore could not be noted in the index: ${messageOf(error)}`);
  }
}

/** A new database is made under a temporary name, and exists under its own once it is complete. */
async function create(context: Context, facts: Facts, decision: Doing<"create">): Promise<Facts> {
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
    return await learn(context, { ...facts, files: observeFiles(places.database) }, whole);
  } catch (error) {
    discard(staged);
    throw toHoldfastError(error, `creating ${places.database}`) ?? error;
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

async function takeRestorePoint(context: Context, facts: Facts, decision: Doing<"restore-point">): Promise<Facts> {
  const report = reporter(context);
  try {
    const order = backupOrder(context, facts, "restore-point");
    const outcome = await runJob(context, "backup", order, ({ done, total }) =>
      context.onEvent({ kind: "back-up", message: decision.reason, done, total, unit: "pages" }),
    );
    context.warnings.push(...outcome.warnings);
    for (const action of backupActions(context, outcome, "restore-point")) report(action);
    return { ...facts, restorePoint: { file: outcome.entry?.file ?? "" } };
  } catch (error) {
    stopIfAborted(context.signal);
    const failed = toHoldfastError(error, `taking a restore point of ${context.places.database}`);
    if (!failed) throw error;
    return { ...facts, restorePoint: { failed: failed.toJSON() } };
  }
}

/** What is ordered of the child: a restore point alone, before anything changes; the launch's behind the app. */
export function backupOrder(
  context: Context,
  facts: Facts,
  reason: "launch" | "restore-point",
  copy = true,
): BackupOrder {
  const { places, settings } = context;
  return {
    copy,
    places,
    databaseId: facts.databaseId,
    runningVersion: settings.appVersion,
    reason,
    retention: settings.backupRetention,
    quarantineRetention: settings.quarantineRetention,
    now: context.now().toISOString(),
    exclusive: reason === "restore-point",
  };
}

export function backupActions(context: Context, outcome: BackupOutcome, reason: string): ActionReport[] {
  const { backups } = context.places;
  const { entry, result, retired } = outcome;
  const unchanged = result === "unchanged" ? { unchanged: true as const } : {};
  return [
    ...(entry
      ? [{ action: "back-up" as const, reason, version: entry.version, file: join(backups, entry.file), ...unchanged }]
      : []),
    ...retired.map((each) => ({ action: "retire" as const, reason: each.reason, file: join(backups, each.file) })),
  ];
}

async function migrate(context: Context, facts: Facts): Promise<Facts> {
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
      await runMigrations(context, db, facts.layout, facts.app.layout, facts.databaseId, facts.now, true);
      return describe(db);
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
  await whenFree(context, () => settle(engine, places.database));
  const settled = observeFiles(places.database);
  try {
    await runJob(context, "stage-live", { from: places.database, to: staged });
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
    });
    if (verdict.kind !== "sound")
      throw new Error(
        `the migrated copy failed its check: ${verdict.kind === "corrupt" ? verdict.problems[0] : verdict.reason}`,
      );
    takeOwner(staged, facts, undefined);
    syncFile(staged);
    stopIfAborted(context.signal);
    if (!sameIdentity(settled.main, observeFiles(places.database).main)) throw appeared(places.database);
    await swap({ places, staged, aside: null }, copier(context));
    return self;
  } catch (error) {
    dropStaged(context, staged);
    if (wasWal) backToWal(context);
    throw toHoldfastError(error, `migrating a copy of ${places.database}`) ?? error;
  }
}

function backToWal(context: Context): void {
  const db = context.engine.open(context.places.database, "readwrite");
  try {
    db.pragma("journal_mode = WAL");
  } finally {
    db.close();
  }
}

async function stamp(context: Context, facts: Facts, decision: Doing<"stamp">): Promise<Facts> {
  const { places, engine, settings } = context;
  const report = reporter(context);
  const row = {
    databaseId: facts.databaseId,
    appVersion: settings.appVersion,
    layout: fingerprint(facts.app.layout),
    changedAt: facts.now,
  };
  const self = await whenFree(context, () => {
    const db = engine.open(places.database, "readwrite", { timeout: 0 });
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
