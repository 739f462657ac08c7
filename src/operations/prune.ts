/** Retention now, with a reason for each file. It needs the index's lock only, and works beside the application. */
import { join } from "node:path";
import type { UpkeepOutcome } from "../backups/upkeep.ts";
import { clearTemporaries } from "../launch/temporaries.ts";
import { withOwnTemporaries } from "../places.ts";
import { fs } from "../platform/builtins.ts";
import type { ActionReport } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter, runJob } from "../toolbox.ts";
import { type ChangeOptions, type ChangeReport, type Operation, operate } from "./operation.ts";
import { databaseIdOf } from "./source.ts";
import { type Stock, takeStock } from "./take-stock.ts";

const { existsSync } = fs;

export interface PruneReport extends ChangeReport {
  /** Every file of the backup folder that stays, and why. */
  readonly kept: readonly { readonly file: string; readonly reason: string }[];
}

export async function prune(settings: string | SettingsInput, options: ChangeOptions = {}): Promise<PruneReport> {
  return await operate("prune", settings, options, async (op) => {
    const stock = await takeStock(op);
    if (options.dryRun || options.confirm) {
      const planned = await tendIndex(op, stock, { anew: false, dryRun: true });
      const plan = actionsOf(op, planned);
      // Where nothing goes, there is nothing to ask.
      const asked = plan.length > 0 || options.dryRun ? await op.ask(options, plan) : null;
      if (asked) return { ...asked, kept: keptOf(op, planned) };
    }
    const report = reporter(op);
    const done = await tendIndex(op, stock, { anew: false, dryRun: false });
    for (const action of actionsOf(op, done)) report(action);
    return { ...op.report("done"), kept: keptOf(op, done) };
  });
}

function actionsOf(op: Operation, outcome: UpkeepOutcome): ActionReport[] {
  const file = (name: string) => join(op.places.backups, name);
  return [
    ...damagedActions(op, outcome),
    ...outcome.removed.map((each): ActionReport => ({ action: "remove", reason: each.reason, file: file(each.file) })),
  ];
}

/** For backups that were not listed, and turned out to be none to rely on. */
export function damagedActions({ places }: Operation, { setAside }: UpkeepOutcome): ActionReport[] {
  return setAside.map(({ file, reason }) => ({
    action: "quarantine",
    reason: `it is damaged: ${reason}`,
    file: join(places.backups, file),
  }));
}

function keptOf({ places }: Operation, { kept }: UpkeepOutcome): PruneReport["kept"] {
  return kept.map(({ file, reason }) => ({ file: join(places.backups, file), reason }));
}

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
