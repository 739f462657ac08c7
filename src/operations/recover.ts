/**
 * Reading what can be read of a damaged database into a new file beside it. The damaged one is never written to, and the
 * new one takes no place: that is for `restore`.
 */
import { basename, dirname, join, parse, resolve } from "node:path";
import { freeName } from "../backups/set-aside.ts";
import { type DatabaseFiles, isAbsent, observeFiles, SIDECARS } from "../database/files.ts";
import { discard } from "../database/look.ts";
import { makeEmpty } from "../database/migrate-apart.ts";
import { findMigrations } from "../database/migrations.ts";
import { clipped, HoldfastError, named } from "../errors.ts";
import { temporaryIn } from "../places.ts";
import { createPrivateFolder, replaceFile, sameIdentity, syncFile } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { requireSpace } from "../platform/free-space.ts";
import { describeTable, shortcomingsOf } from "../recovery/salvage/describe.ts";
import type { SalvageReport } from "../recovery/salvage/report.ts";
import type { RecoveredTable } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter, runJob, stopIfAborted } from "../toolbox.ts";
import { checkFile } from "./check-file.ts";
import { noDatabase, withDatabaseAlone } from "./hold.ts";
import { type ChangeReport, type Operation, type OperationOptions, operate } from "./operation.ts";
import { exists } from "./refusals.ts";
import { findSource } from "./source.ts";
import { type Stock, takeStock } from "./take-stock.ts";

const { existsSync, lstatSync } = fs;

export interface RecoverOptions extends OperationOptions {
  /** What is read: an id, a label, or the path of a file. Default: the database. */
  readonly source?: string | undefined;
  /** The new file, where there must be nothing yet. Default: beside what is read, as in `library-recovered.sqlite`. */
  readonly output?: string | undefined;
  /**
   * A file with the same tables, for where the schema cannot be read. Default: the newest backup, a demoted database, or
   * what the migrations make of an empty one.
   */
  readonly donor?: string | undefined;
  /** Reads what was deleted and not yet overwritten as well, into a table of its own. Default false. */
  readonly deleted?: boolean | undefined;
  /** Only checks, and says where the new file would go. Default false. */
  readonly dryRun?: boolean | undefined;
}

export interface RecoverReport extends ChangeReport {
  /** What was read. */
  readonly file: string;
  /** What is amiss with it; null where it is sound. */
  readonly damage: string | null;
  /** The new file; null where there was nothing to recover. */
  readonly output: string | null;
  readonly tables: readonly RecoveredTable[];
  /** Rows whose table is not known, and the table of the new file that has them. */
  readonly lostAndFound: { readonly table: string; readonly rows: number } | null;
  /** Pages that cannot be read, as ranges, first and last. */
  readonly unreadable: SalvageReport["unreadable"] | null;
}

export async function recover(settings: string | SettingsInput, options: RecoverOptions = {}): Promise<RecoverReport> {
  return await operate("recover", settings, options, async (op) => {
    const stock = await takeStock(op);
    const isLive = options.source === undefined || resolve(options.source) === op.places.database;
    const path = isLive ? op.places.database : findSource(op, stock, String(options.source)).path;
    const order = { path, stock, options };
    // A file that Holdfast never guarded has no lock, and gets none.
    const guarded = isLive && existsSync(op.places.lock);
    return guarded ? await withDatabaseAlone(op, () => recoverFile(op, order)) : await recoverFile(op, order);
  });
}

interface Order {
  readonly path: string;
  readonly stock: Stock;
  readonly options: RecoverOptions;
}

async function recoverFile(op: Operation, order: Order): Promise<RecoverReport> {
  const { path, options } = order;
  const before = observeFiles(path);
  if (isAbsent(before)) throw path === op.places.database ? noDatabase(op) : hasNothing(path);
  const output =
    options.output === undefined ? freeName(dirname(path), `${parse(path).name}-recovered`) : resolve(options.output);
  if (["", ...SIDECARS].some((ending) => lstatSync(output + ending, { throwIfNoEntry: false }))) throw exists(output);
  const damage = await findDamage(op, path);
  const nothing = { file: path, damage, output: null, tables: [], lostAndFound: null, unreadable: null };
  if (damage === null && !options.deleted) return { ...op.report("done"), ...nothing };
  const reason = damage === null ? "what was deleted is read as well" : `what can be read of ${path} is written to it`;
  if (options.dryRun) {
    return { ...op.report("would-do", [{ action: "salvage", reason, file: output }]), ...nothing, output };
  }
  const report = reporter(op);
  const salvaged = await salvageTo(op, order, output, before);
  report({ action: "salvage", reason, file: output });
  op.warn(...shortcomingsOf(salvaged));
  const { lostAndFound, unreadable } = salvaged;
  return {
    ...op.report("done"),
    file: path,
    damage,
    output,
    tables: salvaged.tables.map(describeTable),
    lostAndFound: lostAndFound && { table: lostAndFound.table, rows: lostAndFound.rows },
    unreadable,
  };
}

