/**
 * Everything that a person may ask for by hand, for programs: each function is a command of the command line. Whoever only
 * launches loads none of it.
 */
import type { BackupOptions } from "./operations/backup.ts";
import type * as Diff from "./operations/diff.ts";
import type { DoctorReport } from "./operations/doctor.ts";
import type * as List from "./operations/list.ts";
import type * as Merge from "./operations/merge.ts";
import type { MoveOptions, MoveReport } from "./operations/move.ts";
import type { ChangeOptions, ChangeReport, OperationOptions } from "./operations/operation.ts";
import type { PruneReport } from "./operations/prune.ts";
import type { RebuildReport } from "./operations/rebuild-index.ts";
import type { RecoverOptions, RecoverReport } from "./operations/recover.ts";
import type { RestoreOptions } from "./operations/restore.ts";
import type { VerifyOptions, VerifyReport } from "./operations/verify.ts";
import type { SettingsInput } from "./settings-glance.ts";

/**
 * Lists the backups, the demoted databases and what was quarantined. Changes nothing, and works while the application
 * runs.
 *
 * @param settings the application's TOML file, or the same settings as an object
 * @throws HoldfastError when the settings are invalid or `db-path` names no regular file
 */
export async function list(settings: string | SettingsInput, options: List.ListOptions = {}): Promise<List.ListReport> {
  return await (await import("./operations/list.ts")).list(settings, options);
}

/**
 * Takes a verified backup now, whether the application runs or not, also where `db-backup-retention` is 0. It refreshes the
 * version's backup, where the content has changed since; with a label it is a file of its own, outside retention.
 *
 * @throws NOT_FOUND, DB_CORRUPT, CHECK_IMPOSSIBLE where there is no database that can be read; BACKUP_FAILED, DISK_FULL; what
 *   was backed up before is as it was then
 */
export async function backup(settings: string | SettingsInput, options: BackupOptions = {}): Promise<ChangeReport> {
  return await (await import("./operations/backup.ts")).backup(settings, options);
}

/**
 * Puts a copy of `source` in the database's place, by the same swap as a launch: it is verified first, and what stood there
 * is set aside, never deleted. The folders that `db-extra` names are restored too, from a folder that has them.
 *
 * @param source an id or a label of `list()`, `latest`, or the path of a database file or of a folder that
 *   `backup({ output })` wrote
 * @throws NOT_FOUND, NO_USABLE_BACKUP, DB_CORRUPT for the source; DOWNGRADE_REFUSED, MIGRATION_DRIFT where this application
 *   cannot read it; DB_IN_USE while the application runs; nothing was changed then
 */
export async function restore(
  settings: string | SettingsInput,
  source: string,
  options: RestoreOptions = {},
): Promise<ChangeReport> {
  return await (await import("./operations/restore.ts")).restore(settings, source, options);
}

/**
 * Reads all of each backup, or of what `source` names: its bytes against their checksums, its pages, its stamp and layout, and
 * the files of a folder against its manifest. One that is damaged makes the report's `error`, and the others are verified all
 * the same. Changes nothing but the time at which the index says that each was verified. Works while the application runs.
 *
 * @throws NOT_FOUND where there is no such source; INDEX_INVALID for a manifest that cannot be used
 */
export async function verify(settings: string | SettingsInput, options: VerifyOptions = {}): Promise<VerifyReport> {
  return await (await import("./operations/verify.ts")).verify(settings, options);
}

/** Lists the demoted databases, as `list()` does. */
export async function listDemoted(
  settings: string | SettingsInput,
  options: List.ListOptions = {},
): Promise<List.ListReport> {
  return await (await import("./operations/demoted.ts")).listDemoted(settings, options);
}

/** `restore()` for a demoted database; it stays where it is as well, until it is removed. */
export async function restoreDemoted(
  settings: string | SettingsInput,
  id: string,
  options: RestoreOptions = {},
): Promise<ChangeReport> {
  return await (await import("./operations/demoted.ts")).restoreDemoted(settings, id, options);
}

/** `merge()` for a demoted database; it stays where it is, until it is removed. */
export async function mergeDemoted(
  settings: string | SettingsInput,
  id: string,
  options: Merge.MergeOptions = {},
): Promise<Merge.MergeReport> {
  return await (await import("./operations/demoted.ts")).mergeDemoted(settings, id, options);
}

/** Deletes a demoted database for good, with its sidecars: the one operation that deletes a database. */
export async function removeDemoted(
  settings: string | SettingsInput,
  id: string,
  options: ChangeOptions = {},
): Promise<ChangeReport> {
  return await (await import("./operations/demoted.ts")).removeDemoted(settings, id, options);
}

