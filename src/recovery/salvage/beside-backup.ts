/**
 * Pages that differ from a backup's page of the same number as only damage makes them differ, and are read as the backup
 * has them:
 * - in one bit: SQLite itself seldom writes such a difference, and a medium that rots does. An application may have changed
 *   a value so, a digit or the case of a letter; in a value it counts only where nothing else was written since.
 * - what two pages had has changed places, and what leads to them is as it was; or it stands in the place of another page
 *   of its tree as well, and both are in use: a write went to the wrong place, for no tree has the same rows twice, and no
 *   page two parents.
 */
import { isInternal } from "../tables.ts";
import { BTreePage, isInterior, isTree } from "./b-tree-page.ts";
import type { Backup } from "./fill.ts";
import { ownersIn } from "./old-places.ts";
import type { PageSource } from "./page-source.ts";

/** More pages than these differ where an application wrote much: then none is looked for in another's place. */
const MOST_COMPARED = 20_000;
const SAMPLE_STEP = 64;
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
 * @returns their numbers; page 1 is never one, for each writer leaves its mark there
 */
export function pagesToTakeFrom(
  backup: Backup,
  file: PageSource,
  isUsed: (page: number) => boolean,
): ReadonlySet<number> {
  if (backup.pages.source.pageSize !== file.pageSize) return new Set();
  const differing = differences(file, backup.pages.source);
  const trees = treesOf(backup);
  const moved = findMoved(file, backup, differing, trees, isUsed);
  const view = new BTreePage(file.pageSize, backup.pages.usable);
  const bytes = Buffer.alloc(file.pageSize);
  const isWritten = ({ page, flip }: Difference) =>
    flip === null && !moved.has(page) && !trees.isOwn(page) && file.read(page, bytes) && isSound(view, page, bytes);
  const wasWritten = differing.some(isWritten);
  const flips = differing.filter((each) => each.flip !== null && !(wasWritten && isValue(backup, view, each)));
  const misplaced = [...moved].filter(([, isCertain]) => isCertain || !wasWritten);
  return new Set([...misplaced.map(([page]) => page), ...flips.map(({ page }) => page)]);
}

function differences(file: PageSource, backup: PageSource): readonly Difference[] {
  const found: Difference[] = [];
  const others = backup.stream();
  for (const { page, bytes } of file.stream()) {
    const other = others.next().value;
    if (!other) break;
    if (page === 1 || bytes.equals(other.bytes)) continue;
    found.push({ page, flip: onlyFlip(bytes, other.bytes), hash: sampled(bytes) });
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

/** The same for the same bytes, and seldom for others. */
function sampled(bytes: Buffer): number {
  let hash = 0;
  for (let at = 0; at < bytes.length; at += SAMPLE_STEP) hash = (Math.imul(hash, 31) + bytes.readInt32LE(at)) | 0;
  return hash;
}

/** Pages that have what another page of the backup had, and whether SQLite cannot have brought it there. */
function findMoved(
  file: PageSource,
  backup: Backup,
  differing: readonly Difference[],
  { ownerOf, parentOf }: ReturnType<typeof treesOf>,
  isUsed: (page: number) => boolean,
): ReadonlyMap<number, boolean> {
  const moved = new Map<number, boolean>();
  if (differing.length > MOST_COMPARED) return moved;
  const byHash = Map.groupBy(differing, ({ hash }) => hash);
  const { source } = backup.pages;
  const [mine, theirs] = [Buffer.alloc(file.pageSize), Buffer.alloc(file.pageSize)];
  const isSame = (page: number, from: number) =>
    file.read(page, mine) && source.read(from, theirs) && mine.equals(theirs);
  const isLedTo = (page: number, other: number) => {
    const parent = parentOf(page);
    return parent !== undefined && (parent === 0 || parent === other || isSame(parent, parent));
  };
  for (const { page: from, bytes } of source.stream()) {
    for (const { page } of byHash.get(sampled(bytes)) ?? []) {
      if (page === from || !isSame(page, from)) continue;
      const type = bytes[0] as number;
      const owner = ownerOf(page);
      // Two tables may have the same rows, but no page two parents.
      const isOnce = isInterior(type) || (isTree(type) && owner !== undefined && owner === ownerOf(from));
      if (isOnce && isUsed(from) && isUsed(page) && isSame(from, from)) moved.set(page, true);
      else if (isSame(from, page)) moved.set(page, isLedTo(page, from) && isLedTo(from, page));
    }
  }
  return moved;
}

/** Whose a page is in the backup, told by numbers. What Holdfast writes there is no sign of the application. */
function treesOf({ pages, schema }: Backup) {
  const entries = schema.entries.filter(({ root }) => root > 0);
  const trees = ownersIn(
    pages,
    entries.map(({ root }) => root),
  );
  const isOwn = (page: number) => {
    const owner = trees.ownerOf(page);
    return owner !== undefined && isInternal(entries[owner]?.table ?? "");
  };
  return { ...trees, isOwn };
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
  if (view.interior && flip >= RIGHT_CHILD && flip < RIGHT_CHILD + 4) return true;
  for (let cell = 0; cell < view.count; cell++) {
    if (flip >= (view.start[cell] as number) && flip < (view.end[cell] as number)) return true;
  }
  return false;
}