function hasNothing(path: string): HoldfastError {
  return new HoldfastError({
    code: "NOT_FOUND",
    message: `${path} has zero bytes: there is nothing in it that could be read.`,
    hint: "holdfast list shows what there is besides.",
    details: { path },
  });
}

/** In words; null where all of it is sound. */
async function findDamage(op: Operation, path: string): Promise<string | null> {
  const message = `checking ${path}`;
  op.onEvent({ kind: "check", message });
  const { verdict } = await checkFile(op, { path, scope: "whole", kind: "check", message });
  if (verdict.kind === "sound") return null;
  return verdict.kind === "corrupt" ? clipped(verdict.problems[0] ?? "") : verdict.reason;
}

/** The newest backup, a demoted database, or what the migrations make of an empty one. */
async function findDonor(op: Operation, { stock, path }: Order, empty: string): Promise<string | undefined> {
  const { own, survey } = stock;
  const demoted = survey.setAside.filter(({ kind, file, files }) => kind === "demoted" && files.includes(file));
  const files = [...own, ...demoted].map(({ file }) => join(op.places.backups, file));
  const found = files.find((file) => file !== path);
  if (found !== undefined) return found;
  try {
    const migrations = await findMigrations(op.settings.migrations);
    if (migrations.length === 0) return undefined;
    await makeEmpty(op.engine, empty, migrations, { appVersion: "0.0.0", now: op.now().toISOString() });
    return empty;
  } catch {
    // What is amiss with them is told already; the file may well tell its schema itself.
    return undefined;
  }
}

async function salvageTo(op: Operation, order: Order, to: string, before: DatabaseFiles): Promise<SalvageReport> {
  const { path: from, options } = order;
  const folder = dirname(to);
  named(`making the folder ${folder}`, () => {
    createPrivateFolder(folder);
    requireSpace(folder, Number(before.main?.size ?? 0));
  });
  const staged = temporaryIn(folder, op.places, "salvage");
  const empty = temporaryIn(folder, op.places, "create");
  try {
    const donor = options.donor === undefined ? await findDonor(op, order, empty) : resolve(options.donor);
    const report = await runJob(
      op,
      "salvage",
      { from, to: staged, deleted: options.deleted ?? false, ...(donor === undefined ? {} : { donor }) },
      ({ done, total }) =>
        op.onEvent({ kind: "salvage", message: `reading ${basename(from)}`, done, total, unit: "pages" }),
    );
    if (!isSame(before, observeFiles(from))) throw written(from);
    await requireSoundResult(op, staged, from);
    stopIfAborted(op.signal);
    named(`writing ${to}`, () => {
      syncFile(staged);
      replaceFile(staged, to);
    });
    return report;
  } catch (error) {
    await op.stopChild();
    discard(staged);
    throw error;
  } finally {
    discard(empty);
  }
}

function isSame(before: DatabaseFiles, after: DatabaseFiles): boolean {
  return sameIdentity(before.main, after.main) && sameIdentity(before.sidecars["-wal"], after.sidecars["-wal"]);
}

function written(path: string): HoldfastError {
  return new HoldfastError({
    code: "DB_IN_USE",
    message: `${path} was written by another program while it was read; nothing was kept of what was read.`,
    hint: "Close every program that has it open, then give the command again.",
    details: { path },
  });
}

async function requireSoundResult(op: Operation, path: string, from: string): Promise<void> {
  const message = "checking what was read";
  const { verdict } = await checkFile(op, { path, scope: "alone", kind: "check", message });
  if (verdict.kind === "sound") return;
  const why = verdict.kind === "corrupt" ? verdict.problems[0] : verdict.reason;
  throw new HoldfastError({
    code: "IO_FAILED",
    message: `What was read of ${from} did not pass its own check (${why}), and was thrown away; ${from} is as it was.`,
    hint: "Give the command again; if it happens again, check the medium.",
    details: { path: from },
  });
}
