/** What `status()` tells of what there is. */
import type { IndexEntry } from "../backups/index-file.ts";
import type { SetAside } from "../backups/survey.ts";
import { type Layout, relate } from "../database/layout.ts";
import type { LedgerEntry } from "../database/stamp.ts";
import type { DemotedRows } from "../launch/demoted-rows.ts";
import { idOf } from "../places.ts";
import type { SettingsInput } from "../settings-glance.ts";
import type { BackupStatus, DemotedStatus, SetAsideStatus, StatusOptions, StatusReport } from "../status.ts";
import { countDemoted } from "./count-demoted.ts";
import { type Operation, operate } from "./operation.ts";
import { cutOffRestore, tellCutOffRestore } from "./restore-record.ts";
import { type Stock, takeStock } from "./take-stock.ts";

export async function tellStatus(settings: string | SettingsInput, options: StatusOptions): Promise<StatusReport> {
  return await operate("status", settings, options, async (op) => {
    const stock = await takeStock(op);
    const cutOff = stock.heldBy === "launch" ? null : cutOffRestore(op);
    if (cutOff) op.warn(`${tellCutOffRestore(cutOff).message} To go on: ${tellCutOffRestore(cutOff).remedy}`);
    return describe(op, stock, await countDemoted(op, stock));
  });
}

function describe(op: Operation, stock: Stock, demotedRows: readonly DemotedRows[]): StatusReport {
  const { settings, places, warnings } = op;
  const { known, heldBy, swap, file, sidecars, survey, own } = stock;
  const { self, state, problem, journalMode } = stock.database;
  const stamp = self?.stamp ?? null;
  return {
    appVersion: settings.appVersion,
    paths: {
      settings: settings.origin,
      database: places.database,
      migrations: typeof settings.migrations === "string" ? settings.migrations : null,
      backups: places.backups,
      lock: places.lock,
      index: places.index,
    },
    database: { state, problem, file, sidecars, journalMode },
    heldBy,
    stamp: stamp && { databaseId: stamp.databaseId, version: stamp.appVersion, changedAt: stamp.changedAt },
    layout: self && describeLayout(self.ledger, known),
    backups: own.map(describeBackup),
    otherBackups: survey.backups.length - own.length,
    demoted: setAside(survey, "demoted").map((set) => describeDemoted(idOf(places, set.file), set, demotedRows)),
    quarantined: setAside(survey, "quarantined"),
    unfinishedSwap: swap && {
      resumable: swap.kind === "resumable",
      differences: swap.kind === "broken" ? swap.differences : [],
    },
    warnings,
  };
}

export function describeLayout(ledger: readonly LedgerEntry[], known: Layout | null): StatusReport["layout"] {
  const relation = known && relate(ledger, known);
  return {
    applied: ledger.map(({ name, appliedAt, appVersion }) => ({ name, appliedAt, appVersion })),
    relation,
    pending: relation === "behind" && known ? known.slice(ledger.length).map((step) => step.name) : [],
  };
}

function describeBackup(entry: IndexEntry, place: number): BackupStatus {
  const { file, version, createdAt, reason, label, size, verifiedAt } = entry;
  return { file, version, createdAt, reason, label, size, verifiedAt, newest: place === 0 };
}

function setAside(survey: Stock["survey"], kind: SetAside["kind"]): SetAsideStatus[] {
  return survey.setAside
    .filter((each) => each.kind === kind)
    .map(({ file, version, files, size, at }) => ({ file, version, files, size, at }));
}

function describeDemoted(id: string, set: SetAsideStatus, demotedRows: readonly DemotedRows[]): DemotedStatus {
  const found = demotedRows.find((each) => each.id === id);
  return { ...set, id, lacking: found ? { rows: found.rows, complete: found.complete } : null };
}