/**
 * Relocates the database with its backups and their index into `folder`, copied and verified before the old files go. The
 * settings are the application's: the report says what to change in them, and a launch that looks for the database at its
 * old place says where it is.
 *
 * @throws NOT_FOUND, DB_CORRUPT where there is no readable database; IO_FAILED where something in `folder` would be replaced;
 *   DB_IN_USE while the application runs; DISK_FULL; nothing was changed then
 */
export async function move(
  settings: string | SettingsInput,
  folder: string,
  options: MoveOptions = {},
): Promise<MoveReport> {
  return await (await import("./operations/move.ts")).move(settings, folder, options);
}

/**
 * Compares two databases: their schema, and row by row the tables that both have. Changes nothing, and works while the
 * application runs. Rows are read one by one, so that size costs time and no memory.
 *
 * @param left with `right`, the left one. Alone, it is compared with the database: then that is the left one, and `added`
 *   counts the rows that this one has and the database has not
 * @param right an id or a label of `list()`, `latest`, or the path of a database file or of a folder that
 *   `backup({ output })` wrote, as `left`
 * @throws NOT_FOUND for a name or a table that neither has; DB_CORRUPT and others, as SQLite fails
 */
export async function diff(
  settings: string | SettingsInput,
  left: string,
  right?: string,
  options: Diff.DiffOptions = {},
): Promise<Diff.DiffReport> {
  return await (await import("./operations/diff.ts")).diff(settings, left, right, options);
}

/**
 * Brings the rows of `source` into the database, in one transaction: by primary key or unique key, parents before the
 * rows that refer to them, in the columns that both have. No row is ever deleted. Behind a restore point, unless
 * `db-backup-retention` is 0. `confirm` and `dryRun` are told what comes of it, with `merge` in the report.
 *
 * @param source an id or a label of `list()`, `latest`, or the path of a database file or of a folder that
 *   `backup({ output })` wrote
 * @throws MERGE_CONFLICT with the conflicts in `details.report`, where `onConflict` is `abort`; NOT_FOUND,
 *   NO_USABLE_BACKUP, DB_CORRUPT for the source; CHECK_IMPOSSIBLE where the database was not closed and no launch has
 *   looked at it since; BACKUP_FAILED, DISK_FULL where there is no restore point; DB_IN_USE while the application runs;
 *   nothing was changed then
 */
export async function merge(
  settings: string | SettingsInput,
  source: string,
  options: Merge.MergeOptions = {},
): Promise<Merge.MergeReport> {
  return await (await import("./operations/merge.ts")).merge(settings, source, options);
}

/**
 * Removes now what the next backup would remove: backups beyond `db-backup-retention`, and quarantined files beyond
 * `db-quarantine-retention`. The report has a reason for each file, removed or kept. Works while the application runs.
 *
 * @throws DB_LOCKED where another process is at work on the index
 */
export async function prune(settings: string | SettingsInput, options: ChangeOptions = {}): Promise<PruneReport> {
  return await (await import("./operations/prune.ts")).prune(settings, options);
}

/**
 * Sets the index aside and makes it anew from the backups, each of which is verified first; one that is damaged is
 * quarantined, and none is removed. Works while the application runs.
 *
 * @throws DB_LOCKED where another process is at work on the index
 */
export async function rebuildIndex(
  settings: string | SettingsInput,
  options: ChangeOptions = {},
): Promise<RebuildReport> {
  return await (await import("./operations/rebuild-index.ts")).rebuildIndex(settings, options);
}

/**
 * Is everything as it should be? One page of findings about the database, its backups and what they stand on, each with
 * what helps. Changes nothing, and works while the application runs, with a missing or corrupt database, and without a
 * version. What is amiss is in the report, whose `error` is the first problem.
 *
 * @param settings the application's TOML file, or the same settings as an object
 * @throws ABORTED
 */
export async function doctor(settings: string | SettingsInput, options: OperationOptions = {}): Promise<DoctorReport> {
  return await (await import("./operations/doctor.ts")).doctor(settings, options);
}

/**
 * Checks the database, and where it is damaged reads what can be read of it, page by page and without SQLite, into a new
 * file beside it. The damaged one is never written to; the new one has its schema, indexes, triggers and views, passed a
 * full check, and takes no place: `restore()` puts it there. For any SQLite file; one without settings goes as
 * `recover({ path: "file.sqlite", migrations: false })`.
 *
 * @throws NOT_FOUND where there is nothing to read; IO_FAILED where `output` exists; DB_IN_USE while the application runs,
 *   or where the file was written meanwhile; DISK_FULL; ABORTED; nothing is left then
 */
export async function recover(settings: string | SettingsInput, options: RecoverOptions = {}): Promise<RecoverReport> {
  return await (await import("./operations/recover.ts")).recover(settings, options);
}
