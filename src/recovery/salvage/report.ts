/** What a salvage found and did. Rows are never counted twice. */
import type { Gap } from "./gaps.ts";
import type { HeaderFields, Layout } from "./layout.ts";
import type { MissingParents } from "./new-database.ts";
import type { NotRebuilt } from "./skeleton.ts";

export interface SalvagedTable {
  readonly table: string;
  /** Rows that its tree led to. */
  readonly byTree: number;
  /** Rows on pages that nothing led to any more, which can only be this table's. */
  readonly byOrphanPage: number;
  /** Rows of a backup, for gaps in what can be read. */
  readonly fromBackup: number;
  /** Rows that are there twice, value by value, and were written once. */
  readonly repeated: number;
  /** Rows in lost and found that were found in its pages: damaged, or in conflict with others. */
  readonly setAside: number;
  /** Rows that are named on a readable page, but cannot be read themselves or not be believed. */
  readonly broken: number;
  /** Where its rows cannot be read, and how many a backup had for each. Empty: all could be read. */
  readonly gaps: readonly (Gap & { readonly fromBackup: number })[];
  /**
   * How many rows are lost in the gaps, without those that a backup had: as many as an index has of them, else as many
   * as there are rowids in them, used or not. Null where a gap has no end, or the table no rowids. Rowids begin with 1
   * where none that was read is lower.
   */
  readonly lostAtMost: bigint | null;
}

/** What a backup added. */
export interface Healing {
  readonly backup: string;
  /** Rows that fill gaps. */
  readonly rows: number;
  /** Rows that the backup has in a gap, and that may have been deleted since: they are in lost and found. */
  readonly notTaken: number;
  /** Tables with gaps that no backup's rows can fill. */
  readonly leftOut: readonly { readonly table: string; readonly reason: string }[];
  /** Rows of all the application's tables. */
  readonly inBackup: number;
  readonly inResult: number;
}

export interface SalvageReport {
  readonly from: string;
  readonly to: string;
  readonly layout: Layout;
  readonly pages: number;
  /** What the header said; null where it is gone. */
  readonly header: HeaderFields | null;
  /** Where the schema is from; `partly`: from the file, but some of it cannot be read. */
  readonly schema: "file" | "partly" | "donor" | "file and donor" | "none";
  /** In the order in which they were made. */
  readonly tables: readonly SalvagedTable[];
  readonly lostAndFound: {
    readonly table: string;
    readonly rows: number;
    readonly reasons: Readonly<Record<string, number>>;
  } | null;
  /** Pages of zeros, and those that something leads to and that are not what it says; as ranges, first and last. */
  readonly unreadable: { readonly pages: number; readonly ranges: readonly (readonly [number, number])[] };
  /** Pages that differ from the backup as only damage makes them differ, and were read as it has them. */
  readonly corrected: SalvageReport["unreadable"];
  /** Not every free page is known: what nothing leads to may have been deleted, and is in lost and found. */
  readonly freelistDamaged: boolean;
  readonly notRebuilt: readonly NotRebuilt[];
  /** Null where no backup was given. */
  readonly healing: Healing | null;
  readonly missingParents: readonly MissingParents[];
  /** How many pages the log had; null where none was read. */
  readonly pagesFromLog: number | null;
  /** Why a log that is there was not read. */
  readonly logRefused: string | null;
}
