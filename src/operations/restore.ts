/** Putting a backup, or another file, in the database's place; what stood there is set aside first. */
import { basename, resolve } from "node:path";
import { freeName } from "../backups/set-aside.ts";
import { SIDECARS } from "../database/files.ts";
import { dropSeal, trustOf } from "../database/seal.ts";
import { mayBeSwapping, settle, swap, unsettle } from "../database/swap.ts";
import { HoldfastError, named } from "../errors.ts";
import { dropStaged } from "../launch/staged.ts";
import { whenFree } from "../launch/wait.ts";
import { demotedName, quarantineName, temporaryIn } from "../places.ts";
import { createPrivateFolder, makePrivate } from "../platform/atomic-file.ts";
import type { ActionReport } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { copier, reporter, stopIfAborted } from "../toolbox.ts";
import { checkFile } from "./check-file.ts";
import { dropExtras, foreseeExtras, noteExtras, stageExtras, swapExtras } from "./extra-restore.ts";
import { withDatabaseAlone } from "./hold.ts";
import { type ChangeOptions, type ChangeReport, type Operation, operate } from "./operation.ts";
import { restoreElsewhere } from "./restore-elsewhere.ts";
import { lossOf, planOf } from "./restore-plan.ts";
import { findSource, requireKind, type Source } from "./source.ts";
import { stageDatabase } from "./stage-database.ts";
import { type Stock, takeStock } from "./take-stock.ts";
import { requireReadable, requireSound, type Sound } from "./verify-source.ts";

export interface RestoreOptions extends ChangeOptions {
  /** Restores into this folder instead, and leaves the database alone; what is there already is refused. */
  readonly target?: string | undefined;
  /**
   * Restores what this application cannot read, what is of another database, or a sound file elsewhere that is not as its
   * checksum has it. Default false.
   */
  readonly force?: boolean | undefined;
}

/**
 * @param source an id, a label, `latest`, or the path of a file or folder
 */
export async function restore(
  settings: string | SettingsInput,
  source: string,
  options: RestoreOptions = {},
): Promise<ChangeReport> {
  return await operate("restore", settings, options, (op) => restoreNamed(op, source, options));
}

/** @param only the kind of source that is meant; default: any */
export async function restoreNamed(
  op: Operation,
  name: string,
  options: RestoreOptions,
  only?: Source["kind"],
): Promise<ChangeReport> {
  const { target } = options;
  if (target !== undefined) return await restoreElsewhere(op, name, resolve(target), options);
  return await withDatabaseAlone(op, async () => {
    const stock = await takeStock(op);
    const source = findSource(op, stock, name);
    if (only !== undefined) requireKind(source, only);
    const verified = await requireSound(op, source, "restored", options.force);
    if (!options.force) {
      requireReadable(op, stock.known, source, verified.self);
      requireSameDatabase(op, stock, source, verified);
    }
    return await replaceDatabase(op, stock, source, verified, options);
  });
}

function requireSameDatabase(op: Operation, { database }: Stock, source: Source, { self }: Sound): void {
  const here = database.self?.stamp?.databaseId;
  const there = self?.stamp?.databaseId ?? self?.backup?.databaseId;
  if (here === undefined || there === undefined || here === there) return;
  throw new HoldfastError({
    code: "NO_USABLE_BACKUP",
    message: `${source.path} is of another database than ${op.places.database}: their ids differ. Nothing was changed.`,
    hint: "If it is to take its place all the same, give --force; to look at it first, restore it elsewhere with --target.",
    details: { path: source.path, id: there, expected: here },
  });
}

/** Where what is in the database's place goes. */
interface Place {
  /** Null where there is nothing. */
  readonly aside: string | null;
  readonly action: "demote" | "quarantine";
  /** It can be settled first; what does not open has its sidecars set aside with it. */
  readonly opens: boolean;
}

/** What is corrupt is quarantined; everything else may be of use, and is never deleted. */
async function placeFor(op: Operation, { database }: Stock): Promise<Place> {
  const { places, now } = op;
  const { state, self } = database;
  if (state === "missing" || state === "empty") return { aside: null, action: "demote", opens: false };
  if (state === "corrupt" || (state === "readable" && (await isDamaged(op)))) {
    const aside = freeName(places.backups, quarantineName(places.stem, now().toISOString()));
    return { aside, action: "quarantine", opens: false };
  }
  const aside = freeName(places.backups, demotedName(places.stem, self?.stamp?.appVersion ?? null));
  return { aside, action: "demote", opens: state === "readable" };
}

/** Read in full, unless nobody touched it since it was closed. */
async function isDamaged(op: Operation): Promise<boolean> {
  const { places } = op;
  if (trustOf(places).kind === "sealed") return false;
  const path = places.database;
  const message = `checking ${basename(path)}`;
  op.onEvent({ kind: "check", message });
  const { verdict } = await checkFile(op, { path, scope: "whole", kind: "check", message });
  return verdict.kind === "corrupt";
}

async function replaceDatabase(
  op: Operation,
  stock: Stock,
  source: Source,
  verified: Sound,
  options: RestoreOptions,
): Promise<ChangeReport> {
  const { places, engine } = op;
  const { aside, action, opens } = await placeFor(op, stock);
  const version = stock.database.self?.stamp?.appVersion ?? null;
  const extras = foreseeExtras(op, source);
  if (!verified.self?.stamp && stock.database.self?.stamp) {
    op.warn(
      `${source.path} has no version stamp: whether it is of this application cannot be told. To look at it first: holdfast diff "${source.path}"`,
    );
  }
  const plan = planOf(op, source, verified, places.database, extras, lossOf(op, source, stock, verified));
  const keep: ActionReport = {
    action,
    reason: action === "demote" ? "it is kept until you remove it" : "the corrupt file is kept as found",
    file: aside ?? "",
    version,
  };
  const done = await op.ask(options, [...(aside === null ? [] : [keep]), ...plan]);
  if (done) return done;
  named(`making room in ${places.backups}`, () => createPrivateFolder(places.backups));
  const report = reporter(op);
  const staged = temporaryIn(places.folder, places, "restore");
  const noted = noteExtras(op, source, extras);
  let letGo = () => {};
  let settled = false;
  let swapped = false;
  try {
    await stageDatabase(op, source, verified, staged, places.database, stock.database.journalMode);
    await stageExtras(op, source, extras);
    stopIfAborted(op.signal);
    dropSeal(places);
    if (opens) {
      letGo = await whenFree(op, () => settle(engine, places.database));
      settled = true;
    }
    noted.swapping(staged);
    const takeBack = swapExtras(extras);
    try {
      await swap({ places, staged, aside }, copier(op));
      swapped = true;
    } catch (error) {
      swapped = mayBeSwapping(places);
      if (!swapped) takeBack();
      throw error;
    }
  } catch (error) {
    letGo();
    dropStaged(places, staged);
    if (settled && stock.database.journalMode === "wal" && !mayBeSwapping(places)) {
      unsettle(engine, places.database);
    }
    throw error;
  } finally {
    letGo();
    dropExtras(extras);
    noted.end(swapped);
  }
  if (aside !== null) {
    for (const ending of ["", ...SIDECARS]) makePrivate(aside + ending);
    report(keep);
  }
  for (const each of plan) report(each);
  return op.report("done");
}
