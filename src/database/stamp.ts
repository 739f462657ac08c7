/**
 * What Holdfast writes into a database: the stamp (whose it is, and which app version changed it last), the
 * ledger of applied migrations, and, in a backup, the row that says what the copy is. All three live in
 * tables that begin with `_holdfast_`.
 */
import type { LayoutStep } from "./layout.ts";
import type { Connection } from "./open.ts";

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

export type BackupReason = "launch" | "restore-point" | "manual" | "scheduled";

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
  /** The application's own tables. */
  readonly tables: readonly string[];
}

const STAMP = "_holdfast_stamp";
const LEDGER = "_holdfast_migrations";
const BACKUP = "_holdfast_backup";

export function describe(db: Connection): SelfDescription {
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
  return {
    stamp: names.includes(STAMP) ? readStamp(db) : null,
    ledger: names.includes(LEDGER) ? readLedger(db) : [],
    backup: names.includes(BACKUP) ? readBackupRow(db) : null,
    tables: names.filter((name) => !name.startsWith("_holdfast_") && !name.startsWith("sqlite_")).sort(),
  };
}

function readStamp(db: Connection): Stamp | null {
  const row = db
    .prepare(
      `SELECT database_id AS databaseId, app_version AS appVersion, layout, changed_at AS changedAt FROM ${STAMP} WHERE id = 1`,
    )
    .get() as Stamp | undefined;
  return row ?? null;
}

function readLedger(db: Connection): LedgerEntry[] {
  return db
    .prepare(
      `SELECT name, checksum, compatible_since AS compatibleSince, applied_at AS appliedAt, app_version AS appVersion, down_sql AS down
       FROM ${LEDGER} ORDER BY position`,
    )
    .all() as LedgerEntry[];
}

function readBackupRow(db: Connection): BackupRow | null {
  const row = db
    .prepare(
      `SELECT database_id AS databaseId, database_path AS databasePath, version, layout, sequence, created_at AS createdAt,
              reason, label, content, journal_mode AS journalMode, file_mode AS fileMode FROM ${BACKUP} WHERE id = 1`,
    )
    .get() as BackupRow | undefined;
  return row ?? null;
}

export function writeStamp(db: Connection, stamp: Stamp): void {
  db.exec(`CREATE TABLE IF NOT EXISTS ${STAMP} (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    database_id TEXT NOT NULL,
    app_version TEXT NOT NULL,
    layout TEXT NOT NULL,
    changed_at TEXT NOT NULL
  )`);
  db.prepare(
    `INSERT INTO ${STAMP} (id, database_id, app_version, layout, changed_at) VALUES (1, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET database_id = excluded.database_id, app_version = excluded.app_version,
       layout = excluded.layout, changed_at = excluded.changed_at`,
  ).run(stamp.databaseId, stamp.appVersion, stamp.layout, stamp.changedAt);
}

export function createLedger(db: Connection): void {
  db.exec(`CREATE TABLE IF NOT EXISTS ${LEDGER} (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    app_version TEXT NOT NULL,
    compatible_since TEXT,
    down_sql TEXT
  )`);
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
  db.exec(`CREATE TABLE IF NOT EXISTS ${BACKUP} (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    database_id TEXT NOT NULL,
    database_path TEXT NOT NULL,
    version TEXT,
    layout TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    label TEXT,
    content TEXT NOT NULL,
    journal_mode TEXT NOT NULL,
    file_mode INTEGER NOT NULL
  )`);
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

/** A database in use is no backup: the row goes before a copy takes the database's place. */
export function removeBackupRow(db: Connection): void {
  db.exec(`DROP TABLE IF EXISTS ${BACKUP}`);
}
