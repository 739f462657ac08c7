/**
 * A folder that holds all that is needed to go back, anywhere: the database, the folders that belong to it, and a manifest.
 * It is written under a temporary name beside its own, and has its name when it is whole.
 */
import { basename, dirname, join, resolve } from "node:path";
import type { LeftOut } from "../backups/extra-files.ts";
import { isPlainName } from "../backups/index-file.ts";
import { MANIFEST, type Manifest } from "../backups/manifest.ts";
import { nextSequence, sizeOfDatabase } from "../backups/take.ts";
import type { CopyOutOrder, Filled, FillOrder } from "../backups/write-output.ts";
import { HoldfastError, named } from "../errors.ts";
import { ownVersion } from "../own-version.ts";
import { temporaryIn } from "../places.ts";
import { createPrivateFolder, discardFolder, syncFolder } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { requireSpace } from "../platform/free-space.ts";
import { isWithin } from "../platform/is-within.ts";
import { realPath } from "../platform/real-path.ts";
import { retryBusy } from "../platform/retry-busy.ts";
import type { ActionReport } from "../report.ts";
import { reporter, runJob, stopIfAborted } from "../toolbox.ts";
import type { Jobs } from "../worker.ts";
import { tellCopy } from "./copy-progress.ts";
import { realExtras } from "./db-extra.ts";
import { clearOutputs, outputUnderWay } from "./left-folders.ts";
import type { ChangeReport, Operation } from "./operation.ts";
import { exists } from "./refusals.ts";
import type { Stock } from "./take-stock.ts";

const { lstatSync, renameSync, statSync } = fs;

export interface OutputRequest {
  readonly path: string;
  readonly label: string | null;
  readonly databaseId: string;
  readonly dryRun: boolean;
}

/** @param read runs what reads the live database, so that nothing is left beside it */
export async function backupToFolder(
  op: Operation,
  stock: Stock,
  { path, label, databaseId, dryRun }: OutputRequest,
  read: <Result>(task: () => Promise<Result>) => Promise<Result>,
): Promise<ChangeReport> {
  const folder = realPath(resolve(path));
  requireFree(op, folder);
  const extras = await findExtras(op);
  const plan = planOf(op, stock, folder, extras);
  if (dryRun) return op.report("would-do", plan);
  const report = reporter(op);
  const temporary = outputUnderWay(folder);
  try {
    clearOutputs(folder);
    named(`making the folder ${temporary}`, () => {
      const sizes = extras.flatMap(({ files }) => files.map(({ size }) => size));
      const bytes = sizes.reduce((sum, size) => sum + size, sizeOfDatabase(op.places.database));
      requireSpace(dirname(folder), bytes, "or name a folder on another one with --output.");
      createPrivateFolder(temporary);
    });
    const copy = await read(() => copyDatabase(op, stock, { label, databaseId }, temporary));
    op.warn(...copy.warnings);
    const { leftOut, changed } = await fill(op, temporary, copy, extras);
    op.warn(...warningsOf(leftOut), ...changed.map(changing));
    stopIfAborted(op.signal);
    if (lstatSync(folder, { throwIfNoEntry: false })) throw exists(folder, ANOTHER);
    named(`writing ${folder}`, () => {
      retryBusy(() => renameSync(temporary, folder));
      syncFolder(dirname(folder));
    });
  } catch (error) {
    // The child may be writing there yet.
    await op.stopChild();
    discardFolder(temporary);
    throw error;
  }
  for (const each of plan) report(each);
  return op.report("done");
}

type Copy = Jobs["copy-out"]["result"];

async function copyDatabase(
  op: Operation,
  stock: Stock,
  { label, databaseId }: Pick<OutputRequest, "label" | "databaseId">,
  folder: string,
): Promise<Copy> {
  const { places, settings } = op;
  const order: CopyOutOrder = {
    places,
    databaseId,
    reason: "manual",
    label,
    now: op.now().toISOString(),
    exclusive: false,
    patience: settings.lockTimeout,
    to: join(folder, basename(places.database)),
    sequence: nextSequence(stock.own),
  };
  return await runJob(op, "copy-out", order, (progress) => tellCopy(op, progress));
}

