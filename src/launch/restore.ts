/** Putting a backup into the place of a database that is corrupt, missing, or too new for this app. */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { IndexEntry } from "../backups/index-file.ts";
import { noteRestore } from "../backups/restores.ts";
import { freeName } from "../backups/set-aside.ts";
import { isAbsent, observeFiles, SIDECARS } from "../database/files.ts";
import type { Inspection } from "../database/integrity.ts";
import { relate } from "../database/layout.ts";
import { removeBackupRow } from "../database/stamp.ts";
import { settle, swap } from "../database/swap.ts";
import { messageOf, toHoldfastError } from "../errors.ts";
import { demotedName, quarantineName, temporaryIn } from "../places.ts";
import { createPrivateFolder, makePrivate, syncFile } from "../platform/atomic-file.ts";
import { copier, reporter, runJob, stopIfAborted } from "../toolbox.ts";
import type { Context } from "./context.ts";
import type { Cause, Doing } from "./decide.ts";
import { type Facts, stampOf, withVerification } from "./facts.ts";
import { layoutsOf, learn, withCheck } from "./learn.ts";
import { runMigrations, writeStampNow } from "./migrate.ts";
import { dropStaged, takeOwner } from "./staged.ts";
import { whenFree } from "./wait.ts";

/**
 * One swap: the backup is copied beside the database, migrated, stamped and checked there, and only then takes
 * its place. What stood there is set aside under a name of its own.
 */
export async function restore(context: Context, facts: Facts, decision: Doing<"restore">): Promise<Facts> {
  const { places } = context;
  const { backup, cause } = decision;
  const verified = facts.verifications.get(backup.file);
  if (!verified?.ok) throw new Error(`${backup.file} was not verified`);
  const report = reporter(context);
  const staged = temporaryIn(places.folder, places, "restore");
  const before = context.actions.length;
  try {
    await runJob(context, "stage", { from: join(places.backups, backup.file), to: staged, sha256: verified.sha256 });
    await makeReady(context, facts, staged, verified.inspection);
    const inspection = await runJob(context, "examine", {
      path: staged,
      scope: "alone",
      check: "full",
      scratch: temporaryIn(places.folder, places, "look"),
      beside: false,
    });
    if (inspection.verdict.kind !== "sound") {
      dropStaged(context.places, staged);
      return withVerification(facts, backup.file, {
        ok: false,
        kind: "damaged",
        reason: "its copy failed the check after it was made ready",
      });
    }
    takeOwner(staged, facts.files.path, verified.inspection.self?.backup?.fileMode);
    syncFile(staged);
    stopIfAborted(context.signal);
    const aside = await setAsideName(context, facts, cause);
    const letGo =
      cause === "downgrade" ? await whenFree(context, () => settle(context.engine, places.database)) : () => {};
    try {
      await swap({ places, staged, aside }, copier(context));
    } finally {
      letGo();
    }
    if (aside !== null) for (const ending of ["", ...SIDECARS]) makePrivate(aside + ending);
    const inner = context.actions.splice(before);
    const lost = lossWindow(facts, backup);
    report({
      action: "restore",
      reason: decision.reason,
      file: join(places.backups, backup.file),
      version: backup.version,
      lost,
    });
    context.warnings.push(
      `The database was restored from ${backup.file}: what was written between ${lost.from} and ${lost.to} is not in it${aside === null ? "." : `, but in ${aside}.`}`,
    );
    if (aside !== null) {
      const reason =
        cause === "downgrade" ? "it is kept for the version that can read it" : "the corrupt file is kept as found";
      report({
        action: cause === "downgrade" ? "demote" : "quarantine",
        reason,
        file: aside,
        version: stampOf(facts)?.appVersion ?? null,
      });
    }
    context.actions.push(...inner);
    await confirmLater(context, backup, facts.now);
    const next = {
      ...facts,
      files: observeFiles(places.database),
      alone: null,
      restoredFrom: backup.file,
      restorePoint: { file: backup.file },
    };
    return await learn(context, withCheck(next, inspection), inspection);
  } catch (error) {
    dropStaged(context.places, staged);
    throw toHoldfastError(error, `restoring ${places.database} from ${backup.file}`) ?? error;
  }
}

/** Turns the copy of a backup into a database of this app version. */
async function makeReady(context: Context, facts: Facts, staged: string, inspection: Inspection): Promise<void> {
  const row = inspection.self?.backup;
  const { applied, known } = layoutsOf(context, staged, inspection);
  const relation = relate(applied, known);
  const databaseId = row?.databaseId ?? randomUUID();
  const bare = context.engine.openUntrusted(staged, "readwrite");
  try {
    removeBackupRow(bare);
  } finally {
    bare.close();
  }
  const db = context.engine.open(staged, "readwrite");
  try {
    db.pragma("locking_mode = EXCLUSIVE");
    if (relation === "behind") await runMigrations(context, db, applied, known, databaseId, facts.now, false);
    else if (relation === "equal") writeStampNow(context, db, known, databaseId, facts.now);
    if (row?.journalMode === "wal") db.pragma("journal_mode = WAL");
  } finally {
    db.close();
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

/** What was written after the backup is not in it; until when there was something to write is told by the file. */
function lossWindow(facts: Facts, backup: IndexEntry): { from: string; to: string } {
  const { main, sidecars } = facts.files;
  const times = [main, sidecars["-wal"]].flatMap((file) => (file ? [Number(BigInt(file.mtime) / 1_000_000n)] : []));
  const to = isAbsent(facts.files) ? facts.now : new Date(Math.max(...times)).toISOString();
  return { from: backup.createdAt, to: to < backup.createdAt ? backup.createdAt : to };
}

/** Two restores with no clean close between are a loop; a person should hear of it. */
async function confirmLater(context: Context, backup: IndexEntry, now: string): Promise<void> {
  const restore = { databaseId: backup.databaseId, at: now, file: backup.file };
  try {
    const previous = await noteRestore(context.engine.openPlain, context.places, restore);
    if (!previous) return;
    context.warnings.push(
      `This is a loop: the database was restored from ${previous.file} at ${previous.at} already, and was not closed cleanly since. The medium or the application may be damaging it.`,
    );
  } catch (error) {
    context.warnings.push(`The restore could not be noted in the index: ${messageOf(error)}`);
  }
}
