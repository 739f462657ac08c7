/**
 * Merging the rows of another database into the current one. It is done twice: first on trial, so that it can be said
 * what it comes to and refused before anything is touched, then for good, behind a restore point.
 */
import { basename } from "node:path";
import type { Connection } from "../database/open.ts";
import { HoldfastError } from "../errors.ts";
import { orderRestorePoint } from "../launch/restore-point.ts";
import {
  type MergeReport as Merged,
  mergeConflict,
  merge as mergeRows,
  type MergeOptions as Scope,
} from "../recovery/merge.ts";
import type { MergedTable } from "../recovery/merge-table.ts";
import type { ActionReport } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter } from "../toolbox.ts";
import { withDatabaseAlone, withFile } from "./hold.ts";
import { type ChangeOptions, type ChangeReport, type Operation, operate } from "./operation.ts";
import { requireReadableDatabase } from "./refusals.ts";
import { databaseIdFor, findSource, requireKind, type Source } from "./source.ts";
import { type Stock, takeStock } from "./take-stock.ts";
import { requireSound } from "./verify-source.ts";
import { requireClosed, withDatabaseTried, writeDatabase } from "./written-database.ts";

export interface MergeOptions extends ChangeOptions, Pick<Scope, "tables" | "onConflict" | "listed"> {}

export interface MergeReport extends ChangeReport {
  /** Table by table what became of the rows, or would; the conflicts; and what does not fit. */
  readonly merge: Merged;
}

/**
 * @param source an id, a label, `latest`, or the path of a file or folder
 */
export async function merge(
  settings: string | SettingsInput,
  source: string,
  options: MergeOptions = {},
): Promise<MergeReport> {
  return await operate("merge", settings, options, (op) => mergeNamed(op, source, options));
}

/** @param only the kind of source that is meant; default: any */
export async function mergeNamed(
  op: Operation,
  name: string,
  options: MergeOptions,
  only?: Source["kind"],
): Promise<MergeReport> {
  return await withDatabaseAlone(op, async () => {
    const stock = await takeStock(op);
    requireReadableDatabase(op, stock, "merged into");
    requireClosed(op);
    const source = findSource(op, stock, name);
    if (only !== undefined) requireKind(source, only);
    const { self } = await requireSound(op, source, "merged");
    const order: Order = {
      op,
      stock,
      source,
      options,
      version: self?.backup?.version ?? self?.stamp?.appVersion ?? null,
    };
    const foreseen = await tryOut(order);
    const plan = actionsOf(order, foreseen);
    if (plan.length === 0 && !options.dryRun)
      return { ...op.report("done"), merge: { ...foreseen, outcome: "merged" } };
    const before = plan.length === 0 ? [] : restorePoint(order);
    const asked = await op.ask(options, [...before, ...plan], { merge: foreseen });
    if (asked) return { ...asked, merge: foreseen };
    const merged = await mergeForGood(order);
    return { ...op.report("done"), merge: merged };
  });
}

interface Order {
  readonly op: Operation;
  readonly stock: Stock;
  readonly source: Source;
  readonly options: MergeOptions;
  /** In the stamp of the source. */
  readonly version: string | null;
}

/** @throws MERGE_CONFLICT as the merge would */
async function tryOut(order: Order): Promise<Merged> {
  const { op } = order;
  const report = await withDatabaseTried(op, (db) => mergeInto(db, order, true));
  if (report.outcome === "would-refuse") throw mergeConflict(namesOf(order), report, commandOf(order));
  return report;
}

/** As it can be given again. */
function commandOf({ op, source: { id }, options: { tables } }: Order): string {
  const only = tables === undefined ? "" : ` --tables ${quoted(tables.join(","))}`;
  return `holdfast ${op.name} ${quoted(id)}${only}`;
}

/** For a shell, where it needs that. */
function quoted(text: string): string {
  return /^[\w./:\\,-]+$/.test(text) ? text : `"${text}"`;
}

async function mergeForGood(order: Order): Promise<Merged> {
  const { op, stock } = order;
  const databaseId = databaseIdFor(op, stock);
  return await writeDatabase(op, {
    databaseId,
    async prepare() {
      if (op.settings.backupRetention > 0) await takeRestorePoint(order, databaseId);
    },
    async write(db) {
      const report = reporter(op);
      const merged = await mergeInto(db, order, false);
      for (const each of actionsOf(order, merged)) report(each);
      return merged;
    },
  });
}

async function mergeInto(db: Connection, order: Order, dryRun: boolean): Promise<Merged> {
  const { op, source, options } = order;
  const { tables, onConflict, listed, onEvent } = options;
  const doing = dryRun ? "comparing" : "merging";
  const kind = dryRun ? "compare" : "merge";
  op.onEvent({ kind, message: `${doing} ${basename(source.path)}` });
  return await withFile(op, source.path, (incoming) =>
    mergeRows(db, incoming, {
      tables,
      onConflict,
      listed,
      dryRun,
      names: namesOf(order),
      signal: op.signal,
      onProgress:
        onEvent &&
        (({ table, done, total }) => op.onEvent({ kind, message: `${doing} ${table}`, done, total, unit: "rows" })),
    }),
  );
}

function namesOf({ op, source }: Order): readonly [string, string] {
  return [op.places.database, source.path];
}

const BEFORE_MERGE = "the last state before the merge";

/** Refreshed as the version's backup, it might replace the very backup whose rows are to be merged, or push it out. */
function labelFor({ source }: Order): string | null {
  return source.kind === "backup" || source.kind === "quarantined" ? `before the merge of ${source.id}` : null;
}

function reasonOf(label: string | null): string {
  return label === null ? BEFORE_MERGE : `${BEFORE_MERGE}; labelled "${label}", and kept until you delete it`;
}

function restorePoint(order: Order): ActionReport[] {
  const { op, stock } = order;
  if (op.settings.backupRetention > 0) {
    const version = stock.database.self?.stamp?.appVersion ?? null;
    return [{ action: "back-up", reason: reasonOf(labelFor(order)), version }];
  }
  op.warn("There is no restore point to go back to, for db-backup-retention is 0.");
  return [];
}

/** @throws HoldfastError when it fails: then nothing is merged */
async function takeRestorePoint(order: Order, databaseId: string): Promise<void> {
  const label = labelFor(order);
  try {
    await orderRestorePoint(order.op, databaseId, reasonOf(label), BEFORE_MERGE, label);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "ABORTED") throw error;
    throw new HoldfastError(
      {
        ...error.toJSON(),
        message: `${error.message} Without a restore point nothing is merged; nothing was changed.`,
      },
      { cause: error },
    );
  }
}

/** One for each table that the merge changes. */
function actionsOf({ source, version }: Order, { tables }: Merged): ActionReport[] {
  return tables
    .filter(({ added, replaced }) => added + replaced > 0)
    .map(
      (merged): ActionReport => ({
        action: "merge",
        reason: describe(merged),
        table: merged.table,
        file: source.path,
        version,
      }),
    );
}

function describe({ added, replaced, kept, same, refused }: MergedTable): string {
  return [
    [added, "new"],
    [replaced, "changed to what they are there"],
    [kept, "with other values left as they are"],
    [same, "the same"],
    [refused, "not taken"],
  ]
    .filter(([rows]) => rows !== 0)
    .map(([rows, what]) => `${rows} ${rows === 1 ? "row" : "rows"} ${what}`)
    .join(", ");
}
