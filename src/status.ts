/** What there is: the database, its backups and what was set aside. */
import type { LayoutRelation } from "./database/layout.ts";
import type { MigrationInput } from "./database/migration-files.ts";
import type { BackupReason } from "./database/stamp.ts";
import type { SettingsInput } from "./settings-glance.ts";
import type { WorkerOptions } from "./start-worker.ts";

export interface StatusOptions extends WorkerOptions {
  /** The running version (semver); wins over `db-app-version`. Neither is needed. */
  readonly appVersion?: string;
  /** Migrations in code, for bundled applications; wins over `db-migrations`. */
  readonly migrations?: readonly MigrationInput[];
}

/**
 * - `readable`: it opens; its pages were not checked, for that is what a launch does
 * - `missing`, `empty`: there is no file, or one of zero bytes
 * - `corrupt`: it does not open, because it is damaged or no database
 * - `unreadable`: it could not be judged, for want of permission or of a key, for instance
 * - `unknown`: it was not looked at, since it is being replaced
 */
export type DatabaseState = "readable" | "missing" | "empty" | "corrupt" | "unreadable" | "unknown";

/**
 * - `nobody`
 * - `application`: a running application, or the end of its backup
 * - `launch`: a launch is under way
 * - `unknown`: the lock file could not be tried
 */
export type Holder = "nobody" | "application" | "launch" | "unknown";

/** A file with its size in bytes; times are ISO 8601 in UTC everywhere. */
export interface FileStatus {
  /** The whole path. */
  readonly path: string;
  readonly size: number;
  readonly modifiedAt: string;
}

export interface BackupStatus {
  /** A plain name inside the backup folder. */
  readonly file: string;
  /** The app version of the database that was copied; null where it had no stamp. */
  readonly version: string | null;
  readonly createdAt: string;
  readonly reason: BackupReason;
  readonly label: string | null;
  readonly size: number;
  /** When its bytes and pages were last checked; null: not since it was found. */
  readonly verifiedAt: string | null;
  /** The one that a restore tries first. */
  readonly newest: boolean;
}

/** A database that was set aside, or the sidecars of one. */
export interface SetAsideStatus {
  /** The name of the database, inside the backup folder. */
  readonly file: string;
  readonly version: string | null;
  /** All names that belong together: the database, where it is one of them, and its sidecars. */
  readonly files: readonly string[];
  /** Of all of them together. */
  readonly size: number;
  readonly at: string;
}

export interface DemotedStatus extends SetAsideStatus {
  /** What commands call it. */
  readonly id: string;
  /**
   * How many rows it has that the database lacks, at least so many where `complete` is false; null where this
   * application cannot read it, or where they could not be counted.
   */
  readonly lacking: { readonly rows: number; readonly complete: boolean } | null;
}

/** What `status()` returns and `holdfast status --json` prints. */
export interface StatusReport {
  /** The running version, where the call or the settings name one. */
  readonly appVersion: string | null;
  readonly paths: {
    /** The settings file, or "the settings object". */
    readonly settings: string;
    /** Links resolved. */
    readonly database: string;
    /** Null where there are none, or where they came in code. */
    readonly migrations: string | null;
    readonly backups: string;
    readonly lock: string;
    readonly index: string;
  };
  readonly database: {
    readonly state: DatabaseState;
    /** Why it is corrupt, unreadable or unknown, in words; else null. */
    readonly problem: string | null;
    /** Null when there is none. */
    readonly file: FileStatus | null;
    readonly sidecars: readonly FileStatus[];
    /** Null where it could not be read. */
    readonly journalMode: "wal" | "delete" | null;
  };
  /** Who holds the database now. */
  readonly heldBy: Holder;
  /** Null without one, or where it could not be read. */
  readonly stamp: { readonly databaseId: string; readonly version: string; readonly changedAt: string } | null;
  /** Null without a database, or where it could not be read. */
  readonly layout: {
    readonly applied: readonly { readonly name: string; readonly appliedAt: string; readonly appVersion: string }[];
    /** How it stands to the application's; null where the migrations are not known. */
    readonly relation: LayoutRelation | null;
    /** `behind`: the migrations that the next launch would run. */
    readonly pending: readonly string[];
  } | null;
  /** Of this database, the newest first. */
  readonly backups: readonly BackupStatus[];
  /** How many backups of other databases share the folder and the stem. */
  readonly otherBackups: number;
  readonly demoted: readonly DemotedStatus[];
  readonly quarantined: readonly SetAsideStatus[];
  /** A replacement of the database that was cut off; `differences` name why it cannot be completed. */
  readonly unfinishedSwap: { readonly resumable: boolean; readonly differences: readonly string[] } | null;
  readonly warnings: readonly string[];
}

/**
 * Looks at the database, its backups and what was set aside, and changes nothing: while the application runs,
 * and when the database is missing or corrupt, which it says in words.
 *
 * @param settings the application's TOML file, or the same settings as an object
 * @throws HoldfastError when the settings are invalid or `db-path` names no regular file
 */
export async function status(settings: string | SettingsInput, options: StatusOptions = {}): Promise<StatusReport> {
  // Whoever only launches has no need of it.
  const { tellStatus } = await import("./operations/describe-status.ts");
  return await tellStatus(settings, options);
}
