/** What a salvage brought back, judged and told. Pure. */
import { describeTable } from "../recovery/salvage/describe.ts";
import type { SalvagedTable, SalvageReport } from "../recovery/salvage/report.ts";
import { isInternal } from "../recovery/tables.ts";
import type { Saved } from "../report.ts";

/**
 * Why the result is no better than a backup as it is; null where it is. It must hold at least as many rows, except for
 * rows that are known to have been deleted since: a backup whose rows are all there, or in no gap, can have more.
 */
export function whyNotUsed(report: SalvageReport): string | null {
  const tables = report.tables.filter(isTold);
  const rows = sum(tables, (table) => table.byTree + table.byOrphanPage);
  const whole = report.schema === "file" && tables.every(({ gaps }) => gaps.length === 0);
  if (rows === 0 && !(whole && tables.length > 0)) return "not one row of the application's could be read";
  const { healing } = report;
  if (healing === null || (healing.notTaken === 0 && healing.leftOut.length === 0)) return null;
  const { inResult, inBackup } = healing;
  return inResult < inBackup ? `it would have ${inResult} rows, and the backup has ${inBackup}` : null;
}

/** @param backup the name of the file */
export function savedOf(report: SalvageReport, backup: string | null): Saved {
  const tables = report.tables.filter(isTold);
  const lost = tables.map(({ lostAtMost }) => lostAtMost);
  const { lostAndFound, healing } = report;
  return {
    rows: sum(tables, (table) => table.byTree + table.byOrphanPage),
    fromBackup:
      backup === null ? null : { file: backup, rows: healing === null ? 0 : sum(tables, (t) => t.fromBackup) },
    corrected: report.corrected.pages,
    lostAtMost: lost.includes(null) ? null : lost.reduce((all, each) => all + Number(each), 0),
    lostAndFound: lostAndFound && { table: lostAndFound.table, rows: lostAndFound.rows },
    tables: tables.map(describeTable),
  };
}

/** In one sentence: what there is now, where it is from, and what is not there. */
export function sentenceOf(saved: Saved, backedUpAt: string | null): string {
  const { rows, fromBackup, corrected, lostAtMost, lostAndFound } = saved;
  const whence =
    fromBackup === null
      ? `was corrupt, and there is no backup that could be used: ${count(rows)} of it could be read`
      : fromBackup.rows === 0
        ? `was corrupt and is healed: all of its ${count(rows)} could be read`
        : `was corrupt and is healed: ${count(rows)} of it could be read, and ${fromBackup.rows} are from ${fromBackup.file} of ${backedUpAt}, in the place of pages that cannot be read`;
  const turned =
    corrected === 0
      ? ""
      : `; ${corrected} page${corrected === 1 ? "" : "s"} in which bits were turned, or that had come to the wrong place, ${corrected === 1 ? "was" : "were"} put right by the backup`;
  const since = fromBackup === null ? "" : " written after that";
  const lost =
    lostAtMost === null
      ? `how many rows${since} are lost cannot be known`
      : lostAtMost === 0
        ? "none is known to be lost"
        : `at most ${count(lostAtMost)}${since} may be lost`;
  const aside = lostAndFound
    ? `; ${count(lostAndFound.rows)} without a table for sure, or perhaps deleted, ${lostAndFound.rows === 1 ? "is" : "are"} in the table ${lostAndFound.table}`
    : "";
  return `The database ${whence}${turned}; ${lost}${aside}.`;
}

function isTold({ table }: SalvagedTable): boolean {
  return !isInternal(table);
}

function count(rows: number): string {
  return `${rows} row${rows === 1 ? "" : "s"}`;
}

function sum(tables: readonly SalvagedTable[], rowsOf: (table: SalvagedTable) => number): number {
  return tables.reduce((all, table) => all + rowsOf(table), 0);
}
