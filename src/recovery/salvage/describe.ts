import type { RecoveredTable } from "../../report.ts";
import { shown } from "../values.ts";
import type { SalvagedTable } from "./report.ts";

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
