/** Retention now, with a reason for each file. It needs the index's lock only, and works beside the application. */
import { join } from "node:path";
import type { UpkeepOutcome } from "../backups/upkeep.ts";
import type { ActionReport } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter } from "../toolbox.ts";
import { type ChangeOptions, type ChangeReport, type Operation, operate } from "./operation.ts";
import { takeStock } from "./take-stock.ts";
import { damagedActions, tendIndex } from "./tend-index.ts";

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

function keptOf({ places }: Operation, { kept }: UpkeepOutcome): PruneReport["kept"] {
  return kept.map(({ file, reason }) => ({ file: join(places.backups, file), reason }));
}
