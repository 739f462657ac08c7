/**
 * Healing: the rows of a sound backup of the same database, for keys whose own rows stood on pages that cannot be read.
 * Where all of a gap stood on a page that is lost, the backup's rows fill it. Where only what led to the rows is lost,
 * the rows themselves have been found by now; of the others the backup's page tells whether they are lost with theirs,
 * or were deleted since: those are set aside, never brought back into their table. Where an index tells which rows there
 * were, that decides; one that is damaged itself tells it of most.
 */
import type { Connection, Engine } from "../../database/open.ts";
import { LEDGER } from "../../database/own-tables.ts";
import { countRows, fold, isInternal, readTables, rowsOf, type Table } from "../tables.ts";
import { openSparingly } from "./donor-rows.ts";
import type { Gap } from "./gaps.ts";
import { type Fate, type IndexEvidence, readIndex } from "./index-evidence.ts";
import { type Bound, type KeyedRow, KeyedRows } from "./key-range.ts";
import type { NewDatabase } from "./new-database.ts";
import { type KeyRange, rangesOn } from "./old-places.ts";
import type { Opened } from "./open-pages.ts";
import type { Pages } from "./pages.ts";
import type { Healing } from "./report.ts";
import type { Rowids } from "./rowid-set.ts";
import { type Entry, type FoundSchema, keyOf } from "./schema.ts";
import { shapeOf } from "./shape.ts";
import type { KnownIndex, Skeleton } from "./skeleton.ts";
import type { Target } from "./target.ts";
import { exact } from "./varint.ts";

/** A sound copy of an earlier state. */
export interface Backup {
  readonly path: string;
  readonly pages: Pages;
  readonly schema: FoundSchema;
}

export interface FillTask {
  readonly engine: Engine;
  readonly backup: Backup;
  /** Else it has the same layout at most, and says nothing of rows but those that tell the layout. */
  readonly isBackup: boolean;
  /** The damaged file. */
  readonly opened: Opened;
  readonly schema: FoundSchema;
  readonly skeleton: Skeleton;
  readonly targets: readonly Target[];
  readonly database: NewDatabase;
  /** Pages whose rows are in lost and found. */
  readonly setAside: ReadonlySet<number>;
}

/** @returns null where it was no backup that was asked */
export function fillGaps(task: FillTask): Healing | null {
  const { engine, backup, isBackup, targets, database } = task;
  const db = openSparingly(engine, backup.path);
  try {
    const leftOut: { table: string; reason: string }[] = [];
    let notTaken = 0;
    for (const target of targets.filter(({ hasGaps, entry }) => hasGaps && (isBackup || entry.name === LEDGER))) {
      const reason = reasonToLeaveOut(task, db, target);
      const rows = reason === null ? KeyedRows.of(db, target.shape, backup.pages.records.encoding) : null;
      if (rows) notTaken += fillTable(task, rows, target);
      else leftOut.push({ table: target.entry.name, reason: reason ?? "only the application can compare its keys" });
    }
    if (!isBackup) return null;
    const tables = [...readTables(db).tables.values()];
    return {
      backup: backup.path,
      rows: targets.reduce((sum, { fromBackup }) => sum + fromBackup, 0),
      ...{ notTaken, leftOut },
      inBackup: tables.reduce((sum, table) => sum + countRows(db, table), 0),
      inResult: tables.reduce((sum, table) => sum + countThere(database.db, table), 0),
    };
  } finally {
    db.close();
  }
}

function reasonToLeaveOut(task: FillTask, db: Connection, { entry, shape }: Target): string | null {
  if (!hasTable(db, entry.name)) return "the backup does not have it";
  if (JSON.stringify({ ...shapeOf(db, entry.name), table: shape.table }) !== JSON.stringify(shape)) {
    return "its columns are others in the backup";
  }
  if (/^_holdfast_/i.test(entry.name) && !isSameSchema(task)) return "the backup has another layout";
  return null;
}

function hasTable(db: Connection, name: string): boolean {
  const tables = rowsOf<{ name: string }>(db, "SELECT name FROM main.sqlite_schema WHERE type = 'table'");
  return tables.some((table) => fold(table.name) === fold(name));
}

/** What Holdfast's own tables say of a layout is true of the file only where it has that layout. */
function isSameSchema({ schema, backup }: FillTask): boolean {
  const own = ({ name }: Entry) => !isInternal(name);
  const before = new Map(backup.schema.entries.filter(own).map((entry) => [keyOf(entry), entry.sql]));
  const now = schema.entries.filter(own);
  return now.every((entry) => before.get(keyOf(entry)) === entry.sql) && (!schema.whole || now.length === before.size);
}

