/** What a launch orders of the child in the way of backups, and what it reports of them. */

import { join } from "node:path";
import type { BackupOrder, BackupOutcome } from "../backups/take.ts";
import { messageOf, toHoldfastError } from "../errors.ts";
import type { ActionReport, BackupReport } from "../report.ts";
import { type Context, reporter, runJob, stopIfAborted } from "./context.ts";
import { type Doing, decideBackup } from "./decide.ts";
import type { Facts } from "./facts.ts";

export async function takeRestorePoint(
  context: Context,
  facts: Facts,
  decision: Doing<"restore-point">,
): Promise<Facts> {
  const report = reporter(context);
  try {
    const order = backupOrder(context, facts, "restore-point");
    const outcome = await runJob(context, "backup", order, ({ done, total }) =>
      context.onEvent({ kind: "back-up", message: decision.reason, done, total, unit: "pages" }),
    );
    context.warnings.push(...outcome.warnings);
    for (const action of backupActions(context, outcome, "restore-point")) report(action);
    return { ...facts, restorePoint: { file: outcome.entry?.file ?? "" } };
  } catch (error) {
    stopIfAborted(context.signal);
    const failed = toHoldfastError(error, `taking a restore point of ${context.places.database}`);
    if (!failed) throw error;
    return { ...facts, restorePoint: { failed: failed.toJSON() } };
  }
}

/** What is ordered of the child: a restore point alone, before anything changes; the launch's behind the app. */
export function backupOrder(
  context: Context,
  facts: Facts,
  reason: "launch" | "restore-point",
  copy = true,
): BackupOrder {
  const { places, settings } = context;
  return {
    copy,
    places,
    databaseId: facts.databaseId,
    runningVersion: settings.appVersion,
    reason,
    retention: settings.backupRetention,
    quarantineRetention: settings.quarantineRetention,
    now: context.now().toISOString(),
    exclusive: reason === "restore-point",
  };
}

export function backupActions(context: Context, outcome: BackupOutcome, reason: string): ActionReport[] {
  const { backups } = context.places;
  const { entry, result, retired } = outcome;
  const unchanged = result === "unchanged" ? { unchanged: true as const } : {};
  return [
    ...(entry
      ? [{ action: "back-up" as const, reason, version: entry.version, file: join(backups, entry.file), ...unchanged }]
      : []),
    ...retired.map((each) => ({ action: "retire" as const, reason: each.reason, file: join(backups, each.file) })),
  ];
}

/** Takes the backup in the child while the application works. A failure is a warning, never an error. */
export async function backUpBehind(context: Context, facts: Facts): Promise<BackupReport> {
  const { settings, onEvent, actions, warnings } = context;
  const { take, reason } = decideBackup(facts, settings);
  const upkeep = facts.survey.stale !== null || facts.survey.setAside.some((each) => each.kind === "quarantined");
  const mayWrite = !context.readonly && facts.lock !== "shared";
  if (!take && !(upkeep && mayWrite)) return { result: "skipped", reason, actions: [], warnings: [] };
  const begun = performance.now();
  try {
    // The caller's signal was for the launch, which is over.
    const outcome = await runJob(
      { ...context, signal: undefined },
      "backup",
      backupOrder(context, facts, "launch", take),
      ({ done, total }) => onEvent({ kind: "back-up", message: reason, done, total, unit: "pages" }),
    );
    const ms = Math.round((performance.now() - begun) * 10) / 10;
    const done = backupActions(context, outcome, "launch").map((action) => ({ ...action, ms }));
    actions.push(...done);
    const news = outcome.warnings.filter((warning) => !warnings.includes(warning));
    warnings.push(...news);
    return { result: outcome.result === "none" ? "skipped" : outcome.result, reason, actions: done, warnings: news };
  } catch (error) {
    const failed = toHoldfastError(error, `backing up ${context.places.database}`);
    const warning = `No backup was taken: ${messageOf(failed ?? error)}`;
    warnings.push(warning);
    return {
      result: "failed",
      reason: warning,
      actions: [],
      warnings: [warning],
      ...(failed ? { error: failed.toJSON() } : {}),
    };
  }
}