async function fill(
  op: Operation,
  folder: string,
  { row, size, sha256 }: Copy,
  extras: readonly Extra[],
): Promise<Filled> {
  const database = basename(op.places.database);
  const manifest: Manifest = {
    format: 1,
    tool: `holdfast ${ownVersion() ?? ""}`.trimEnd(),
    createdAt: row.createdAt,
    appVersion: row.version,
    databaseId: row.databaseId,
    layout: row.layout,
    label: row.label,
    database,
    extra: extras.map(({ name, to }) => ({ name, path: to })),
    files: [{ path: database, size, sha256 }],
  };
  const files = extras.flatMap(({ from, to, files }) =>
    files.map(({ path, size }) => ({ from: join(from, path), path: `${to}/${path}`, size })),
  );
  const order: FillOrder = { folder, manifest, files, temporary: temporaryIn(folder, op.places, "index") };
  return await runJob(op, "fill-output", order, ({ done, total, what }) =>
    op.onEvent({ kind: "copy", message: `copying ${what}`, done, total, unit: "bytes" }),
  );
}

const ANOTHER = "Name a folder that is yet to be made, as in --output backups/2026-11-21, or move this one away.";

function requireFree(op: Operation, folder: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false })) throw exists(folder, ANOTHER);
  // A medium that is not there would otherwise be written beside.
  const parent = dirname(folder);
  const within = op.settings.extra.find((each) => isWithin(realPath(each.path), folder));
  if (!within && statSync(parent, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new HoldfastError({
    code: "IO_FAILED",
    message: within
      ? `${folder} lies in ${within.name}, which it is to hold; nothing was written.`
      : `${folder} cannot be made, for there is no folder ${parent}; nothing was written.`,
    hint: within ? "Name a folder elsewhere." : "Make that folder first, or name one elsewhere.",
    details: { path: folder },
  });
}

interface Extra {
  /** As `db-extra` has it. */
  readonly name: string;
  readonly from: string;
  /** Where its files go in the output. */
  readonly to: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

async function findExtras(op: Operation): Promise<Extra[]> {
  const { places } = op;
  const found: Extra[] = [];
  const taken = new Set([basename(places.database).toLowerCase()]);
  for (const { name, path } of realExtras(op)) {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      op.warn(`The folder ${name} of db-extra is left out: there is no folder ${path}.`);
      continue;
    }
    op.onEvent({ kind: "copy", message: `looking for the files in ${path}` });
    const { files, leftOut } = await runJob(op, "find-files", { folder: path });
    op.warn(...warningsOf(leftOut.map((each) => ({ ...each, path: join(path, each.path) }))));
    found.push({ name, from: path, to: `extra/${plainNameOf(path, taken)}`, files });
  }
  return found;
}

/** What it is called, or a number where that cannot be, or another one has that name. */
function plainNameOf(path: string, taken: Set<string>): string {
  const own = basename(path);
  let name = own;
  for (let n = 1; taken.has(name.toLowerCase()) || !isPlainName(name); n++) name = String(n);
  taken.add(name.toLowerCase());
  return name;
}

function planOf(op: Operation, { database }: Stock, folder: string, extras: readonly Extra[]): ActionReport[] {
  const version = database.self?.stamp?.appVersion ?? null;
  return [
    {
      action: "write",
      reason: "a verified copy of the database",
      file: join(folder, basename(op.places.database)),
      version,
    },
    ...extras.map(
      ({ name, to, files }): ActionReport => ({
        action: "write",
        reason: `${files.length} file${files.length === 1 ? "" : "s"} of ${name}`,
        file: join(folder, to),
      }),
    ),
    { action: "write", reason: "the size and SHA-256 of each file", file: join(folder, MANIFEST) },
  ];
}

/** As many names as a warning has room for. */
const NAMED = 3;

/** One for each reason, for there may be thousands of files. */
function warningsOf(leftOut: readonly LeftOut[]): string[] {
  return [...Map.groupBy(leftOut, ({ why }) => why)].map(([why, all]) => {
    const names = all.slice(0, NAMED).map(({ path }) => path);
    const more = all.length > NAMED ? ` and ${all.length - NAMED} more` : "";
    return `Left out of the backup: ${names.join(", ")}${more}: ${why}.`;
  });
}

function changing(file: string): string {
  return `${file} went on changing while it was copied: the copy may hold parts of both states.`;
}
