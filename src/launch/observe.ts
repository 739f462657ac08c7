/** The first look: what can be known without opening the database. */
import { randomUUID } from "node:crypto";
import { EMPTY_SURVEY, othersAlive, surveyListed } from "../backups/survey.ts";
import { isAbsent, observeFiles } from "../database/files.ts";
import { layoutOf } from "../database/migrations.ts";
import { forgetMoved, readMoved } from "../database/moved.ts";
import { recordedId, type Trust, trustOf } from "../database/seal.ts";
import { unfinishedSwap } from "../database/swap.ts";
import { HoldfastError, named } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import { runJob } from "../toolbox.ts";
import type { Context } from "./context.ts";
import type { Facts, LockFact } from "./facts.ts";
import { clearTemporaries } from "./temporaries.ts";

const { accessSync, constants } = fs;

/** @param waited `db-lock-timeout` is over */
export async function observe(context: Context, waited: boolean): Promise<Facts> {
  const { places, settings, migrations, lock } = context;
  const held: LockFact = !lock ? "unneeded" : lock.state === "none" ? "taken" : lock.state;
  const intent = held === "taken" ? null : named(`reading ${places.backups}`, () => unfinishedSwap(places));
  const survey =
    held === "taken" || intent ? EMPTY_SURVEY : (surveyListed(places) ?? (await runJob(context, "survey", { places })));
  for (const warning of survey.warnings) if (!context.warnings.includes(warning)) context.warnings.push(warning);
  if (held === "exclusive" && !context.dryRun && intent === null) {
    context.warnings.push(...clearTemporaries(places));
  }
  const files = observeFiles(places.database);
  if (files.main !== null) requireAccess(context);
  if (held === "exclusive" && !context.dryRun && !isAbsent(files)) forgetMoved(places);
  const trust: Trust = held === "taken" ? { kind: "unknown", why: "another launch is under way" } : trustOf(places);
  return {
    now: context.now().toISOString(),
    app: { version: settings.appVersion, layout: layoutOf(migrations), readonly: context.readonly },
    lock: held,
    waited,
    intent,
    files,
    moved: isAbsent(files) ? readMoved(places) : null,
    trust,
    recordedId: recordedId(places),
    checked: false,
    lastCheck: "checkedAt" in trust ? trust.checkedAt : null,
    backupsFolder: places.backups,
    whole: null,
    alone: null,
    layout: [],
    survey,
    othersAlive: othersAlive(survey, places),
    logKept: false,
    verifications: new Map(),
    salvages: new Map(),
    unfit: null,
    restorePoint: null,
    databaseId: randomUUID(),
    restoredFrom: null,
  };
}

/** SQLite opens a file that may only be read without a word, and the application would fail at its first write. */
function requireAccess(context: Context): void {
  const { places, readonly } = context;
  named(`reading ${places.database}`, () => accessSync(places.database, constants.R_OK));
  if (readonly) return;
  try {
    accessSync(places.database, constants.W_OK);
  } catch (error) {
    throw new HoldfastError(
      {
        code: "DB_READ_ONLY",
        message: `${places.database} may be read but not written.`,
        hint: "Make the file and its folder writable for the user who starts the application, or open it with readonly: true.",
        details: { path: places.database },
      },
      { cause: error },
    );
  }
}
