/** The backup that is taken before anything is changed. */
import type { BackupOrder } from "../backups/take.ts";
import { toHoldfastError } from "../errors.ts";
import type { Settings } from "../settings.ts";
import { reporter, runJob, stopIfAborted, type Toolbox } from "../toolbox.ts";
import { backupActions } from "./behind.ts";
import type { Context } from "./context.ts";
import type { Doing } from "./decide.ts";
import type { Facts } from "./facts.ts";

export async function takeRestorePoint(
  context: Context,
  facts: Facts,
  decision: Doing<"restore-point">,
): Promise<Facts> {
  try {
    const file = await orderRestorePoint(context, facts.databaseId, "restore-point", decision.reason);
    return { ...facts, restorePoint: { file } };
  } catch (error) {
    stopIfAborted(context.signal);
    const failed = toHoldfastError(error, `taking a restore point of ${context.places.database}`);
    if (!failed) throw error;
    return { ...facts, restorePoint: { failed: failed.toJSON() } };
  }
}

/** What a restore point is taken with. */
export interface RestorePointTools extends Toolbox {
  readonly settings: Pick<Settings, "backupRetention" | "quarantineRetention" | "lockTimeout"> & {
    readonly appVersion: string | null;
  };
}

/**
 * The launch lock is held alone. What is done and what is to be warned of joins the report.
 *
 * @param reason as the report has it
 * @param message as the events have it
 * @param label makes it a backup of its own, for which no other is replaced or removed
 * @returns its file
 */
export async function orderRestorePoint(
  tools: RestorePointTools,
  databaseId: string,
  reason: string,
  message: string,
  label: string | null = null,
): Promise<string> {
  const { places, settings, now } = tools;
  const report = reporter(tools);
  const order: BackupOrder = {
    places,
    databaseId,
    runningVersion: settings.appVersion,
    reason: "restore-point",
    label,
    retention: label === null ? settings.backupRetention : 0,
    quarantineRetention: label === null ? settings.quarantineRetention : Number.MAX_SAFE_INTEGER,
    now: now().toISOString(),
    exclusive: true,
    patience: settings.lockTimeout,
  };
  const outcome = await runJob(tools, "backup", order, ({ done, total, what }) =>
    tools.onEvent(
      what === undefined
        ? { kind: "back-up", message, done, total, unit: "pages" }
        : { kind: "check", message: `checking the backup: ${what}`, done, total, unit: "tables" },
    ),
  );
  tools.warnings.push(...outcome.warnings.filter((warning) => !tools.warnings.includes(warning)));
  for (const action of backupActions(places, outcome, reason)) report(action);
  return outcome.entry.file;
}
