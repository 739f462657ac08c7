/**
 * Trees that nothing leads to any more, since the pages above them are damaged. Those with interior pages come first:
 * they are placed as a whole, and leave fewer places for the leaves that stand alone.
 */
import { attribute, looksLike, type Placed, type Question } from "./attribute.ts";
import { INDEX_INTERIOR, INDEX_LEAF, isInterior, TABLE_INTERIOR, TABLE_LEAF } from "./b-tree-page.ts";
import type { DonorRows } from "./donor-rows.ts";
import type { Backup } from "./fill.ts";
import { HIGHEST, KeyGaps, LOWEST, RowidGaps } from "./gaps.ts";
import { claimIndex, KeyWalk } from "./key-walk.ts";
import type { LiveRows } from "./live-rows.ts";
import type { LostAndFound } from "./lost-and-found.ts";
import { treesIn } from "./old-places.ts";
import type { Pages, RowSink } from "./pages.ts";
import { type Sample, takeSample } from "./sample.ts";
import { type Entry, keyOf } from "./schema.ts";
import type { KnownIndex } from "./skeleton.ts";
import { TableWalk } from "./table-walk.ts";
import type { Target } from "./target.ts";

export interface OrphanTask {
  readonly pages: Pages;
  readonly targets: readonly Target[];
  /** Indexes of which some pages could not be reached. */
  readonly damagedIndexes: readonly KnownIndex[];
  /** Every table and index that the database has is known, by the file or by the donor. */
  readonly schemaKnown: boolean;
  /** Every page that is free is known, so that what is left was in use. */
  readonly freeKnown: boolean;
  /** What indexes say of them, where not. */
  readonly live: LiveRows | null;
  readonly donor: DonorRows | null;
  /** A backup of the same database. */
  readonly backup: Backup | null;
  readonly lost: LostAndFound;
  /** Gets the pages whose rows are of no table for sure. */
  readonly setAside: Set<number>;
}

/** One that is under way. */
interface Work extends OrphanTask {
  /** @see Question */
  readonly isRoot: (entry: Entry, page: number) => boolean;
  /** @see Question */
  readonly wasOf: (entry: Entry, page: number) => boolean;
}

export function placeOrphans(given: OrphanTask): void {
  const { map } = given.pages;
  const trusted = donorRootsFit(given);
  const task: Work = {
    ...given,
    isRoot: (entry, page) => entry.root === page && (trusted || entry.from === "file"),
    wasOf: given.backup ? ownersInBackup(given.backup, given.pages) : () => false,
  };
  let before: Placed | null = null;
  const place = (page: number) => {
    const isTable = map.type(page) === TABLE_LEAF || map.type(page) === TABLE_INTERIOR;
    before = isTable ? placeTable(task, page, before) : placeKeyed(task, page);
  };
  // Roots that only a donor names are tried before anything can take their place.
  for (const { entry } of [...task.targets, ...task.damagedIndexes]) {
    if (
      task.isRoot(entry, entry.root) &&
      map.isOpen(entry.root) &&
      map.type(entry.root) !== 0 &&
      !map.isChild(entry.root)
    )
      place(entry.root);
  }
  for (const page of map.orphans((type, each) => isInterior(type) && !map.isChild(each))) place(page);
  for (const page of map.orphans(isInterior)) place(page);
  for (const page of map.orphans((type) => type === TABLE_LEAF || type === INDEX_LEAF)) place(page);
}

/**
 * A donor's numbers of root pages are the file's too where it is a copy of it, and often where both were made by the same
 * migrations. One that cannot be right says that none can be relied on.
 */
function donorRootsFit({ pages, targets, damagedIndexes }: OrphanTask): boolean {
  const { map } = pages;
  const fits = (root: number, wanted: readonly number[], looksRight: (sample: Sample) => boolean) => {
    const type = map.type(root);
    if (type === 0 || map.claimed(root)) return type === 0;
    if (map.isChild(root) || map.isFree(root) || !wanted.includes(type)) return false;
    const sample = takeSample(pages, root);
    return sample.rows.length === 0 || looksRight(sample);
  };
  const keyed = [INDEX_LEAF, INDEX_INTERIOR];
  return (
    targets
      .filter(({ entry }) => entry.from === "donor")
      .every((target) => {
        const wanted = target.keyGaps ? keyed : [TABLE_LEAF, TABLE_INTERIOR];
        return fits(target.entry.root, wanted, ({ rows }) => looksLike(target, rows));
      }) &&
    damagedIndexes
      .filter(({ entry }) => entry.from === "donor")
      .every((index) => fits(index.entry.root, keyed, (sample) => mayBeOf(index, sample)))
  );
}

