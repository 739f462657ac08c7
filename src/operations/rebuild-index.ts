/** The index made anew from the files, whatever it says now. It needs its own lock only, and removes no backup. */
import { join } from "node:path";
import { damagedIndexOf } from "../backups/index-file.ts";
import type { UpkeepOutcome } from "../backups/upkeep.ts";
import { HoldfastError } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import type { ActionReport } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter } from "../toolbox.ts";
import { type ChangeOptions, type ChangeReport, type Operation, operate } from "./operation.ts";
import { takeStock } from "./take-stock.ts";
import { damagedActions, tendIndex } from "./tend-index.ts";

const { existsSync } = fs;

export interface RebuildReport extends ChangeReport {
  /** The backups that the index lists now; `verified` is false for those of another database, which are not read. */
  readonly listed: readonly { readonly file: string; readonly verified: boolean }[];
  /** Files with the name of a backup that it does not list, and why. */
  readonly leftOut: readonly { readonly file: string; readonly reason: string }[];
}

export async function rebuildIndex(
  settings: string | SettingsInput,
  options: ChangeOptions = {},
): Promise<RebuildReport> {
  return await operate("rebuild-index", settings, options, async (op) => {
    const stock = await takeStock(op);
    if (!existsSync(op.places.backups)) throw noFolder(op);
    const replaced = existsSync(op.places.index);
    if (options.dryRun || options.confirm) {
      const planned = await tendIndex(op, stock, { anew: true, dryRun: true });
      const asked = await op.ask(options, actionsOf(op, planned, replaced));
      if (asked) return { ...asked, ...filesOf(op, planned) };
    }
    const report = reporter(op);
    const done = await tendIndex(op, stock, { anew: true, dryRun: false });
    for (const action of actionsOf(op, done, replaced)) report(action);
    return { ...op.report("done"), ...filesOf(op, done) };
  });
}

function noFolder({ places: { backups } }: Operation): HoldfastError {
  return new HoldfastError({
    code: "NOT_FOUND",
    message: `There is no folder ${backups}, and so no backup to list.`,
    hint: "Set db-backup-dir to the folder in which the backups are.",
    details: { folder: backups },
  });
}

function actionsOf(op: Operation, outcome: UpkeepOutcome, replaced: boolean): ActionReport[] {
  const { places } = op;
  const { adopted, listed } = outcome;
  const aside: ActionReport = {
    action: "move",
    reason: "the index as it was is kept under this name",
    file: damagedIndexOf(places),
  };
  return [
    ...adopted.map(
      (file): ActionReport => ({
        action: "check",
        reason: "all of it was read, and is sound",
        file: join(places.backups, file),
      }),
    ),
    ...damagedActions(op, outcome),
    ...(replaced ? [aside] : []),
    {
      action: "write",
      reason: `it lists ${listed.length} backup${listed.length === 1 ? "" : "s"}`,
      file: places.index,
    },
  ];
}

function filesOf(
  { places }: Operation,
  { adopted, listed, leftOut }: UpkeepOutcome,
): Pick<RebuildReport, "listed" | "leftOut"> {
  return {
    listed: listed.map((file) => ({ file: join(places.backups, file), verified: adopted.includes(file) })),
    leftOut: leftOut.map(({ file, reason }) => ({ file: join(places.backups, file), reason })),
  };
}
