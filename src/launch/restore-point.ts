/** The backup that is taken before anything is migrated. */
import type { BackupOrder } from "../backups/take.ts";
import { toHoldfastError } from "../errors.ts";
import { reporter, runJob, stopIfAborted } from "../toolbox.ts";
import { backupActions } from "./behind.ts";
import type { Context } from "./context.ts";
import type { Doing } from "./decide.ts";
import type { Facts } from "./facts.ts";

export async function takeRestorePoint(
  context: Context,
  facts: Facts,
  decision: Doing<"restore-point">,
): Promise<Facts> {
  const report = reporter(context);
  try {
    const { places, settings } = context;
    const order: BackupOrder = {
      places,
      databaseId: facts.databaseId,
      runningVersion: settings.appVersion,
      reason: "restore-point",
      retention: settings.backupRetention,
      quarantineRetention: settings.quarantineRetention,
      now: context.now().toISOString(),
      exclusive: true,
      patience: settings.lockTimeout,
    };
    const outcome = await runJob(context, "backup", order, ({ done, total }) =>
      context.onEvent({ kind: "back-up", message: decision.reason, done, total, unit: "pages" }),
    );
    context.warnings.push(...outcome.warnings);
    for (const action of backupActions(places, outcome, "restore-point")) report(action);
    return { ...facts, restorePoint: { file: outcome.entry.file } };
  } catch (error) {
    stopIfAborted(context.signal);
    const failed = toHoldfastError(error, `taking a restore point of ${context.places.database}`);
    if (!failed) throw error;
    return { ...facts, restorePoint: { failed: failed.toJSON() } };
  }
}
