/** Salvage as the child process does it: what comes of a damaged backup has other bytes, and is a backup no more. */
import type { Connection, Engine } from "../database/open.ts";
import { removeBackupRow } from "../database/stamp.ts";
import { HoldfastError, named } from "../errors.ts";
import type { Progress } from "../platform/child.ts";
import type { SalvageReport } from "./salvage/report.ts";
import { type SalvageOrder, salvage } from "./salvage/salvage.ts";

export function salvageFile(
  engine: Engine,
  order: SalvageOrder,
  onProgress?: (progress: Progress) => void,
): SalvageReport {
  const report = salvage(engine, order, onProgress);
  named(`finishing ${order.to}`, () => {
    const db = engine.openUntrusted(order.to, "readwrite");
    try {
      takeRowAway(db);
    } finally {
      db.close();
    }
  });
  return report;
}

function takeRowAway(db: Connection): void {
  try {
    removeBackupRow(db);
  } catch (error) {
    // Tables that only look like Holdfast's are rows like any others.
    if (!(error instanceof HoldfastError) || error.code !== "CHECK_IMPOSSIBLE") throw error;
  }
}
