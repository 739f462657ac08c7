/**
 * What Holdfast writes into a database: the stamp (whose it is, and which app version changed it last), the
 * ledger of applied migrations, and, in a backup, the row that says what the copy is. All three live in
 * tables that begin with `_holdfast_`.
 */
import type { LayoutStep } from "./layout.ts";
import type { Connection } from "./open.ts";
import { BACKUP, createOwnTable, LEDGER, notOurs, OWN_DIGEST, requireOwnTables, STAMP } from "./own-tables.ts";

export interface Stamp {
  /** Random, given once; tells this database from every other through all of its versions. */
  readonly databaseId: string;
  /** The app version that last changed stamp or layout. */
  readonly appVersion: string;
  readonly layout: string;
  /** ISO 8601, UTC. */
  readonly changedAt: string;
}

export interface LedgerEntry extends LayoutStep {
  readonly compatibleSince: string | null;
  readonly appliedAt: string;
  readonly appVersion: string;
  readonly down: string | null;
}

export const BACKUP_REASONS = ["launch", "restore-point", "manual", "scheduled"] as const;
export type BackupReason = (typeof BACKUP_REASONS)[number];

/** The row that makes a backup self-describing. */
export interface BackupRow {
  readonly databaseId: string;
  /** The database, relative to the backup folder: tells two that share a folder apart once one is missing. */
  readonly databasePath: string;
  readonly version: string | null;
  readonly layout: string;
  readonly sequence: number;
  readonly createdAt: string;
  readonly reason: BackupReason;
  readonly label: string | null;
  /** SHA-256 of the pages copied, see snapshot.ts. */
  readonly content: string;
  /** What the database's own file was, for a restore to give back. */
  readonly journalMode: "wal" | "delete";
  readonly fileMode: number;
}

/** What a database says of itself. */
export interface SelfDescription {
  readonly stamp: Stamp | null;
  readonly ledger: readonly LedgerEntry[];
  readonly backup: BackupRow | null;
  /** The digest of a backup's own bytes, see backups/own-digest.ts. */
  readonly ownDigest: string | null;
  /** The application's own tables. */
  readonly tables: readonly string[];
}

/**
 * Reads what the database says of itself. Whoever made the file may have written anything there, so nothing is
 * believed to be of the right type or size, and versions become parts of file names.
 *
 * @param path the database as messages name it
 * @throws CHECK_IMPOSSIBLE where it is not what Holdfast writes
 */
export function describe(db: Connection, path: string = db.name): SelfDescription {
  const own = requireOwnTables(db, path);
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all().filter(isText);
  return {
    stamp: own.has(STAMP) ? readStamp(db, path) : null,
    ledger: own.has(LEDGER) ? readLedger(db, path) : [],
    backup: own.has(BACKUP) ? readBackupRow(db, path) : null,
    ownDigest: own.has(OWN_DIGEST) ? readOwnDigest(db, path) : null,
    tables: names.filter((name) => !name.startsWith("_holdfast_") && !name.startsWith("sqlite_")).sort(),
  };
}

function readStamp(db: Connection, path: string): Stamp | null {
  requireSize(db, path, STAMP, ["database_id", "app_version", "layout", "changed_at"]);
  const row = db
    .prepare(
      `SELECT database_id AS databaseId, app_version AS appVersion, layout, changed_at AS changedAt FROM ${STAMP} WHERE id = 1`,
    )
    .get() as Record<string, unknown> | undefined;
  if (!row) return null;
  const { databaseId, appVersion, layout, changedAt } = row;
  return checked<Stamp>(row, path, STAMP, [databaseId, layout, changedAt].every(isText) && isVersion(appVersion));
}

function readLedger(db: Connection, path: string): LedgerEntry[] {
  const texts = ["name", "checksum", "compatible_since", "applied_at", "app_version", "down_sql"];
  requireSize(db, path, LEDGER, texts, LEDGER_BYTES);
  const rows = db
    .prepare(
      `SELECT name, checksum, compatible_since AS compatibleSince, applied_at AS appliedAt, app_version AS appVersion, down_sql AS down
       FROM ${LEDGER} ORDER BY position`,
    )
    .all() as Record<string, unknown>[];
  return rows.map((row) => {
    const { name, checksum, compatibleSince, appliedAt, appVersion, down } = row;
    const fits = [name, checksum, appliedAt, appVersion].every(isText) && [compatibleSince, down].every(isTextOrNull);
    return checked<LedgerEntry>(row, path, LEDGER, fits);
  });
}

