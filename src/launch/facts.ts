/** What a launch knows. Facts are values: `decide` takes them, and only what was learnt changes them. */
import type { Survey } from "../backups/survey.ts";
import type { Verification } from "../backups/verify.ts";
import type { DatabaseFiles } from "../database/files.ts";
import type { Inspection } from "../database/integrity.ts";
import { type Layout, type LayoutRelation, relate } from "../database/layout.ts";
import type { Moved } from "../database/moved.ts";
import type { Trust } from "../database/seal.ts";
import type { LedgerEntry, Stamp } from "../database/stamp.ts";
import type { SwapState } from "../database/swap.ts";
import type { Refusal } from "../errors.ts";

/**
 * - `exclusive`: this launch alone
 * - `shared`: beside a running application
 * - `taken`: another launch is under way
 * - `unneeded`: read-only, where no lock file can or need be made
 */
export type LockFact = "exclusive" | "shared" | "taken" | "unneeded";

export interface AppFacts {
  readonly version: string;
  readonly layout: Layout;
  readonly readonly: boolean;
}

export interface Facts {
  /** ISO 8601, UTC. */
  readonly now: string;
  readonly app: AppFacts;
  readonly lock: LockFact;
  /** `db-lock-timeout` is over. */
  readonly waited: boolean;
  readonly intent: SwapState | null;
  readonly files: DatabaseFiles;
  /** Where the database was moved to; null where it is there, or was not. */
  readonly moved: Moved | null;
  readonly backupsFolder: string;
  /** What is recorded of the last time. */
  readonly trust: Trust;
  /** The id that the file had then. */
  readonly recordedId: string | null;
  /** Whether this launch has found all pages sound. */
  readonly checked: boolean;
  /** When they were last found sound, as far as is known; ISO 8601. */
  readonly lastCheck: string | null;
  /** The database as SQLite sees it, sidecars included; null before it was examined. */
  readonly whole: Inspection | null;
  /** The main file alone, where there are sidecars to compare with. */
  readonly alone: (Inspection & { readonly checked: boolean }) | null;
  /** The layout in the database; from the ledger, or as the application's own migrator names it. */
  readonly layout: readonly LedgerEntry[];
  readonly survey: Survey;
  /** Recorded paths of backups, other than this database's, at which a file exists. */
  readonly othersAlive: ReadonlySet<string>;
  /** A copy of the log, as it was found, is set aside. */
  readonly logKept: boolean;
  readonly verifications: ReadonlyMap<string, Verification>;
  /** Why what was read of the corrupt file is not used, by the backup that filled it up; {@link ALONE} without one. */
  readonly salvages: ReadonlyMap<string, string>;
  /** The first pending migration that must not run, and why. */
  readonly unfit: { readonly name: string; readonly why: string } | null;
  readonly restorePoint: { readonly file: string } | { readonly failed: Refusal } | null;
  /** The id in the stamp, or the one that an unstamped or new database is to get. */
  readonly databaseId: string;
  /** The file that this launch restored from, or that is kept of the corrupt database that it healed. */
  readonly restoredFrom: string | null;
}

/** No backup has such a name. */
export const ALONE = "";

export function stampOf(facts: Facts): Stamp | null {
  return facts.whole?.self?.stamp ?? null;
}

export function relationOf(facts: Facts): LayoutRelation {
  return relate(facts.layout, facts.app.layout);
}

/**
 * The database's id as far as it can be read; a main file that is whole without its sidecars counts. What a corrupt one
 * says of itself is believed less than what was recorded of it.
 */
export function databaseIdOf(facts: Facts): string | null {
  const read = stampOf(facts)?.databaseId ?? facts.alone?.self?.stamp?.databaseId ?? null;
  return facts.whole?.verdict.kind === "corrupt" ? (facts.recordedId ?? read) : read;
}

export function withVerification(facts: Facts, file: string, verification: Verification): Facts {
  return { ...facts, verifications: new Map(facts.verifications).set(file, verification) };
}
