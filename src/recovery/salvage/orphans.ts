/**
 * Trees that nothing leads to any more, since the pages above them are damaged. Those with interior pages come first:
 * they are placed as a whole, and leave fewer places for the leaves that stand alone.
 */
import { attribute, type Placed, type Question } from "./attribute.ts";
import { INDEX_LEAF, isInterior, TABLE_INTERIOR, TABLE_LEAF } from "./b-tree-page.ts";
import type { DonorRows } from "./donor-rows.ts";
import { HIGHEST, KeyGaps, LOWEST, RowidGaps } from "./gaps.ts";
import { claimIndex, KeyWalk } from "./key-walk.ts";
import type { LostAndFound } from "./lost-and-found.ts";
import type { Pages, RowSink } from "./pages.ts";
import { type Sample, takeSample } from "./sample.ts";
import type { KnownIndex } from "./skeleton.ts";
import { TableWalk } from "./table-walk.ts";
import type { Target } from "./target.ts";

export interface OrphanTask {
  readonly pages: Pages;
  readonly targets: readonly Target[];
  /** Indexes of which some pages could not be reached. */
  readonly damagedIndexes: readonly KnownIndex[];
  /** Every table and index of the database is known. */
  readonly schemaKnown: boolean;
  /** Every page that is free is known, so that what is left was in use. */
  readonly freeKnown: boolean;
  readonly donor: DonorRows | null;
  readonly lost: LostAndFound;
}

export function placeOrphans(task: OrphanTask): void {
  const { map } = task.pages;
  let before: Placed | null = null;
  const place = (page: number) => {
    const isTable = map.type(page) === TABLE_LEAF || map.type(page) === TABLE_INTERIOR;
    before = isTable ? placeTable(task, page, before) : placeKeyed(task, page);
  };
  // Roots that only a donor names are tried before anything can take their place.
  for (const { entry } of [...task.targets, ...task.damagedIndexes]) {
    if (map.isOpen(entry.root) && map.type(entry.root) !== 0 && !map.isChild(entry.root)) place(entry.root);
  }
  for (const page of map.orphans((type, each) => isInterior(type) && !map.isChild(each))) place(page);
  for (const page of map.orphans(isInterior)) place(page);
  for (const page of map.orphans((type) => type === TABLE_LEAF || type === INDEX_LEAF)) place(page);
}

function placeTable(task: OrphanTask, page: number, before: Placed | null): Placed | null {
  const { pages, donor, lost } = task;
  const sample = takeSample(pages, page);
  const targets = task.targets.filter(({ rowidGaps }) => rowidGaps !== null);
  const owner = ownerOf(task, { page, sample, targets, donor, before });
  if ("unknown" in owner) {
    new TableWalk(pages, null, new RowidGaps(), setAside(lost, owner.unknown)).walk(page);
    pages.map.claim(page);
    return null;
  }
  walkInto(pages, owner, page, sample);
  return { target: owner, last: sample.last };
}

function ownerOf({ freeKnown }: OrphanTask, question: Question): ReturnType<typeof attribute> {
  const owner = attribute(question);
  if ("unknown" in owner || freeKnown || owner.entry.root === question.page) return owner;
  return { unknown: `it may have been deleted from ${owner.entry.name}: the list of free pages is damaged` };
}

function walkInto(pages: Pages, target: Target, page: number, { first, last }: Sample): void {
  const gaps = target.rowidGaps;
  if (!gaps || first === null || last === null) return;
  // The donor says that the table begins here, and it looks as if it did.
  if (target.entry.root === page) gaps.clear();
  const within = gaps.find(first, last);
  const inside = new RowidGaps();
  const walk = new TableWalk(pages, target.shape, inside, target);
  walk.walk(page, within?.after ?? LOWEST, within?.upTo ?? HIGHEST);
  target.broken += walk.brokenCells;
  gaps.fill(first, last);
  gaps.addAll(inside);
  pages.map.claim(page);
}

function placeKeyed(task: OrphanTask, page: number): null {
  const { pages, damagedIndexes, schemaKnown, donor } = task;
  const sample = takeSample(pages, page);
  const targets = task.targets.filter(({ keyGaps }) => keyGaps !== null);
  const owner = ownerOf(task, { page, sample, targets, donor, before: null });
  const indexes = damagedIndexes.filter((index) => mayBeOf(index, sample));
  const isRoot = indexes.some(({ entry }) => entry.root === page);
  if ("unknown" in owner || isRoot) {
    // What is in an index is in its table too, and the index is made anew.
    if (indexes.length > 0 || schemaKnown) claimIndex(pages, page);
    else putAside(task, page, "unknown" in owner ? owner.unknown : "");
  } else if (indexes.length > 0 && !isSurely(owner, page, sample, donor)) {
    putAside(task, page, `it may be of ${owner.entry.name} or of the index ${indexes[0]?.entry.name}`);
  } else {
    const walk = new KeyWalk(pages, owner.shape, new KeyGaps(owner.shape.keyFields ?? 0), owner);
    walk.walk(page);
    owner.broken += walk.brokenCells;
  }
  pages.map.claim(page);
  return null;
}

/** A tree whose rows are of no table for sure. */
function putAside({ pages, lost }: OrphanTask, page: number, reason: string): void {
  new KeyWalk(pages, null, new KeyGaps(0), setAside(lost, reason)).walk(page);
}

function mayBeOf({ fields, endsInRowid }: KnownIndex, { rows }: Sample): boolean {
  return rows.every(({ types }) => {
    const last = types.at(-1) ?? 0;
    return types.length === fields && (!endsInRowid || (last > 0 && last < 10 && last !== 7));
  });
}

function isSurely({ entry, shape }: Target, page: number, { rows }: Sample, donor: DonorRows | null): boolean {
  if (entry.root === page) return true;
  return donor !== null && rows.some(({ rowid, values }) => values !== null && donor.has(shape, rowid, values));
}

function setAside(lost: LostAndFound, reason: string): RowSink {
  const add = (found: Parameters<RowSink["row"]>[0]) => lost.add(found, reason);
  return { row: add, doubtful: add };
}
