/**
 * Pages that differ from a backup's page of the same number as only damage makes them differ, and are read as they were:
 * - in one bit: SQLite itself seldom writes such a difference, and a medium that rots does. An application may have changed
 *   a value so, a digit or the case of a letter; in a value it counts only where nothing else was written since.
 * - in a few bits, where nothing else was written since, and so many pages have one that chance gives some of them more.
 * - those that a write brought to the wrong place.
 */
import { isInternal } from "../tables.ts";
import { BTreePage, CHILD_SIZE, isTree } from "./b-tree-page.ts";
import type { Backup } from "./fill.ts";
import { findMoved, hashOf, MOST_COMPARED } from "./moved-pages.ts";
import { treesIn } from "./old-places.ts";
import type { Elsewhere, PageSource } from "./page-source.ts";
import type { Entry } from "./schema.ts";

/** Where an interior page has the number of its last child. */
const RIGHT_CHILD = 8;

/** A page on which chance turned more has hardly been seen. */
const FEW_BITS = 4;
/** So many times as many pages as chance alone gives a second bit may have one. */
const MORE_THAN_CHANCE = 20;

interface Difference {
  readonly page: number;
  /** The byte of each bit that differs; null where there are more than a few. */
  readonly flips: readonly number[] | null;
  readonly hash: number;
}

/**
 * @param isUsed whether the file has the page in use; of a page that is free SQLite may have moved the rows to another
 * @returns where each is read; page 1 is never one, for each writer leaves its mark there
 */
export function pagesToCorrect(
  backup: Backup,
  file: PageSource,
  isUsed: (page: number) => boolean,
): ReadonlyMap<number, Elsewhere> {
  const { source } = backup.pages;
  if (source.pageSize !== file.pageSize) return new Map();
  const differing = differences(file, source);
  const trees = treesIn(backup);
  const moved = findMoved({ file, backup, trees, isUsed }, differing);
  const view = new BTreePage(file.pageSize, backup.pages.usable);
  const bytes = Buffer.alloc(file.pageSize);
  const byChance = isByChance(differing, file.pages);
  const isFlipped = ({ flips }: Difference) => flips?.length === 1 || (flips !== null && byChance);
  const isWritten = (each: Difference) =>
    !isFlipped(each) &&
    !moved.has(each.page) &&
    !isOwn(trees.ownerOf(each.page)) &&
    file.read(each.page, bytes) &&
    isSound(view, each.page, bytes);
  const wasWritten = differing.some(isWritten);
  const isDamage = (each: Difference) => isFlipped(each) && !(wasWritten && mayBeWritten(backup, view, each));
  const misplaced = [...moved].filter(([, { isCertain }]) => isCertain || !wasWritten);
  return new Map([
    ...differing.filter(isDamage).map(({ page }): [number, Elsewhere] => [page, { source, page }]),
    ...misplaced.map(([page, { at }]): [number, Elsewhere] => [page, at]),
  ]);
}

/** Of bits that are turned anywhere, as many as n on p pages, n²/2p pages get two. */
function isByChance(differing: readonly Difference[], pages: number): boolean {
  const single = differing.filter(({ flips }) => flips?.length === 1).length;
  const more = differing.filter(({ flips }) => flips !== null && flips.length > 1).length;
  return more <= (MORE_THAN_CHANCE * single ** 2) / (2 * pages);
}

/** Of those that differ in more than a bit no more are kept than are compared. */
function differences(file: PageSource, backup: PageSource): readonly Difference[] {
  const found: Difference[] = [];
  let others = 0;
  const theirs = backup.stream();
  for (const { page, bytes } of file.stream()) {
    const other = theirs.next().value;
    if (!other) break;
    if (page === 1 || bytes.equals(other.bytes)) continue;
    const flips = flipsBetween(bytes, other.bytes);
    // One more tells that there are too many.
    if (flips !== null || others++ <= MOST_COMPARED) found.push({ page, flips, hash: hashOf(bytes) });
  }
  return found;
}

function flipsBetween(a: Buffer, b: Buffer): number[] | null {
  const found: number[] = [];
  for (let at = 0; at < a.length; at++) {
    for (let bits = (a[at] as number) ^ (b[at] as number); bits !== 0; bits &= bits - 1) {
      if (found.push(at) > FEW_BITS) return null;
    }
  }
  return found;
}

/** What Holdfast writes there is no sign of the application. */
function isOwn(owner: Entry | undefined): boolean {
  return owner !== undefined && isInternal(owner.table);
}

function isSound(view: BTreePage, page: number, bytes: Buffer): boolean {
  if (!isTree(bytes[0] as number)) return false;
  bytes.copy(view.bytes);
  return view.parse(page) && view.sound;
}

/** Whether an application may have changed it: several bits, or one of a value, the key of a row, the number of a child. */
function mayBeWritten({ pages }: Backup, view: BTreePage, { page, flips }: Difference): boolean {
  const [flip, ...others] = flips ?? [];
  if (flip === undefined || others.length > 0 || !isTree(pages.map.type(page))) return true;
  if (!pages.source.read(page, view.bytes) || !view.parse(page)) return true;
  if (view.interior && flip >= RIGHT_CHILD && flip < RIGHT_CHILD + CHILD_SIZE) return true;
  for (let cell = 0; cell < view.count; cell++) {
    if (flip >= (view.start[cell] as number) && flip < (view.end[cell] as number)) return true;
  }
  return false;
}
