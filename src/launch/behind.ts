/**
 * The work behind the application, seen from the application: it is ordered of the child process, and what became
 * of it joins the report. A failure is a warning, never an error.
 */
import { join } from "node:path";
import type { BehindOrder, BehindOutcome } from "../backups/behind.ts";
import type { BackupOutcome } from "../backups/take.ts";
import type { Retired } from "../backups/upkeep.ts";
import { messageOf, type Refusal, toHoldfastError } from "../errors.ts";
import type { Places } from "../places.ts";
import type { Child } from "../platform/child.ts";
import { elapsedSince } from "../platform/elapsed.ts";
import type { ActionReport, BackupReport, ProgressEvent } from "../report.ts";

export interface Done {
  readonly report: BackupReport;
  /** Null when the work came to no end. */
  readonly outcome: BehindOutcome | null;
}

export async function orderBehind(
  child: Child,
  order: BehindOrder,
  onEvent: (event: ProgressEvent) => void,
  abandoned: () => boolean,
): Promise<Done> {
  const begun = performance.now();
  const { database } = order.places;
  try {
    const outcome = await child.run<BehindOutcome>("behind", order, {
      onProgress: ({ done, total, what }) =>
        onEvent(
          what === undefined
            ? { kind: "back-up", message: `backing up ${database}`, done, total, unit: "pages" }
            : {
                kind: "check",
                message: `checking ${database} behind the application: ${what}`,
                done,
                total,
                unit: "tables",
              },
        ),
    });
    if (outcome.suspect !== null) onEvent({ kind: "suspect", message: suspicion(database, outcome.suspect) });
    const ms = elapsedSince(begun);
    return { outcome, report: reportOf(order, outcome, ms) };
  } catch (error) {
    if (abandoned()) return { outcome: null, report: ABANDONED };
    const failed = toHoldfastError(error, `backing up ${database}`);
    return { outcome: null, report: failure(messageOf(failed ?? error), failed?.toJSON() ?? null, [], []) };
  }
}

export const ABANDONED: BackupReport = {
  result: "abandoned",
  reason: "the application closed without waiting for it",
  actions: [],
  warnings: [],
};

function reportOf({ places, check }: BehindOrder, outcome: BehindOutcome, ms: number): BackupReport {
  const { result, reason, error, entry, scrubbed, checked, suspect } = outcome;
  const actions: ActionReport[] = scrubbed.map((file) => ({
    action: "check",
    reason: "the backup is read again against its checksum",
    file: join(places.backups, file),
  }));
  const backedUp = entry !== null && (result === "taken" || result === "unchanged");
  actions.push(
    ...(backedUp
      ? backupActions(places, { ...outcome, entry, result }, "launch")
      : retirements(places, outcome.retired)),
  );
  if (checked && check === "full") {
    actions.push({ action: "check", reason: "every page is read behind the application", file: places.database });
  }
  const warnings = [...outcome.warnings, ...(suspect === null ? [] : [suspicion(places.database, suspect)])];
  const timed = actions.map((action) => ({ ...action, ms }));
  if (result === "failed") return failure(reason, error, timed, warnings);
  return { result, reason, actions: timed, warnings };
}

function failure(
  why: string,
  error: Refusal | null,
  actions: readonly ActionReport[],
  warnings: readonly string[],
): BackupReport {
  const warning = `No backup was taken: ${why}`;
  return {
    result: "failed",
    reason: warning,
    actions,
    warnings: [...warnings, warning],
    ...(error ? { error } : {}),
  };
}

function suspicion(database: string, damage: string): string {
  return `${database} failed its check behind the application (${damage}): close the application and start it again, and it is checked before it opens. Until then no backup is taken.`;
}

export function backupActions(
  places: Places,
  { entry, result, retired }: Pick<BackupOutcome, "entry" | "result" | "retired">,
  reason: string,
): ActionReport[] {
  const unchanged = result === "unchanged" ? { unchanged: true as const } : {};
  const file = join(places.backups, entry.file);
  return [{ action: "back-up", reason, version: entry.version, file, ...unchanged }, ...retirements(places, retired)];
}

function retirements(places: Places, retired: readonly Retired[]): ActionReport[] {
  return retired.map(({ file, reason }) => ({ action: "retire", reason, file: join(places.backups, file) }));
}
