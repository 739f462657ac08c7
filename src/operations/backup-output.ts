/**
 * A folder that holds all that is needed to go back, anywhere: the database, the folders that belong to it, and a manifest.
 * It is written under a temporary name beside its own, and has its name when it is whole.
 */
import { basename, dirname, join, resolve } from "node:path";
import type { LeftOut } from "../backups/extra-files.ts";
import { isPlainName } from "../backups/index-file.ts";
import { MANIFEST } from "../backups/manifest.ts";
import { nextSequence, sizeOfDatabase } from "../backups/take.ts";
import type { OutputOrder } from "../backups/write-output.ts";
import { HoldfastError, named } from "../errors.ts";
import { ownVersion } from "../own-version.ts";
import { createPrivateFolder, syncFolder } from "../platform/atomic-file.ts";
import { fs, randomHex } from "../platform/builtins.ts";
import { requireSpace } from "../platform/free-space.ts";
import { isWithin } from "../platform/is-within.ts";
import { realPath } from "../platform/real-path.ts";
import { retryBusy } from "../platform/retry-busy.ts";
import type { ActionReport } from "../report.ts";
import { whyExtraUnfit } from "../settings.ts";
import { reporter, runJob, stopIfAborted } from "../toolbox.ts";
import type { ChangeReport, Operation } from "./operation.ts";
import { exists } from "./refusals.ts";
import type { Stock } from "./take-stock.ts";

const { lstatSync, renameSync, rmSync, statSync } = fs;

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
  const temporary = join(dirname(folder), `.${basename(folder)}-backup-${randomHex(6)}.tmp`);
  const order: OutputOrder = {
    places: op.places,
    databaseId,
    reason: "manual",
    label,
    now: op.now().toISOString(),
    exclusive: false,
    patience: op.settings.lockTimeout,
    folder: temporary,
    sequence: nextSequence(stock.own),
    extra: extras.map(({ name, to }) => ({ name, path: to })),
    files: extras.flatMap(({ from, to, files }) =>
      files.map(({ path, size }) => ({ from: join(from, path), path: `${to}/${path}`, size })),
    ),
    tool: `holdfast ${ownVersion() ?? ""}`.trimEnd(),
  };
  try {
    named(`making the folder ${temporary}`, () => {
      const bytes = order.files.reduce((sum, file) => sum + file.size, sizeOfDatabase(op.places.database));
      requireSpace(dirname(folder), bytes, "or name a folder on another one with --output.");
      createPrivateFolder(temporary);
    });
    const output = await read(() => write(op, order));
    op.warn(...output.warnings, ...warningsOf(output.leftOut), ...changing(output.changed));
    stopIfAborted(op.signal);
    if (lstatSync(folder, { throwIfNoEntry: false })) throw exists(folder);
    named(`writing ${folder}`, () => {
      retryBusy(() => renameSync(temporary, folder));
      syncFolder(dirname(folder));
    });
  } catch (error) {
    // The child may be writing there yet.
    await op.stopChild();
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
  for (const each of plan) report(each);
  return op.report("done");
}

function requireFree(op: Operation, folder: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false })) throw exists(folder);
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
  const { settings, places } = op;
  const real = settings.extra.map(({ name, path }) => ({ name, path: realPath(path) }));
  const unfit = whyExtraUnfit(real, [places.database, places.backups]);
  if (unfit !== null) {
    throw new HoldfastError({
      code: "SETTINGS_INVALID",
      message: `In ${settings.origin}, db-extra ${unfit}, with links resolved.`,
      hint: `Mend db-extra in ${settings.origin}; nothing was written.`,
      details: { file: settings.origin, key: "db-extra" },
    });
  }
  const found: Extra[] = [];
  const taken = new Set([basename(places.database).toLowerCase()]);
  for (const { name, path } of real) {
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

async function write(op: Operation, order: OutputOrder) {
  const { database } = op.places;
  return await runJob(op, "write-output", order, ({ done, total, what }) =>
    op.onEvent(
      what === undefined
        ? { kind: "back-up", message: `backing up ${database}`, done, total, unit: "pages" }
        : { kind: "copy", message: `copying ${what}`, done, total, unit: "bytes" },
    ),
  );
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

function changing(files: readonly string[]): string[] {
  return files.map((file) => `${file} went on changing while it was copied: the copy may hold parts of both states.`);
}
