/** What a launch tells: the report, and the events on the way to it. */
import type { LayoutRelation } from "./database/layout.ts";
import type { Refusal } from "./errors.ts";

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
