/** Databases that were set aside because the running version could not read them. */
import { join } from "node:path";
import { HoldfastError, named } from "../errors.ts";
import type { DemotedRows } from "../launch/demoted-rows.ts";
import { removeDurably } from "../platform/atomic-file.ts";
import type { ActionReport } from "../report.ts";
import type { SettingsInput } from "../settings-glance.ts";
import { reporter } from "../toolbox.ts";
import { countDemotedAlone } from "./count-demoted.ts";
import { withDatabaseAlone } from "./hold.ts";
import { type ListOptions, type ListReport, list } from "./list.ts";
import { type MergeOptions, type MergeReport, mergeNamed } from "./merge.ts";
import { type ChangeOptions, type ChangeReport, operate } from "./operation.ts";
import { type RestoreOptions, restoreNamed } from "./restore.ts";
import { findSource } from "./source.ts";
import { takeStock } from "./take-stock.ts";

export async function listDemoted(settings: string | SettingsInput, options: ListOptions = {}): Promise<ListReport> {
  const report = await list(settings, options);
  return { ...report, files: report.files.filter((file) => file.kind === "demoted") };
}

/** Brings one back; it stays where it is as well, until it is removed. */
export async function restoreDemoted(
  settings: string | SettingsInput,
  id: string,
  options: RestoreOptions = {},
): Promise<ChangeReport> {
  return await operate("demoted restore", settings, options, (op) => restoreNamed(op, id, options, "demoted"));
}

/** Merges the rows of one; it stays where it is, until it is removed. */
export async function mergeDemoted(
  settings: string | SettingsInput,
  id: string,
  options: MergeOptions = {},
): Promise<MergeReport> {
  return await operate("demoted merge", settings, options, (op) => mergeNamed(op, id, options, "demoted"));
}

/** The one operation that deletes a database: it must be named. */
export async function removeDemoted(
  settings: string | SettingsInput,
  id: string,
  options: ChangeOptions = {},
): Promise<ChangeReport> {
  return await operate("demoted remove", settings, options, (op) =>
    withDatabaseAlone(op, async () => {
      const { places } = op;
      const stock = await takeStock(op);
      const source = findSource(op, stock, id);
      if (source.kind !== "demoted") {
        throw new HoldfastError({
          code: "NOT_FOUND",
          message: `${source.id} is no demoted database; nothing was removed.`,
          hint: "See those that there are: holdfast demoted list",
          details: { path: source.path },
        });
      }
      const loss = tellLoss(source.id, await countDemotedAlone(op, stock, source.set));
      const plan = source.set.files.map((file): ActionReport => {
        const reason = file === source.set.file ? `it is deleted for good${loss}` : `it belongs to ${source.set.file}`;
        return { action: "remove", reason, file: join(places.backups, file) };
      });
      const done = await op.ask(options, plan);
      if (done) return done;
      const report = reporter(op);
      // The database last: sidecars without it would be strays.
      for (const each of [...plan].reverse()) {
        named(`removing ${each.file}`, () => removeDurably(String(each.file)));
        report(each);
      }
      return op.report("done");
    }),
  );
}

/** What goes with it; a merge would add rows, but only a comparison sees other values. */
function tellLoss(id: string, counted: DemotedRows | null): string {
  if (counted === null || (counted.rows === 0 && !counted.complete)) return ", with everything that only it has";
  const { rows, complete } = counted;
  if (rows === 0)
    return `; the current database has all of its rows, perhaps with other values, which this shows: holdfast diff ${id}`;
  return `, with ${complete ? "" : "at least "}${rows} row${rows === 1 ? "" : "s"} that the current database lacks`;
}
