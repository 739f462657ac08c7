import type { RecoveredTable } from "../../report.ts";
import { shown } from "../values.ts";
import type { SalvagedTable, SalvageReport } from "./report.ts";

const RANGES_TOLD = 1000;

/** As reports tell it. */
export function describeTable(salvaged: SalvagedTable): RecoveredTable {
  const { table, byTree, byOrphanPage, fromBackup, broken, setAside, gaps, lostAtMost } = salvaged;
  return {
    table,
    rows: byTree + byOrphanPage + fromBackup,
    orphans: byOrphanPage,
    fromBackup: {
      rows: fromBackup,
      ranges: gaps
        .filter((gap) => gap.fromBackup > 0)
        .slice(0, RANGES_TOLD)
        .map(describeRange),
    },
    broken,
    setAside,
    gaps: gaps.length,
    lostAtMost: lostAtMost === null ? null : Number(lostAtMost),
  };
}

function describeRange({ after, upTo, fromBackup }: SalvagedTable["gaps"][number]) {
  return { after: after?.map(shown) ?? null, upTo: upTo?.map(shown) ?? null, rows: fromBackup };
}

/** What the new database lacks beside rows, as warnings. */
export function shortcomingsOf({ notRebuilt, missingParents, logRefused }: SalvageReport): string[] {
  return [
    ...notRebuilt.map(({ type, name, reason }) => `The ${type} ${name} was not rebuilt: ${reason}.`),
    ...missingParents.map(
      ({ table, parent, rows }) => `${rows} row${rows === 1 ? "" : "s"} of ${table} without a parent in ${parent}.`,
    ),
    ...(logRefused === null ? [] : [`The log beside it was not read: ${logRefused}.`]),
  ];
}
