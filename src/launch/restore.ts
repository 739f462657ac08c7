/** Putting a backup into the place of a database that is corrupt, missing, or too new for this app. */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { IndexEntry } from "../backups/index-file.ts";
import { isAbsent, observeFiles } from "../database/files.ts";
import { toHoldfastError } from "../errors.ts";
import { temporaryIn } from "../places.ts";
import { reporter, runJob } from "../toolbox.ts";
import type { Context } from "./context.ts";
import type { Doing } from "./decide.ts";
import { type Facts, stampOf, withVerification } from "./facts.ts";
import { learn, withCheck } from "./learn.ts";
import { confirmLater } from "./loop.ts";
import { makeReady, putInPlace } from "./replacement.ts";
import { dropStaged } from "./staged.ts";

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
    const row = verified.inspection.self?.backup;
    const inspection = await makeReady(context, facts, {
      path: staged,
      inspection: verified.inspection,
      databaseId: row?.databaseId ?? randomUUID(),
      journalMode: row?.journalMode ?? "delete",
    });
    if (inspection.verdict.kind !== "sound") {
      dropStaged(context.places, staged);
      return withVerification(facts, backup.file, {
        ok: false,
        kind: "damaged",
        reason: "its copy failed the check after it was made ready",
      });
    }
    const aside = await putInPlace(context, facts, staged, { cause, fileMode: row?.fileMode });
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
    await confirmLater(context, { databaseId: backup.databaseId, at: facts.now, file: backup.file });
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

/** What was written after the backup is not in it; until when there was something to write is told by the file. */
function lossWindow(facts: Facts, backup: IndexEntry): { from: string; to: string } {
  const { main, sidecars } = facts.files;
  const times = [main, sidecars["-wal"]].flatMap((file) => (file ? [Number(BigInt(file.mtime) / 1_000_000n)] : []));
  const to = isAbsent(facts.files) ? facts.now : new Date(Math.max(...times)).toISOString();
  return { from: backup.createdAt, to: to < backup.createdAt ? backup.createdAt : to };
}