/** The numbers of pages of another size say nothing. */
function ownersInBackup(backup: Backup, { source }: Pages): Work["wasOf"] {
  if (backup.pages.source.pageSize !== source.pageSize) return () => false;
  const { ownerOf } = treesIn(backup);
  return (entry, page) => {
    const owner = ownerOf(page);
    return owner !== undefined && keyOf(owner) === keyOf(entry);
  };
}

function placeTable(task: Work, page: number, before: Placed | null): Placed | null {
  const { pages, donor } = task;
  const sample = takeSample(pages, page);
  const targets = task.targets.filter(({ rowidGaps }) => rowidGaps !== null);
  const question = { sample, targets, donor, before, ...askedOf(task, page) };
  const owner = ownerOf(task, question);
  if ("unknown" in owner) {
    task.setAside.add(page);
    new TableWalk(pages, null, new RowidGaps(), setAside(task, owner.unknown)).walk(page);
    pages.map.claim(page);
    return null;
  }
  walkInto(task, owner, page, sample);
  return { target: owner, last: sample.last };
}

function askedOf({ isRoot, wasOf }: Work, page: number): Pick<Question, "isRootOf" | "wasOf"> {
  return { isRootOf: (entry) => isRoot(entry, page), wasOf: (entry) => wasOf(entry, page) };
}

function ownerOf({ pages, freeKnown, live, schemaKnown }: Work, question: Question): ReturnType<typeof attribute> {
  const owner = attribute(question);
  if ("unknown" in owner || question.isRootOf(owner.entry)) return owner;
  if (!freeKnown && isReplaced(pages, owner, question.sample))
    return { unknown: `it was of ${owner.entry.name} once: another page is in its place, and cannot be read` };
  // Were it free since, the backup's rows would stand in for its own, which can only be newer.
  if (question.wasOf(owner.entry)) return owner;
  const { name } = owner.entry;
  if (!freeKnown && !live?.areLive(owner, question.sample.rows))
    return { unknown: `it may have been deleted from ${name}: the list of free pages is damaged` };
  if (!schemaKnown && !isBounded(owner, question.sample)) {
    return { unknown: `it may be of ${name}, or of a table that is not known` };
  }
  return owner;
}

/** Whether its rows went to a page that a table still leads to. Of a root it is not known that it had rows itself. */
function isReplaced({ map }: Pages, { entry, rowidGaps }: Target, { first, last }: Sample): boolean {
  const gap = rowidGaps && first !== null && last !== null ? rowidGaps.find(first, last) : null;
  if (!gap?.exact || gap.pages.length === 0) return false;
  // What leads to a page that is free, or of another row, is damaged itself.
  const mayBeIts = (page: number) => map.isOpen(page) && !map.isFree(page) && map.type(page) === 0;
  return gap.pages.every((page) => page !== entry.root && mayBeIts(page));
}

/** Whether it fills a hole in a tree, rather than a place that any tree would fit. */
function isBounded({ rowidGaps }: Target, { first, last }: Sample): boolean {
  const gap = rowidGaps && first !== null && last !== null ? rowidGaps.find(first, last) : null;
  return gap !== null && gap.after !== LOWEST && gap.upTo !== HIGHEST;
}

function walkInto(task: Work, target: Target, page: number, { first, last }: Sample): void {
  const { pages, isRoot } = task;
  const gaps = target.rowidGaps;
  if (!gaps || first === null || last === null) return;
  // The donor says that the table begins here, and it looks as if it did.
  if (isRoot(target.entry, page)) gaps.clear();
  const within = gaps.find(first, last);
  const inside = new RowidGaps();
  const walk = new TableWalk(pages, target.shape, inside, withoutDeleted(task, target));
  walk.walk(page, within?.after ?? LOWEST, within?.upTo ?? HIGHEST);
  target.broken += walk.brokenCells;
  // The sample has seen a few of its leaves, of which the last may be damaged.
  if (!gaps.fill(walk.first ?? first, walk.last ?? last)) gaps.fill(first, last);
  gaps.addAll(inside);
  pages.map.claim(page);
}

