/**
 * Pages that differ from a backup's page of the same number as only damage makes them differ, and are read as they were:
 * - in one bit: SQLite itself seldom writes such a difference, and a medium that rots does. An application may have changed
 *   a value so, a digit or the case of a letter; in a value it counts only where nothing else was written since.
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

interface Difference {
  readonly page: number;
  /** The byte in which the only bit stands that differs; null where there are more. */
  readonly flip: number | null;
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
  const isWritten = ({ page, flip }: Difference) =>
    flip === null &&
    !moved.has(page) &&
    !isOwn(trees.ownerOf(page)) &&
    file.read(page, bytes) &&
    isSound(view, page, bytes);
  const wasWritten = differing.some(isWritten);
  const flips = differing.filter((each) => each.flip !== null && !(wasWritten && isValue(backup, view, each)));
  const misplaced = [...moved].filter(([, { isCertain }]) => isCertain || !wasWritten);
  return new Map([
    ...flips.map(({ page }): [number, Elsewhere] => [page, { source, page }]),
    ...misplaced.map(([page, { at }]): [number, Elsewhere] => [page, at]),
  ]);
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
    const flip = onlyFlip(bytes, other.bytes);
    // One more tells that there are too many.
    if (flip !== null || others++ <= MOST_COMPARED) found.push({ page, flip, hash: hashOf(bytes) });
  }
  return found;
}

function onlyFlip(a: Buffer, b: Buffer): number | null {
  let found: number | null = null;
  for (let at = 0; at < a.length; at++) {
    if (a[at] === b[at]) continue;
    const bits = (a[at] as number) ^ (b[at] as number);
    if (found !== null || (bits & (bits - 1)) !== 0) return null;
    found = at;
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

/** Whether the byte is of what an application wrote: a value, the key of a row, the number of a child. */
function isValue({ pages }: Backup, view: BTreePage, { page, flip }: Difference): boolean {
  if (flip === null || !isTree(pages.map.type(page))) return true;
  if (!pages.source.read(page, view.bytes) || !view.parse(page)) return true;
  if (view.interior && flip >= RIGHT_CHILD && flip < RIGHT_CHILD + CHILD_SIZE) return true;
  for (let cell = 0; cell < view.count; cell++) {
    if (flip >= (view.start[cell] as number) && flip < (view.end[cell] as number)) return true;
  }
  return false;
}
