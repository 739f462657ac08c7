/** What a launch tells: the report, and the events on the way to it. */
import type { LayoutRelation } from "./database/layout.ts";
import type { Refusal } from "./errors.ts";
import type { ShownValue } from "./recovery/values.ts";

export type ActionName =
  | "finish-swap"
  | "check"
  | "create"
  | "restore"
  | "demote"
  | "quarantine"
  | "salvage"
  | "back-up"
  | "migrate"
  | "stamp"
  | "retire"
  | "merge"
  | "write"
  | "move"
  | "remove";

/** What came back of a table. */
export interface RecoveredTable {
  readonly table: string;
  /** In the table again. */
  readonly rows: number;
  /** Of these, rows on pages that nothing led to any more. */
  readonly orphans: number;
  /**
   * Of these, rows of a backup in the place of pages that cannot be read, and which they are: keys above `after` up to
   * `upTo`, null for the end of the table; the first 1000 ranges.
   */
  readonly fromBackup: {
    readonly rows: number;
    readonly ranges: readonly {
      readonly after: readonly ShownValue[] | null;
      readonly upTo: readonly ShownValue[] | null;
      readonly rows: number;
    }[];
  };
  /** Named on readable pages, but not to be read or believed themselves. */
  readonly broken: number;
  /** Rows that were found in its pages and are in lost and found: damaged, or in conflict with others. */
  readonly setAside: number;
  /** Parts of the table that stood on pages which cannot be read. */
  readonly gaps: number;
  /** How many rows may be lost in them at most; null where that cannot be known. */
  readonly lostAtMost: number | null;
}

/** What came of a corrupt database that was healed. */
export interface Saved {
  /** Rows of the application's tables that could be read. */
  readonly rows: number;
  /** The backup that has rows for pages which cannot be read, and how many were taken; null where there is none. */
  readonly fromBackup: { readonly file: string; readonly rows: number } | null;
  /** Pages that differed from that backup as only damage makes them differ, and were read as it has them. */
  readonly corrected: number;
  /** How many rows may be lost at most; null where that cannot be known. */
  readonly lostAtMost: number | null;
  /** Rows that are not in a table of theirs for sure: of which none is known, or that may have been deleted. */
  readonly lostAndFound: { readonly table: string; readonly rows: number } | null;
  readonly tables: readonly RecoveredTable[];
}

/** One thing that a launch or a command did, or, in a plan, would do. */
export interface ActionReport {
  readonly action: ActionName;
  /** Why, in words. */
  readonly reason: string;
  /** How long it took; absent for what a plan only foresees. */
  readonly ms?: number;
  /** A plan only: what acting alone could tell. */
  readonly certain?: false;
  /** The version that a backup, a restore or a set-aside file is of; null where it has no stamp. */
  readonly version?: string | null;
  /** The file it is about, as a whole path. */
  readonly file?: string;
  /** `merge`: the table whose rows are merged. */
  readonly table?: string;
  /** `migrate`: the names, in order. */
  readonly applied?: readonly string[];
  /** `restore`: what was written between these times is not in the backup. ISO 8601, UTC. */
  readonly lost?: { readonly from: string; readonly to: string };
  /** `salvage` in a launch: what there is now. */
  readonly saved?: Saved;
  /** `back-up`: the content equals the standing backup, so that one stays. */
  readonly unchanged?: true;
}

export type FoundState = "healthy" | "new" | "missing" | "corrupt" | "unknown";

export interface Found {
  readonly state: FoundState;
  /** The version in the stamp; null without one. */
  readonly version: string | null;
  readonly layout: LayoutRelation | "none";
}

/** What `library.report` holds and `holdfast boot --json` prints. */
export interface LaunchReport {
  readonly outcome: "opened" | "refused" | "would-open" | "would-refuse";
  /** The database's path, links resolved. */
  readonly database: string;
  readonly appVersion: string;
  readonly found: Found;
  readonly actions: readonly ActionReport[];
  readonly warnings: readonly string[];
  /** Milliseconds from the call to the open database, or to the refusal. */
  readonly blockedMs: number;
  readonly error?: Refusal;
}

/** A report that still grows. */
export type OpenReport = { -readonly [Key in keyof LaunchReport]: LaunchReport[Key] } & {
  actions: ActionReport[];
  warnings: string[];
};

/** Sent to `onEvent` while something goes on; `done` of `total` in the unit named. */
export interface ProgressEvent {
  /** `suspect`: a check behind the application failed; the next launch checks before it opens. */
  readonly kind: ActionName | "wait" | "verify" | "suspect" | "count" | "compare" | "copy";
  readonly message: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: "bytes" | "pages" | "migrations" | "tables" | "rows" | "files";
}

/** What became of the backup behind the application. */
export interface BackupReport {
  readonly result: "taken" | "unchanged" | "skipped" | "failed" | "abandoned";
  readonly reason: string;
  readonly actions: readonly ActionReport[];
  readonly warnings: readonly string[];
  readonly error?: Refusal;
}