/** A page may be in use, or have been left when its rows went to others. */
function withoutDeleted({ freeKnown, live }: Work, target: Target): RowSink {
  if (freeKnown || !live) return target;
  return {
    row(found) {
      const isDeleted = found.rowid !== null && live.isDeleted(target, found.rowid);
      if (isDeleted) target.doubtful(found, "no index has it, and the list of free pages is damaged");
      else target.row(found);
    },
    doubtful: (found, reason) => target.doubtful(found, reason),
  };
}

function placeKeyed(task: Work, page: number): null {
  const { pages, damagedIndexes, schemaKnown, donor } = task;
  const sample = takeSample(pages, page);
  if (sample.rows.length === 0 && !pages.view(page, 0)?.sound) {
    // Only its first byte takes it for a page of an index: it may have been any other.
    pages.map.miss(page);
    return null;
  }
  const targets = task.targets.filter(({ keyGaps }) => keyGaps !== null);
  const { isRootOf, wasOf } = askedOf(task, page);
  const owner = ownerOf(task, { sample, targets, donor, before: null, isRootOf, wasOf });
  const indexes = damagedIndexes.filter((index) => mayBeOf(index, sample));
  const like = targets.filter((target) => target.hasGaps && looksLike(target, sample.rows));
  if (like.every((target) => isOfIndex(target, indexes, sample, isRootOf))) {
    // What is in an index is in its table too, and the index is made anew.
    if (indexes.length > 0 || schemaKnown) claimIndex(pages, page);
    else putAside(task, page, "unknown" in owner ? owner.unknown : "");
  } else if ("unknown" in owner) {
    putAside(task, page, owner.unknown);
  } else if (indexes.length > 0 && !isSurely(owner, sample, donor, isRootOf)) {
    putAside(task, page, `it may be of ${owner.entry.name} or of the index ${indexes[0]?.entry.name}`);
  } else {
    const walk = new KeyWalk(pages, owner.shape, new KeyGaps(owner.shape.keyFields ?? 0), owner);
    walk.walk(page);
    owner.broken += walk.brokenCells;
  }
  pages.map.claim(page);
  return null;
}

/** Whether it is an index rather than a table whose records would all have to be older than its last columns. */
function isOfIndex(
  { entry, shape }: Target,
  indexes: readonly KnownIndex[],
  { rows }: Sample,
  isRootOf: Question["isRootOf"],
): boolean {
  if (indexes.some((index) => isRootOf(index.entry))) return true;
  const isShort = rows.some(({ types }) => types.length < shape.fields.length);
  return indexes.length > 0 && isShort && !isRootOf(entry);
}

/** A tree whose rows are of no table for sure. */
function putAside(task: OrphanTask, page: number, reason: string): void {
  task.setAside.add(page);
  new KeyWalk(task.pages, null, new KeyGaps(0), setAside(task, reason)).walk(page);
}

function mayBeOf({ fields, endsInRowid }: KnownIndex, { rows }: Sample): boolean {
  return rows.every(({ types }) => {
    const last = types.at(-1) ?? 0;
    return types.length === fields && (!endsInRowid || (last > 0 && last < 10 && last !== 7));
  });
}

function isSurely(
  { entry, shape }: Target,
  { rows }: Sample,
  donor: DonorRows | null,
  isRootOf: Question["isRootOf"],
): boolean {
  if (isRootOf(entry)) return true;
  return donor !== null && rows.some(({ rowid, values }) => values !== null && donor.has(shape, rowid, values));
}

function setAside({ lost, setAside: pages }: OrphanTask, reason: string): RowSink {
  const add = (found: Parameters<RowSink["row"]>[0]) => {
    pages.add(found.page);
    lost.add(found, reason);
  };
  return { row: add, doubtful: add };
}
