/** A file that is made ready under a temporary name, and takes the place of the database. */
import { basename } from "node:path";
import { freeName } from "../backups/set-aside.ts";
import { SIDECARS } from "../database/files.ts";
import type { Inspection } from "../database/integrity.ts";
import { relate } from "../database/layout.ts";
import { removeBackupRow } from "../database/stamp.ts";
import { settle, swap } from "../database/swap.ts";
import { messageOf, toHoldfastError } from "../errors.ts";
import { demotedName, HEALED_FROM, quarantineName, temporaryIn } from "../places.ts";
import { createPrivateFolder, makePrivate, secondName, syncFile, syncFolder } from "../platform/atomic-file.ts";
import { copier, runJob, stopIfAborted } from "../toolbox.ts";
import type { Context } from "./context.ts";
import type { Cause } from "./decide.ts";
import { type Facts, stampOf } from "./facts.ts";
import { layoutsOf } from "./learn.ts";
import { runMigrations, writeStampNow } from "./migrate.ts";
import { takeOwner } from "./staged.ts";
import { whenFree } from "./wait.ts";

export interface Staged {
  readonly path: string;
  /** What it said of itself when it was staged. */
  readonly inspection: Inspection;
  readonly databaseId: string;
  /** What the database is to be in. */
  readonly journalMode: "wal" | "delete";
}

/**
 * Turns it into a database of this app version, migrated and stamped, and reads all of it.
 *
 * @returns what it is now, of which the verdict may still be that it is damaged
 */
export async function makeReady(context: Context, facts: Facts, staged: Staged): Promise<Inspection> {
  const { path, inspection, databaseId } = staged;
  const { applied, known } = layoutsOf(context, path, inspection);
  const relation = relate(applied, known);
  const bare = context.engine.openUntrusted(path, "readwrite");
  try {
    removeBackupRow(bare);
  } finally {
    bare.close();
  }
  const db = context.engine.open(path, "readwrite");
  try {
    db.pragma("locking_mode = EXCLUSIVE");
    if (relation === "behind") await runMigrations(context, db, applied, known, databaseId, facts.now, false);
    else if (relation === "equal") writeStampNow(context, db, known, databaseId, facts.now);
    if (staged.journalMode === "wal") db.pragma("journal_mode = WAL");
  } finally {
    db.close();
  }
  return await lookAt(context, path, "full");
}

/** @param check whether all of its pages are read */
export async function lookAt(context: Context, staged: string, check: "full" | "none"): Promise<Inspection> {
  const { places } = context;
  const scratch = temporaryIn(places.folder, places, "look");
  return await runJob(context, "examine", { path: staged, scope: "alone", check, scratch, beside: false });
}

interface Replaced {
  readonly cause: Cause;
  /** For where there is no old file to take it from. */
  readonly fileMode?: number | undefined;
  /** The path of a backup that is kept with the old one. */
  readonly healedFrom?: string | undefined;
}

/**
 * The swap.
 *
 * @returns what the old database is called now; null where there was none
 */
export async function putInPlace(
  context: Context,
  facts: Facts,
  staged: string,
  { cause, fileMode, healedFrom }: Replaced,
): Promise<string | null> {
  const { places, engine } = context;
  takeOwner(staged, facts.files.path, fileMode);
  syncFile(staged);
  stopIfAborted(context.signal);
  const aside = await setAsideName(context, facts, cause);
  if (aside !== null && healedFrom !== undefined) await keepBackup(context, healedFrom, aside + HEALED_FROM);
  const letGo = cause === "downgrade" ? await whenFree(context, () => settle(engine, places.database)) : () => {};
  try {
    await swap({ places, staged, aside }, copier(context));
  } finally {
    letGo();
  }
  if (aside !== null) for (const ending of ["", ...SIDECARS]) makePrivate(aside + ending);
  return aside;
}

/** Damage may be in values, where nobody can see it: the next backup of that version must not push out what they were. */
async function keepBackup(context: Context, backup: string, aside: string): Promise<void> {
  try {
    await secondName(backup, aside, copier(context));
    syncFolder(context.places.backups);
  } catch (error) {
    stopIfAborted(context.signal);
    context.warnings.push(`The backup ${basename(backup)} is not kept with the corrupt file: ${messageOf(error)}`);
  }
}

async function setAsideName(context: Context, facts: Facts, cause: Cause): Promise<string | null> {
  const { stem } = context.places;
  if (cause === "missing") return null;
  if (cause === "corruption") return await freePlace(context, quarantineName(stem, facts.now));
  return await freePlace(context, demotedName(stem, stampOf(facts)?.appVersion ?? null));
}

export async function freePlace(context: Context, name: string): Promise<string> {
  const { backups } = context.places;
  try {
    createPrivateFolder(backups);
    return freeName(backups, name);
  } catch (error) {
    throw toHoldfastError(error, `making room in ${backups}`) ?? error;
  }
}
