/** The room that a launch may need at once, as its steps ask for it. */
import { COPY_MARGIN } from "../../platform/free-space.ts";
import type { DoctorFacts } from "./facts.ts";

export interface Need {
  readonly bytes: number;
  readonly what: string;
  /** The next launch is refused without it. */
  readonly vital: boolean;
}

export interface Room {
  readonly folder: string;
  readonly free: number;
  /** All that may be needed there in one launch. */
  readonly needs: readonly Need[];
}

/** One for each file system; those that cannot be asked are left out. */
export function roomNeeded(facts: DoctorFacts): Room[] {
  const [data, backups] = facts.folders;
  const together = data.device !== null && data.device === backups.device;
  const beside = besideTheDatabase(facts);
  const among = amongTheBackups(facts, together);
  const places = together
    ? [{ at: data, needs: [...beside, ...among] }]
    : [
        { at: data, needs: beside },
        { at: backups, needs: among },
      ];
  return places.flatMap(({ at, needs }) => (at.free === null ? [] : { folder: at.path, free: at.free, needs }));
}

export function bytesOf(needs: readonly Need[]): number {
  return needs.reduce((sum, need) => sum + need.bytes, 0);
}

/** A launch heals, restores or migrates: the largest of these. */
function besideTheDatabase({ database: { state, size, logSize }, layout, own, settings }: DoctorFacts): Need[] {
  const largest = Math.max(0, ...own.map((entry) => entry.size));
  const restores = state === "missing" || state === "empty" || state === "corrupt";
  const needs: Need[] = [];
  if (largest > 0) {
    needs.push({
      bytes: largest + COPY_MARGIN,
      what: "the copy of a backup that a restore puts in its place",
      vital: restores,
    });
  }
  if (state === "corrupt" && settings.onCorruption === "heal") {
    const what = "the new database that all that can be read of it goes to";
    needs.push({ bytes: size + logSize + COPY_MARGIN, what, vital: true });
  }
  if (layout?.relation === "behind") {
    // In its log or journal, or on a copy: each page that the migrations change is there twice. Most change a few.
    needs.push({ bytes: size + logSize + COPY_MARGIN, what: "the migrations that are pending", vital: false });
  }
  return needs.sort((a, b) => b.bytes - a.bytes).slice(0, 1);
}

function amongTheBackups({ database, settings, layout }: DoctorFacts, together: boolean): Need[] {
  const bytes = database.size + database.logSize;
  if (bytes === 0) return [];
  const needs: Need[] = [];
  if (settings.backupRetention > 0) {
    // A backup behind the application is skipped; a restore point is not.
    const vital = layout?.relation === "behind";
    needs.push({ bytes: bytes + COPY_MARGIN, what: vital ? "the restore point" : "the next backup", vital });
  }
  // On one file system it keeps its place under a second name.
  if (!together)
    needs.push({ bytes, what: "the database, should it be set aside", vital: database.state === "corrupt" });
  return needs;
}
