/**
 * Keeping the index true and the backup folder within its limits: what was found unlisted is verified and listed, what is
 * damaged is set aside, and what is beyond retention goes. First everything is judged, which changes nothing; then it is
 * carried out.
 */
import { join } from "node:path";
import type { Tools } from "../database/check.ts";
import { HoldfastError, messageOf, toHoldfastError } from "../errors.ts";
import type { Places } from "../places.ts";
import { removeDurably } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { checksumFileOf, readChecksums, writeChecksums } from "./checksum-file.ts";
import { type Index, type IndexEntry, setIndexAside, withIndexLock, writeIndex } from "./index-file.ts";
import { applyRetention, type Retained } from "./retention.ts";
import { judgeQuarantine, type Quarantined, removeQuarantined, setBackupAside } from "./set-aside.ts";
import { type Survey, surveyBackups } from "./survey.ts";
import { type Verification, verifyApart } from "./verify.ts";

const { existsSync } = fs;

export interface UpkeepOrder {
  readonly places: Places;
  /** Whose backups are verified and retired. */
  readonly databaseId: string;
  readonly runningVersion: string | null;
  readonly retention: number;
  readonly quarantineRetention: number;
  readonly now: string;
  /** The index that there is counts for nothing: all is found in the files, and nothing is retired. Default false. */
  readonly anew?: boolean;
}

export interface Retired {
  readonly file: string;
  readonly reason: string;
}

export interface Upkeep {
  /** The backups of this database, after the surplus went. */
  readonly own: readonly IndexEntry[];
  readonly retired: readonly Retired[];
  readonly warnings: readonly string[];
}

/** What there is, and what is to become of each file. */
interface Judgement {
  readonly survey: Survey;
  /** What is sound, or could not be judged: all that the index is to list, but for what retention removes. */
  readonly entries: readonly IndexEntry[];
  /** Those of them that were verified now, for the first time. */
  readonly verified: readonly IndexEntry[];
  readonly damaged: readonly Retired[];
  readonly backups: readonly Retained[];
  readonly quarantined: readonly Quarantined[];
  readonly warnings: readonly string[];
}

/** Holds the index against the files, verifies what was found unlisted, and removes what is beyond retention. */
export async function keepIndex(tools: Tools, order: UpkeepOrder): Promise<Upkeep> {
  return await withIndexLock(tools.engine.openPlain, order.places, async () => {
    const judged = await judge(tools, order);
    const warnings = carryOut(order, judged);
    return {
      own: listed(judged).filter((entry) => entry.databaseId === order.databaseId),
      retired: retired(judged),
      warnings: [...judged.warnings, ...warnings],
    };
  });
}

export interface UpkeepOutcome {
  /** Every file that stays, with the reason. */
  readonly kept: readonly Retired[];
  readonly removed: readonly Retired[];
  /** What the index lists. */
  readonly listed: readonly string[];
  /** Those of them that were not listed before, or not verified, and are now. */
  readonly adopted: readonly string[];
  readonly setAside: readonly Retired[];
  /** Files with the name of a backup that are none that can be listed. */
  readonly leftOut: readonly Retired[];
  readonly warnings: readonly string[];
}

/** The same for a person, with a reason for each file; a dry run judges, and changes nothing. */
export async function tellUpkeep(
  tools: Tools,
  { dryRun, ...order }: UpkeepOrder & { readonly dryRun: boolean },
): Promise<UpkeepOutcome> {
  if (dryRun) return tell(order, await judge(tools, order), []);
  return await withIndexLock(tools.engine.openPlain, order.places, async () => {
    const judged = await judge(tools, order);
    return tell(order, judged, carryOut(order, judged));
  });
}

function tell(order: UpkeepOrder, judged: Judgement, warnings: readonly string[]): UpkeepOutcome {
  const { survey, entries, verified, damaged, backups, quarantined } = judged;
  const stays = ({ keep }: Retained | Quarantined) => keep;
  return {
    kept: [
      ...backups.filter(stays).map(({ entry, reason }) => ({ file: entry.file, reason })),
      ...entries
        .filter((entry) => entry.databaseId !== order.databaseId)
        .map(({ file }) => ({ file, reason: "a backup of another database" })),
      ...survey.setAside
        .filter((set) => set.kind === "demoted")
        .map(({ file }) => ({ file, reason: "demoted: deleted only by holdfast demoted remove" })),
      ...quarantined.filter(stays).map(({ set, reason }) => ({ file: set.file, reason })),
      ...survey.leftOut.map(({ file, reason }) => ({ file, reason: `not known to be a backup: ${reason}` })),
    ],
    removed: retired(judged),
    listed: listed(judged).map(({ file }) => file),
    adopted: verified.map((entry) => entry.file),
    setAside: damaged,
    leftOut: survey.leftOut,
    warnings: [...judged.warnings, ...warnings],
  };
}

