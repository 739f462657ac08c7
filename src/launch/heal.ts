/** Putting what can be read of a corrupt database into its place, with rows of a backup for what cannot. */
import { basename, join } from "node:path";
import { usability } from "../backups/choose.ts";
import type { IndexEntry } from "../backups/index-file.ts";
import { observeFiles, presentSidecars } from "../database/files.ts";
import type { Inspection } from "../database/integrity.ts";
import { fingerprint, relate } from "../database/layout.ts";
import { discard } from "../database/look.ts";
import { makeEmpty, migrateApart } from "../database/migrate-apart.ts";
import type { Engine } from "../database/open.ts";
import { dropSeal } from "../database/seal.ts";
import { messageOf, toHoldfastError } from "../errors.ts";
import { temporaryIn } from "../places.ts";
import { createPrivateFile } from "../platform/atomic-file.ts";
import { requireSpace } from "../platform/free-space.ts";
import { shortcomingsOf } from "../recovery/salvage/describe.ts";
import type { SalvageReport } from "../recovery/salvage/report.ts";
import { reporter, runJob } from "../toolbox.ts";
import type { Context, OwnMigrator } from "./context.ts";
import { type Doing, hasAlienSidecars } from "./decide.ts";
import { ALONE, type Facts, stampOf } from "./facts.ts";
import { layoutsOf, learn, withCheck } from "./learn.ts";
import { confirmLater } from "./loop.ts";
import { lookAt, makeReady, putInPlace } from "./replacement.ts";
import { savedOf, sentenceOf, whyNotUsed } from "./saved.ts";
import { dropStaged } from "./staged.ts";

interface Healed {
  readonly salvaged: SalvageReport;
  readonly inspection: Inspection;
  readonly databaseId: string;
}

type Unfit = { readonly unfit: string };

/** What these say holds for a restore as well; after all others it is tried. */
const FINAL: ReadonlySet<string> = new Set(["ABORTED", "DISK_FULL", "IO_FAILED", "DB_READ_ONLY", "DB_IN_USE"]);

export async function heal(context: Context, facts: Facts, decision: Doing<"salvage">): Promise<Facts> {
  const { places } = context;
  const { backup, reason } = decision;
  const report = reporter(context);
  const staged = temporaryIn(places.folder, places, "salvage");
  const before = context.actions.length;
  const warned = context.warnings.length;
  try {
    const healed = await attempt(context, facts, backup, staged);
    if ("unfit" in healed) {
      dropStaged(places, staged);
      context.actions.splice(before);
      context.warnings.splice(warned);
      return { ...facts, salvages: new Map(facts.salvages).set(backup?.file ?? ALONE, healed.unfit) };
    }
    const { salvaged, inspection, databaseId } = healed;
    dropSeal(places);
    const aside = await putInPlace(context, facts, staged, {
      cause: "corruption",
      healedFrom: backup ? join(places.backups, backup.file) : undefined,
    });
    if (aside === null) throw new Error(`${places.database} was not kept`);
    const inner = context.actions.splice(before);
    const saved = savedOf(salvaged, backup?.file ?? null);
    report({ action: "salvage", reason, file: places.database, saved });
    report({
      action: "quarantine",
      reason: "the corrupt file is kept as found",
      file: aside,
      version: versionOf(facts),
    });
    context.actions.push(...inner);
    context.warnings.push(`${sentenceOf(saved, backup?.createdAt ?? null)} The corrupt file is kept as ${aside}.`);
    context.warnings.push(...shortcomingsOf(salvaged));
    await confirmLater(context, { databaseId, at: facts.now, file: backup?.file ?? basename(aside) });
    const next = { ...facts, files: observeFiles(places.database), alone: null, restoredFrom: backup?.file ?? aside };
    return await learn(context, withCheck(next, inspection), inspection);
  } catch (error) {
    dropStaged(places, staged);
    throw toHoldfastError(error, `healing ${places.database}`) ?? error;
  }
}

function versionOf(facts: Facts): string | null {
  return stampOf(facts)?.appVersion ?? null;
}

