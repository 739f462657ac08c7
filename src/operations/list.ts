/** What there is to go back to: backups, demoted databases, and what was quarantined. */
import { basename, join } from "node:path";
import type { IndexEntry } from "../backups/index-file.ts";
import type { SetAside } from "../backups/survey.ts";
import type { Inspection } from "../database/integrity.ts";
import type { LayoutRelation } from "../database/layout.ts";
import type { BackupReason } from "../database/stamp.ts";
import { HoldfastError } from "../errors.ts";
import { idOf } from "../places.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { runJob } from "../toolbox.ts";
import { countRowsOf, type RowCounts } from "./count-rows.ts";
import { type Operation, type OperationOptions, operate } from "./operation.ts";
import { type Stock, takeStock } from "./take-stock.ts";
import { relationTo } from "./verify-source.ts";

export interface ListOptions extends OperationOptions {
  /** Counts the rows of each table, in each file and in the database, which reads all of them. Default false. */
  readonly rows?: boolean | undefined;
}

/** Rows by table; null where the table is in one of the two only. */
export interface TableRows {
  readonly table: string;
  /** In this file. */
  readonly rows: number | null;
  /** In the database, as it is now. */
  readonly live: number | null;
}

export interface ListedFile {
  /** What commands call it: `v1.2.0`, `v1.4.0-demoted`, `20261121T101500Z-corrupt`. */
  readonly id: string;
  readonly kind: "backup" | "demoted" | "quarantined";
  /** The whole path; of sidecars that were set aside alone, of the database they would belong to. */
  readonly file: string;
  /** All names that belong together. */
  readonly files: readonly string[];
  /** The app version in its stamp; null without one. */
  readonly version: string | null;
  /** How its layout stands to this application's; null where either is not known. */
  readonly layout: LayoutRelation | null;
  /** When it was made or set aside; ISO 8601, UTC. */
  readonly at: string;
  /** Why a backup was taken; null for what was set aside. */
  readonly reason: BackupReason | null;
  readonly label: string | null;
  /** In bytes, of all its files together. */
  readonly size: number;
  /** When a backup was last checked; null: not since it was found. */
  readonly verifiedAt: string | null;
  /** The backup that a restore tries first. */
  readonly newest: boolean;
  /** With `rows`; null where they were not, or could not be, counted. */
  readonly rows: readonly TableRows[] | null;
}

/** What `list()` returns and `holdfast list --json` prints. */
export interface ListReport {
  /** The database's path, links resolved. */
  readonly database: string;
  readonly appVersion: string | null;
  /** The backups, the newest first; then what was demoted, then what was quarantined. */
  readonly files: readonly ListedFile[];
  readonly warnings: readonly string[];
}

/** @throws HoldfastError when the settings are invalid */
export async function list(settings: string | SettingsInput, options: ListOptions = {}): Promise<ListReport> {
  return await operate("list", settings, options, async (op) => {
    const files = await listFiles(op, await takeStock(op));
    return {
      database: op.places.database,
      appVersion: op.settings.appVersion,
      files: options.rows ? await withRows(op, files) : files,
      warnings: op.warnings,
    };
  });
}

export async function listFiles(op: Operation, stock: Stock): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  for (const [place, entry] of stock.own.entries()) files.push(await listBackup(op, stock, entry, place === 0));
  for (const kind of ["demoted", "quarantined"] as const) {
    const sets = stock.survey.setAside.filter((each) => each.kind === kind);
    for (const set of sets.sort((a, b) => b.at.localeCompare(a.at))) files.push(await listSetAside(op, stock, set));
  }
  return files;
}

async function listBackup(op: Operation, stock: Stock, entry: IndexEntry, newest: boolean): Promise<ListedFile> {
  const { file, version, createdAt, reason, label, size, verifiedAt } = entry;
  const { places } = op;
  const path = join(places.backups, file);
  const common = { kind: "backup", files: [file], version, at: createdAt, reason, label, size, verifiedAt } as const;
  const layout = relationTo(stock.known, (await lookAt(op, path))?.self ?? null);
  return { id: idOf(places, file), file: path, layout, newest, rows: null, ...common };
}

async function listSetAside(op: Operation, stock: Stock, set: SetAside): Promise<ListedFile> {
  const { kind, file, files, size, at } = set;
  const { places } = op;
  const path = join(places.backups, file);
  const seen = kind === "demoted" && files.includes(file) ? await lookAt(op, path) : null;
  return {
    id: idOf(places, file),
    kind,
    file: path,
    files,
    version: seen?.self?.stamp?.appVersion ?? set.version,
    layout: relationTo(stock.known, seen?.self ?? null),
    at,
    reason: null,
    label: null,
    size,
    verifiedAt: null,
    newest: false,
    rows: null,
  };
}

/** What a file of the backup folder says of itself; null, with a warning, where it cannot be read. */
async function lookAt(op: Operation, path: string): Promise<Inspection | null> {
  const scratch = op.scratchFor(path);
  try {
    const seen = await runJob(op, "examine", { path, scope: "whole", check: "none", scratch, beside: false });
    if (seen.verdict.kind === "sound") return seen;
    const why = seen.verdict.kind === "corrupt" ? seen.verdict.problems[0] : seen.verdict.reason;
    op.warn(`${path} cannot be read: ${why}`);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "ABORTED") throw error;
    op.warn(error.message);
  }
  return null;
}

async function withRows(op: Operation, files: readonly ListedFile[]): Promise<ListedFile[]> {
  const live = await countRowsOf(op, op.places.database);
  const counted: ListedFile[] = [];
  for (const file of files) {
    const rows = file.files.includes(basename(file.file)) ? await countRowsOf(op, file.file) : null;
    counted.push({ ...file, rows: rows && compare(rows, live) });
  }
  return counted;
}

function compare(rows: RowCounts, live: RowCounts | null): TableRows[] {
  const names = new Set([...Object.keys(rows), ...Object.keys(live ?? {})]);
  return [...names].map((table) => ({ table, rows: rows[table] ?? null, live: live?.[table] ?? null }));
}