/** Reads only. */
async function judge(tools: Tools, order: UpkeepOrder): Promise<Judgement> {
  const { places, databaseId, retention, runningVersion, quarantineRetention, anew = false } = order;
  const survey = surveyBackups(tools.engine, places, { anew });
  // Nothing is known then of what an index made anew would have to list.
  if (anew && survey.unreadable) throw new HoldfastError(survey.unreadable);
  const warnings = [...survey.warnings];
  const entries: IndexEntry[] = [];
  const verified: IndexEntry[] = [];
  const damaged: Retired[] = [];
  for (const entry of survey.backups) {
    const known = entry.databaseId !== databaseId || entry.verifiedAt !== null;
    const found = known ? null : await verifyIfPossible(tools, places, entry);
    if (found === null) entries.push(entry);
    else if (found.ok) {
      const sound = { ...entry, sha256: found.sha256, verifiedAt: order.now };
      verified.push(sound);
      entries.push(sound);
    } else if (found.kind === "damaged") damaged.push({ file: entry.file, reason: found.reason });
    else {
      // Listed as unverified, it is tried again the next time.
      entries.push(entry);
      warnings.push(`The backup ${entry.file} could not be verified: ${found.reason.replace(/\.$/, "")}.`);
    }
  }
  const own = entries.filter((entry) => entry.databaseId === databaseId);
  return {
    survey,
    entries,
    verified,
    damaged,
    backups: anew ? [] : applyRetention(own, retention, runningVersion),
    quarantined: anew ? [] : judgeQuarantine(places, survey.setAside, quarantineRetention),
    warnings,
  };
}

function listed({ entries, backups }: Judgement): IndexEntry[] {
  const surplus = new Set(backups.filter((each) => !each.keep).map((each) => each.entry));
  return entries.filter((entry) => !surplus.has(entry));
}

function retired({ backups, quarantined }: Judgement): Retired[] {
  return [
    ...backups.filter(({ keep }) => !keep).map(({ entry, reason }) => ({ file: entry.file, reason })),
    ...quarantined.filter(({ keep }) => !keep).map(({ set, reason }) => ({ file: set.file, reason })),
  ];
}

/** @returns what a person should know of it */
function carryOut({ places, now, anew = false }: UpkeepOrder, judged: Judgement): string[] {
  const { survey, verified, damaged, backups, quarantined } = judged;
  for (const { file, sha256 } of verified) mendChecksum(places, file, String(sha256));
  const warnings = damaged.map(({ file, reason }) => setBackupAside(places, file, reason, now));
  const entries = listed(judged);
  const surplus = backups.filter(({ keep }) => !keep).map(({ entry }) => entry.file);
  const changed = verified.length > 0 || entries.length !== survey.backups.length;
  if (survey.stale !== null || changed) {
    if (survey.damaged || (anew && existsSync(places.index))) setIndexAside(places);
    removeSurplus(places, { entries, restores: survey.restores }, surplus);
  }
  removeQuarantined(places, quarantined);
  return warnings;
}

/** A full disk is no reason to give the upkeep up, for that makes room. */
async function verifyIfPossible(tools: Tools, places: Places, entry: IndexEntry): Promise<Verification> {
  try {
    return await verifyApart(tools, { places, entry, app: null });
  } catch (error) {
    return { ok: false, kind: "unreadable", reason: messageOf(error) };
  }
}

/** A checksum file that is missing or was damaged, beside a backup that is sound. */
function mendChecksum(places: Places, file: string, sha256: string): void {
  const path = join(places.backups, file);
  const beside = readChecksums(path);
  if (beside.length === 1 && beside[0] === sha256) return;
  try {
    writeChecksums(path, [sha256], places);
  } catch (error) {
    // Seen again by the next upkeep.
    if (toHoldfastError(error, "")?.code !== "DISK_FULL") throw error;
  }
}

/** The index first, so that it never names what is gone; on a full disk the files first, to make room for it. */
function removeSurplus(places: Places, index: Index, files: readonly string[]): void {
  const removeFiles = () => {
    for (const file of files) {
      removeDurably(join(places.backups, file));
      removeDurably(checksumFileOf(join(places.backups, file)));
    }
  };
  try {
    writeIndex(places, index);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "DISK_FULL" || files.length === 0) throw error;
    removeFiles();
    writeIndex(places, index);
  }
  removeFiles();
}