/** @returns how many rows of the backup in its gaps were not taken */
function fillTable(task: FillTask, rows: KeyedRows, target: Target): number {
  const { gaps } = target;
  if (target.lost) return fillKnown(target, rows, target.lost);
  const fateOf = fates(task, target);
  let lost: readonly KeyRange[] | undefined;
  let notTaken = 0;
  for (const [at, gap] of gaps.entries()) {
    const within = boundsOf(gap, target);
    if (!gap.exact) {
      lost ??= lostRanges(task, target);
      for (const { from, upTo } of lost.filter((range) => mayMeet(range, gap, target))) {
        const both: Bound[] = [...within, { side: "from", key: from }, { side: "upTo", key: upTo }];
        for (const row of rows.within(both)) {
          if (fateOf(row) !== "deleted") target.fill(row, at);
        }
      }
    }
    const rest = gap.exact ? rows.within(within) : rows.lacking(within, (row) => target.has(row));
    for (const row of rest) {
      const fate = fateOf(row);
      // One that seems to be deleted may have got another key since, in a part of the index that cannot be read.
      const isLost = fate === "lost" || (fate === "unknown" && gap.exact);
      if (isLost && target.fill(row, at)) continue;
      target.refuse(row);
      notTaken++;
    }
  }
  return notTaken;
}

/** An index has told which rows are lost: all others of the backup were deleted since. */
function fillKnown(target: Target, rows: KeyedRows, lost: Rowids): number {
  let notTaken = 0;
  for (const [at, gap] of target.gaps.entries()) {
    for (const row of rows.within(boundsOf(gap, target))) {
      if (!lost.has(exact(row.rowid as bigint)) || target.fill(row, at)) continue;
      target.refuse(row);
      notTaken++;
    }
  }
  return notTaken;
}

/** What the indexes of the table tell together; each is read when those before it leave a question open. */
function fates({ opened, skeleton }: FillTask, { entry, rowidGaps }: Target): (row: KeyedRow) => Fate {
  if (!rowidGaps) return () => "unknown";
  const own = skeleton.indexes.filter(
    ({ entry: { table, from } }) => fold(table) === fold(entry.name) && from === "file",
  );
  const evidence = new Map<KnownIndex, IndexEvidence | null>();
  return (row) => {
    let fate: Fate = "unknown";
    for (const index of own) {
      if (!evidence.has(index)) evidence.set(index, readIndex(opened.pages, index, rowidGaps));
      const told = evidence.get(index)?.fateOf(row);
      if (told === "lost") return told;
      if (told === "deleted") fate = told;
    }
    return fate;
  };
}

function boundsOf({ after, upTo }: Gap, { shape }: Target): Bound[] {
  const last = shape.keyFields === null ? "upTo" : "below";
  return [
    ...(after === null ? [] : [{ side: "above" as const, key: after }]),
    ...(upTo === null ? [] : [{ side: last as Bound["side"], key: upTo }]),
  ];
}

/** Rowids can be compared here; of other keys SQLite decides. */
function mayMeet(range: KeyRange, gap: Gap, { shape }: Target): boolean {
  if (shape.keyFields !== null) return true;
  const [from, upTo] = [range.from[0] as bigint, range.upTo[0] as bigint];
  const beforeGap = gap.after !== null && upTo <= (gap.after[0] as bigint);
  return !beforeGap && (gap.upTo === null || from <= (gap.upTo[0] as bigint));
}

/** What stood on pages of which nothing is known now: they are not read as anybody's, and not free. */
function lostRanges({ backup, opened, setAside }: FillTask, { entry, shape }: Target): readonly KeyRange[] {
  const { map, source } = opened.pages;
  // What the database has given back since is not lost.
  const last = opened.log?.pages ?? opened.fields?.pages ?? Number.POSITIVE_INFINITY;
  const root = backup.schema.entries.find(
    ({ type, name }) => type === "table" && fold(name) === fold(entry.name),
  )?.root;
  // The numbers of pages of another size say nothing.
  if (root === undefined || backup.pages.source.pageSize !== source.pageSize) return [];
  const isKnown = (page: number) => page > last || (!setAside.has(page) && (map.claimed(page) || map.isFree(page)));
  return rangesOn(backup.pages, root, shape, (page) => !isKnown(page));
}

function countThere(db: Connection, table: Table): number {
  return hasTable(db, table.name) ? countRows(db, table) : 0;
}
