/** Taking in what an examination or a change has shown of the database. */

import { dirname } from "node:path";
import { idForUnstamped } from "../backups/choose.ts";
import { livingSidecars, observeFiles } from "../database/files.ts";
import type { Inspection } from "../database/integrity.ts";
import { type Layout, relate } from "../database/layout.ts";
import { lookApart, lookWhole } from "../database/look.ts";
import { findUnfit, layoutOf } from "../database/migrations.ts";
import type { Connection } from "../database/open.ts";
import type { LedgerEntry } from "../database/stamp.ts";
import { temporaryIn } from "../places.ts";
import type { Context } from "./context.ts";
import type { Facts } from "./facts.ts";

/** All pages were read, and found sound: by this launch, now. */
export function withCheck(facts: Facts, inspection: Inspection): Facts {
  return inspection.verdict.kind === "sound" ? { ...facts, checked: true, lastCheck: facts.now } : facts;
}

/** Takes in what is now known of the database as a whole: its layout, and whether what is pending may run. */
export async function learn(context: Context, facts: Facts, whole: Inspection): Promise<Facts> {
  const warnings = whole.verdict.kind === "sound" ? whole.verdict.warnings : [];
  for (const warning of warnings) if (!context.warnings.includes(warning)) context.warnings.push(warning);
  if (whole.verdict.kind !== "sound") return { ...facts, whole, layout: whole.self?.ledger ?? [] };
  const { applied, known } = layoutsOf(context, context.places.database, whole);
  const databaseId =
    whole.self?.stamp?.databaseId ??
    idForUnstamped(facts.survey.backups, { path: facts.files.path, backupsFolder: facts.backupsFolder }) ??
    facts.databaseId;
  const app = { ...facts.app, layout: known };
  const pending = relate(applied, known) === "behind" ? context.migrations.slice(applied.length) : [];
  return { ...facts, app, whole, databaseId, layout: applied, unfit: context.own ? null : await findUnfit(pending) };
}

/** The layout in a file and the application's: by ledger and migrations, or as its own migrator names them. */
export function layoutsOf(
  context: Context,
  path: string,
  { self, journalMode }: Inspection,
): { applied: readonly LedgerEntry[]; known: Layout } {
  if (!context.own) return { applied: self?.ledger ?? [], known: layoutOf(context.migrations) };
  const { own, engine, places } = context;
  const look = (db: Connection) => asLedgers(own.layout(db));
  if (livingSidecars(observeFiles(path)).length > 0) return lookWhole(engine, path, look);
  return lookApart(engine, path, { journalMode, scratch: temporaryIn(dirname(path), places, "look") }, look);
}

function asLedgers(named: { applied: Layout; known: Layout }): { applied: readonly LedgerEntry[]; known: Layout } {
  const applied = named.applied.map((step) => ({
    name: step.name,
    checksum: step.checksum,
    compatibleSince: step.compatibleSince ?? null,
    appliedAt: "",
    appVersion: "",
    down: null,
  }));
  return { applied, known: named.known };
}
