/** Reads all rows of a damaged file: those that its trees lead to, then those that nothing leads to any more. */
import type { Engine } from "../../database/open.ts";
import { fold } from "../tables.ts";
import type { BTreePage } from "./b-tree-page.ts";
import { salvageFreePages } from "./deleted.ts";
import { DonorRows } from "./donor-rows.ts";
import type { Backup } from "./fill.ts";
import { markLostTrunks } from "./free-pages.ts";
import { readIndex } from "./index-evidence.ts";
import { claimIndex, KeyWalk } from "./key-walk.ts";
import { LiveRows } from "./live-rows.ts";
import type { LostAndFound } from "./lost-and-found.ts";
import type { Opened } from "./open-pages.ts";
import { placeOrphans } from "./orphans.ts";
import type { Pages } from "./pages.ts";
import type { FoundSchema } from "./schema.ts";
import type { KnownIndex, Skeleton } from "./skeleton.ts";
import { TableWalk } from "./table-walk.ts";
import type { Target } from "./target.ts";

export interface ReadTask {
  readonly opened: Opened;
  readonly schema: FoundSchema;
  readonly skeleton: Skeleton;
  readonly targets: readonly Target[];
  readonly lost: LostAndFound;
  /** What it says of the schema, and of rows that it has too. */
  readonly donor: Backup | null;
  /** The donor is a backup of the same database. */
  readonly isBackup: boolean;
  /** Also what was deleted. */
  readonly deleted: boolean;
}

export interface RowsRead {
  /** Every free page is known. */
  readonly freeKnown: boolean;
  /** Pages whose rows are in lost and found. */
  readonly setAside: ReadonlySet<number>;
}

export function readRows(engine: Engine, task: ReadTask): RowsRead {
  const { opened, schema, skeleton, targets, lost, isBackup } = task;
  const { pages } = opened;
  const setAside = new Set<number>();
  const shared = sharedRoots(skeleton);
  for (const target of targets) walkTarget(pages, target, shared);
  const live = opened.allFreeKnown ? null : new LiveRows(engine, targets);
  const donor = task.donor && openRows(engine, task.donor.path);
  try {
    const isDamaged = (index: KnownIndex) => {
      const isReached = claimKnown(pages, index, shared, live?.reader(pages, index));
      if (isReached) live?.end(index);
      return !isReached;
    };
    const damagedIndexes = skeleton.indexes.filter(isDamaged);
    const freeKnown = findFreePages(opened);
    for (const target of targets) target.inTree = false;
    placeOrphans({
      ...{ pages, targets, damagedIndexes, donor, freeKnown, live, setAside, lost },
      backup: isBackup ? task.donor : null,
      schemaKnown: (schema.whole || task.donor?.schema.whole === true) && skeleton.notRebuilt.length === 0,
    });
    for (const target of targets) target.settle(pages.partlyDamaged > 0);
    const intact = skeleton.indexes.filter((index) => !damagedIndexes.includes(index));
    for (const target of targets) tellLost(pages, target, intact);
    if (task.deleted) salvageFreePages(pages, targets, lost);
    return { freeKnown, setAside };
  } finally {
    donor?.close();
    live?.close();
  }
}

/** Which rows a table lacks, where one of its indexes has all of it. */
function tellLost(pages: Pages, target: Target, intact: readonly KnownIndex[]): void {
  const { rowidGaps, entry } = target;
  if (!rowidGaps?.any) return;
  const own = intact.filter((index) => fold(index.entry.table) === fold(entry.name));
  for (const index of own.sort((a, b) => a.fields - b.fields)) {
    const evidence = readIndex(pages, index, rowidGaps);
    if (!evidence?.whole) continue;
    target.lost = evidence.rowids;
    return;
  }
}

/** Once the trees are read. Whether every page that is free is known to be. */
function findFreePages({ pages, fields, freePages, allFreeKnown }: Opened): boolean {
  if (allFreeKnown) return true;
  const { found, broken } = markLostTrunks(pages.source, pages.map, pages.usable);
  return fields ? freePages + found >= fields.freePages : !broken;
}

function openRows(engine: Engine, path: string): DonorRows | null {
  try {
    return new DonorRows(engine, path);
  } catch {
    // It has told its schema already, which is what it is for.
    return null;
  }
}

/** A root that two entries of the file name is at most one's. */
function sharedRoots({ tables, indexes }: Skeleton): ReadonlySet<number> {
  const seen = new Set<number>();
  const twice = new Set<number>();
  for (const { entry } of [...tables, ...indexes].filter((each) => each.entry.from === "file")) {
    if (seen.has(entry.root)) twice.add(entry.root);
    seen.add(entry.root);
  }
  return twice;
}

/** From its root, where that can be believed; else what can be found of it is an orphan. */
function walkTarget(pages: Pages, target: Target, shared: ReadonlySet<number>): void {
  const { entry, shape, rowidGaps, keyGaps } = target;
  // A donor's numbers are only likely to be the file's too, and evidence like any other.
  if (entry.from === "donor" || shared.has(entry.root) || pages.map.isChild(entry.root)) {
    target.loseAll();
    return;
  }
  const walk = rowidGaps
    ? new TableWalk(pages, shape, rowidGaps, target)
    : keyGaps && new KeyWalk(pages, shape, keyGaps, target);
  walk?.walk(entry.root);
  target.broken += walk?.brokenCells ?? 0;
}

function claimKnown(
  pages: Pages,
  { entry }: KnownIndex,
  shared: ReadonlySet<number>,
  onPage: ((view: BTreePage) => void) | undefined,
): boolean {
  if (entry.from === "donor" || shared.has(entry.root) || pages.map.isChild(entry.root)) return false;
  return claimIndex(pages, entry.root, onPage);
}