function readBackupRow(db: Connection, path: string): BackupRow | null {
  requireSize(db, path, BACKUP, [
    "database_id",
    "database_path",
    "version",
    "layout",
    "created_at",
    "label",
    "content",
  ]);
  const row = db
    .prepare(
      `SELECT database_id AS databaseId, database_path AS databasePath, version, layout, sequence, created_at AS createdAt,
              reason, label, content, journal_mode AS journalMode, file_mode AS fileMode FROM ${BACKUP} WHERE id = 1`,
    )
    .get() as Record<string, unknown> | undefined;
  if (!row) return null;
  const { databaseId, databasePath, version, layout, sequence, createdAt, label, content, fileMode } = row;
  const fits =
    [databaseId, databasePath, layout, content].every(isText) &&
    isTextOrNull(label) &&
    (version === null || isVersion(version)) &&
    isSequence(sequence) &&
    isTime(createdAt) &&
    BACKUP_REASONS.some((reason) => reason === row.reason) &&
    (row.journalMode === "wal" || row.journalMode === "delete") &&
    Number.isInteger(fileMode);
  return checked<BackupRow>(row, path, BACKUP, fits);
}

/** More than any row that Holdfast writes; a ledger also holds the SQL of the ways back. */
const ROW_BYTES = 64 << 10;
const LEDGER_BYTES = 64 << 20;
const LEDGER_ROWS = 10_000;

/** Told by the records' headers: nothing is loaded. */
function requireSize(db: Connection, path: string, table: string, columns: readonly string[], most = ROW_BYTES): void {
  const bytes = columns.map((column) => `total(octet_length(${column}))`).join(" + ");
  const found = db.prepare(`SELECT count(*) AS rows, ${bytes} AS bytes FROM ${table}`).get();
  const { rows, bytes: size } = found as { rows: number; bytes: number };
  if (rows > LEDGER_ROWS || size > most) throw notOurs(path, `its ${table} has ${rows} rows of ${size} bytes`);
}

function checked<Row>(row: Record<string, unknown>, path: string, table: string, fits: boolean): Row {
  if (!fits) throw notOurs(path, `a row of its ${table} holds what Holdfast never writes`);
  return row as Row;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTextOrNull(value: unknown): boolean {
  return value === null || isText(value);
}

/** A semantic version (https://semver.org): it may stand in a file name. */
export function isVersion(value: unknown): value is string {
  return isText(value) && value.length <= 256 && /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.test(value);
}

/** Each backup raises it by one; from a number beyond this there would soon be no way up. */
const HIGHEST_SEQUENCE = 2 ** 50;

export function isSequence(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= HIGHEST_SEQUENCE;
}

function isTime(value: unknown): boolean {
  return isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) && !Number.isNaN(Date.parse(value));
}

export function writeStamp(db: Connection, stamp: Stamp): void {
  createOwnTable(db, STAMP);
  db.prepare(
    `INSERT INTO ${STAMP} (id, database_id, app_version, layout, changed_at) VALUES (1, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET database_id = excluded.database_id, app_version = excluded.app_version,
       layout = excluded.layout, changed_at = excluded.changed_at`,
  ).run(stamp.databaseId, stamp.appVersion, stamp.layout, stamp.changedAt);
}

export function createLedger(db: Connection): void {
  createOwnTable(db, LEDGER);
}

export function appendToLedger(db: Connection, entry: LedgerEntry): void {
  db.prepare(
    `INSERT INTO ${LEDGER} (name, checksum, applied_at, app_version, compatible_since, down_sql) VALUES (?, ?, ?, ?, ?, ?)`,
  ).run(entry.name, entry.checksum, entry.appliedAt, entry.appVersion, entry.compatibleSince, entry.down);
}

export function removeFromLedger(db: Connection, name: string): void {
  db.prepare(`DELETE FROM ${LEDGER} WHERE name = ?`).run(name);
}

export function writeBackupRow(db: Connection, row: BackupRow): void {
  createOwnTable(db, BACKUP);
  db.prepare(`INSERT OR REPLACE INTO ${BACKUP} VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
    row.databaseId,
    row.databasePath,
    row.version,
    row.layout,
    row.sequence,
    row.createdAt,
    row.reason,
    row.label,
    row.content,
    row.journalMode,
    row.fileMode,
  );
}

function readOwnDigest(db: Connection, path: string): string | null {
  requireSize(db, path, OWN_DIGEST, ["digest"]);
  const found = db.prepare(`SELECT digest FROM ${OWN_DIGEST} WHERE id = 1`).pluck().get();
  return isText(found) ? found : null;
}

/** @returns the page on which it stands, from 1 */
export function writeOwnDigest(db: Connection, digest: string): number {
  createOwnTable(db, OWN_DIGEST);
  db.prepare(`INSERT OR REPLACE INTO ${OWN_DIGEST} VALUES (1, ?)`).run(digest);
  return db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(OWN_DIGEST) as number;
}

/** A database in use is no backup: the row goes before a copy takes the database's place. */
export function removeBackupRow(db: Connection): void {
  requireOwnTables(db);
  db.exec(`DROP TABLE IF EXISTS ${BACKUP}; DROP TABLE IF EXISTS ${OWN_DIGEST}`);
}