/** Everything short of the swap: nothing but temporaries is written. */
async function attempt(
  context: Context,
  facts: Facts,
  backup: IndexEntry | null,
  staged: string,
): Promise<Healed | Unfit> {
  const { places } = context;
  const help = temporaryIn(places.folder, places, "restore");
  try {
    requireSpace(places.folder, Number(facts.files.main?.size ?? 0));
    const helper = backup ? await readyBackup(context, facts, backup, help) : await emptyDatabase(context, help);
    if ("unfit" in helper) return helper;
    const message = `reading ${places.database}`;
    const salvaged = await runJob(
      context,
      "salvage",
      { from: places.database, to: staged, alone: hasAlienSidecars(facts), ...helper },
      ({ done, total }) => context.onEvent({ kind: "salvage", message, done, total, unit: "pages" }),
    );
    const first = await lookAt(context, staged, "none");
    const unfit = whyNotUsed(salvaged) ?? whyUnfit(context, facts, staged, first, backup !== null);
    if (unfit !== null) return { unfit };
    const databaseId = idOf(facts, first, backup);
    const journalMode = salvaged.header?.journalMode ?? "wal";
    const inspection = await makeReady(context, facts, { path: staged, inspection: first, databaseId, journalMode });
    if (inspection.verdict.kind !== "sound") return { unfit: "it did not pass its own check" };
    return { salvaged, inspection, databaseId };
  } catch (error) {
    const told = toHoldfastError(error, `healing ${places.database}`);
    if (told && FINAL.has(told.code)) throw told;
    return { unfit: messageOf(error) };
  } finally {
    discard(help);
  }
}

/** What a damaged file says of itself is believed less than what was recorded of it. */
function idOf(facts: Facts, { self }: Inspection, backup: IndexEntry | null): string {
  return facts.recordedId ?? backup?.databaseId ?? self?.stamp?.databaseId ?? facts.databaseId;
}

/** Whether this app can go on with the layout that the result says it has, and whether that can be believed. */
function whyUnfit(
  context: Context,
  facts: Facts,
  staged: string,
  inspection: Inspection,
  hasBackup: boolean,
): string | null {
  const { applied, known } = layoutsOf(context, staged, inspection);
  const { usable, relation } = usability(applied, known, context.settings.appVersion);
  if (!usable) return `its layout is ${relation}`;
  const stamp = inspection.self?.stamp;
  const isKnown = stamp
    ? stamp.layout === fingerprint(applied)
    : applied.length > 0 || known.length === 0 || (facts.recordedId === null && !hasBackup);
  return isKnown ? null : "which migrations were applied to it cannot be read";
}

/** The backup, brought to the layout of the corrupt database where that is ahead of its own. */
async function readyBackup(
  context: Context,
  facts: Facts,
  backup: IndexEntry,
  temporary: string,
): Promise<{ backup: string } | Unfit> {
  const verified = facts.verifications.get(backup.file);
  if (!verified?.ok) throw new Error(`${backup.file} was not verified`);
  const path = join(context.places.backups, backup.file);
  const { self } = verified.inspection;
  const stage = () => runJob(context, "stage", { from: path, to: temporary, sha256: verified.sha256 });
  const another = { unfit: `${backup.file} has another layout` };
  if (context.own) {
    const wanted = stampOf(facts)?.layout;
    if (wanted !== undefined && wanted !== self?.stamp?.layout) return another;
  } else {
    const applied = self?.ledger ?? [];
    const wanted = facts.whole?.self?.ledger ?? [];
    const relation = wanted.length === 0 ? "equal" : relate(applied, wanted);
    if (relation === "behind" && relate(wanted, facts.app.layout) !== "diverged") {
      await stage();
      await migrateApart(context.engine, temporary, {
        pending: context.migrations.slice(applied.length, wanted.length),
        layout: wanted,
        databaseId: backup.databaseId,
        appVersion: context.settings.appVersion,
        now: facts.now,
      });
      return { backup: temporary };
    }
    if (relation !== "equal") return another;
  }
  // A viewer may have left a log beside it.
  if (presentSidecars(observeFiles(path)).length === 0) return { backup: path };
  await stage();
  return { backup: temporary };
}

/** Tells the schema where the file does not: what the migrations make of an empty database. */
async function emptyDatabase(context: Context, temporary: string): Promise<{ donor?: string }> {
  const { engine, own, migrations, settings } = context;
  if (own === null && migrations.length === 0) return {};
  try {
    if (own === null) {
      const at = { appVersion: settings.appVersion, now: context.now().toISOString() };
      await makeEmpty(engine, temporary, migrations, at);
    } else await migrateByOwn(engine, temporary, own);
    return { donor: temporary };
  } catch {
    // The file may well tell its schema itself.
    return {};
  }
}

async function migrateByOwn(engine: Engine, path: string, { migrate }: OwnMigrator): Promise<void> {
  createPrivateFile(path);
  const db = engine.open(path, "readwrite");
  try {
    await migrate(db);
  } finally {
    db.close();
  }
}
