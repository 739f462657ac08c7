/** Seeing to the index and the backup folder by hand: in the child process, under the index's lock alone. */
import { join } from "node:path";
import type { UpkeepOutcome } from "../backups/upkeep.ts";
import { clearTemporaries } from "../launch/temporaries.ts";
import { withOwnTemporaries } from "../places.ts";
import { fs } from "../platform/builtins.ts";
import type { ActionReport } from "../report.ts";
import { runJob } from "../toolbox.ts";
import type { Operation } from "./operation.ts";
import { databaseIdOf } from "./source.ts";
import type { Stock } from "./take-stock.ts";

const { existsSync } = fs;

/** Holds the index against the files, in the child; a dry run only says what comes of it. */
export async function tendIndex(
  op: Operation,
  stock: Stock,
  how: { readonly anew: boolean; readonly dryRun: boolean },
): Promise<UpkeepOutcome> {
  const { settings } = op;
  const places = withOwnTemporaries(op.places);
  const databaseId = databaseIdOf(op, stock);
  if (databaseId === null && stock.survey.backups.length > 0) {
    op.warn(`It cannot be told which backups are of ${places.database}: they are left as they are.`);
  }
  op.onEvent({ kind: "verify", message: `looking at the files in ${places.backups}` });
  const order = {
    places,
    databaseId: databaseId ?? "",
    runningVersion: settings.appVersion,
    retention: settings.backupRetention,
    quarantineRetention: settings.quarantineRetention,
    now: op.now().toISOString(),
    anew: how.anew,
    // In a folder that is not there is nothing to act on, nor a place for the index's lock.
    dryRun: how.dryRun || !existsSync(places.backups),
  };
  try {
    const outcome = await runJob(op, "keep-index", order);
    op.warn(...outcome.warnings);
    return outcome;
  } catch (error) {
    await op.stopChild();
    clearTemporaries(places);
    throw error;
  }
}

/** For backups that were not listed, and turned out to be none to rely on. */
export function damagedActions({ places }: Operation, { setAside }: UpkeepOutcome): ActionReport[] {
  return setAside.map(({ file, reason }) => ({
    action: "quarantine",
    reason: `it is damaged: ${reason}`,
    file: join(places.backups, file),
  }));
}
