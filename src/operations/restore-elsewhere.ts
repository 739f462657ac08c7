/** A restore that leaves the database alone. */
import { basename, join } from "node:path";
import { SIDECARS } from "../database/files.ts";
import { discard } from "../database/look.ts";
import { named } from "../errors.ts";
import { temporaryIn } from "../places.ts";
import { createPrivateFolder, replaceFile } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { reporter, stopIfAborted } from "../toolbox.ts";
import { dropExtras, foreseeExtras, stageExtras, swapExtras } from "./extra-restore.ts";
import type { ChangeReport, Operation } from "./operation.ts";
import { exists } from "./refusals.ts";
import type { RestoreOptions } from "./restore.ts";
import { planOf } from "./restore-plan.ts";
import { findSource } from "./source.ts";
import { stageDatabase } from "./stage-database.ts";
import { takeStock } from "./take-stock.ts";
import { requireSound } from "./verify-source.ts";

const { lstatSync } = fs;

export async function restoreElsewhere(
  op: Operation,
  name: string,
  target: string,
  options: RestoreOptions,
): Promise<ChangeReport> {
  const { places } = op;
  const stock = await takeStock(op);
  const source = findSource(op, stock, name);
  const verified = await requireSound(op, source, "restored", options.force);
  const path = join(target, basename(places.database));
  const extras = foreseeExtras(op, source, target);
  for (const each of [path, ...SIDECARS.map((ending) => path + ending), ...extras.map((extra) => extra.to)]) {
    if (lstatSync(each, { throwIfNoEntry: false })) throw exists(each);
  }
  const plan = planOf(op, source, verified, path, extras);
  const written = { database: path };
  const done = await op.ask(options, plan, written);
  if (done) return done;
  const report = reporter(op);
  named(`making the folder ${target}`, () => createPrivateFolder(target));
  const staged = temporaryIn(target, places, "restore");
  try {
    await stageDatabase(op, source, verified, staged, path, null);
    await stageExtras(op, source, extras);
    stopIfAborted(op.signal);
    swapExtras(extras);
    named(`writing ${path}`, () => replaceFile(staged, path));
  } catch (error) {
    discard(staged);
    throw error;
  } finally {
    dropExtras(extras);
  }
  for (const each of plan) report(each);
  return { ...op.report("done"), ...written };
}
