/** After a downgrade the newer application has come back: what the downgrade set aside, and how to bring it in. */
import { join } from "node:path";
import gt from "semver/functions/gt.js";
import valid from "semver/functions/valid.js";
import { usability } from "../backups/choose.ts";
import { isAbsent, livingSidecars, observeFiles } from "../database/files.ts";
import { canBeHeld } from "../database/look.ts";
import type { Found } from "../report.ts";
import type { Context } from "./context.ts";
import { findDemotedRows, type Question, tellDemotedRows } from "./demoted-rows.ts";
import type { Facts } from "./facts.ts";
import { layoutsOf } from "./learn.ts";

/**
 * Joins the report's warnings, where version or layout have risen with this launch. Before the hand-over, when nobody
 * writes: outside of WAL mode a count beside the application would hold up its commits.
 */
export async function noticeDemoted(context: Context, facts: Facts, found: Found): Promise<void> {
  const current = whereToCount(context, facts);
  if (current === null || !hasRisen(context, found)) return;
  const demotedRows = await findDemotedRows(context, {
    demoted: facts.survey.setAside.filter((each) => each.kind === "demoted"),
    databaseId: facts.databaseId,
    isReadable(path, inspection) {
      const { applied, known } = layoutsOf(context, path, inspection);
      return usability(applied, known, facts.app.version).usable;
    },
    current,
  });
  for (const each of demotedRows) {
    const told = tellDemotedRows(each);
    if (told) context.warnings.push(`${told.message} ${told.purpose}: ${told.remedy}`);
  }
}

function hasRisen({ actions, settings }: Context, { version }: Found): boolean {
  const did = (name: string) => actions.find(({ action }) => action === name);
  const from = did("restore")?.version ?? version;
  return (
    did("migrate") !== undefined ||
    (did("stamp") !== undefined && valid(from) !== null && gt(settings.appVersion, String(from)))
  );
}

/** For a plan, the database as it stands, or the backup that would take its place. */
function whereToCount({ places, dryRun, lock }: Context, { restoredFrom, intent }: Facts): Question["current"] | null {
  const path = dryRun && restoredFrom !== null ? join(places.backups, restoredFrom) : places.database;
  const files = observeFiles(path);
  // A journal that waits to be rolled back is no plan's business.
  if (intent || isAbsent(files) || livingSidecars(files).includes("-journal")) return null;
  const alone = path === places.database && lock?.state === "exclusive";
  return { path, how: alone && canBeHeld(path) ? "held" : "apart" };
}
