/**
 * Pages that a write brought to the wrong place. No tree has the same rows twice, and no page two parents; so what a page
 * of a backup had, and stands elsewhere now, was brought there:
 * - in the place of another page of its tree, or of any other where it leads to pages, and both are in use;
 * - while what stood there is in its own place, or something is that has none of its keys, and the pointer to it stands
 *   between the same keys as before.
 */
import { BTreePage, CHILD_SIZE, isInterior, isTree, TABLE_LEAF } from "./b-tree-page.ts";
import type { Backup } from "./fill.ts";
import type { OldTrees } from "./old-places.ts";
import type { Elsewhere, PageSource } from "./page-source.ts";
import { Pages } from "./pages.ts";
import { type Entry, keyOf, readSchema } from "./schema.ts";

/** More pages than these differ where an application wrote much: then none is looked for in another's place. */
export const MOST_COMPARED = 20_000;
const SAMPLE_STEP = 64;

export interface Moved {
  /** Else it may be what SQLite wrote. */
  readonly isCertain: boolean;
  /** Where what belongs there can be read. */
  readonly at: Elsewhere;
}

export interface Beside {
  readonly file: PageSource;
  readonly backup: Backup;
  readonly trees: OldTrees;
  /** Whether the file has the page in use. */
  readonly isUsed: (page: number) => boolean;
}

/** The same for the same bytes, and seldom for others. */
export function hashOf(bytes: Buffer): number {
  let hash = 0;
  for (let at = 0; at < bytes.length; at += SAMPLE_STEP) hash = (Math.imul(hash, 31) + bytes.readInt32LE(at)) | 0;
  return hash;
}

/** @param differing the pages that are not as the backup has them */
export function findMoved(
  beside: Beside,
  differing: readonly { readonly page: number; readonly hash: number }[],
): ReadonlyMap<number, Moved> {
  const moved = new Map<number, Moved>();
  if (differing.length > MOST_COMPARED) return moved;
  const { file, backup, trees, isUsed } = beside;
  const { source } = backup.pages;
  const places = new Places(beside, new Set(differing.map(({ page }) => page)));
  const byHash = Map.groupBy(differing, ({ hash }) => hash);
  const [mine, theirs] = [Buffer.alloc(file.pageSize), Buffer.alloc(file.pageSize)];
  const isSame = (page: number, from: number) =>
    file.read(page, mine) && source.read(from, theirs) && mine.equals(theirs);
  for (const { page: from, bytes } of source.stream()) {
    for (const { page } of byHash.get(hashOf(bytes)) ?? []) {
      if (page === from || !isSame(page, from)) continue;
      const type = bytes[0] as number;
      const owner = trees.ownerOf(page);
      // Two tables may have the same rows.
      const isOnce = isInterior(type) || (isTree(type) && owner !== undefined && owner === trees.ownerOf(from));
      if (isOnce && isUsed(from) && isUsed(page) && isSame(from, from)) {
        moved.set(page, { isCertain: true, at: { source, page } });
      } else if (isSame(from, page)) {
        moved.set(page, { isCertain: places.areKept(page, from), at: { source, page } });
      } else if (places.isLedTo(from, page) && places.hasOtherKeys(from)) {
        moved.set(from, { isCertain: true, at: { source, page: from } });
        // What was written since is nowhere else.
        moved.set(page, { isCertain: true, at: { source: file, page: from } });
      }
    }
  }
  return moved;
}

/** Whether pages are in the file where the backup has them. */
class Places {
  readonly #beside: Beside;
  readonly #asked: ReadonlySet<number>;
  readonly #view: BTreePage;
  #roots: ReadonlyMap<string, number> | null = null;
  #predecessors: ReadonlyMap<number, number> | null = null;

  /** @param asked the pages that may be asked for */
  constructor(beside: Beside, asked: ReadonlySet<number>) {
    this.#beside = beside;
    this.#asked = asked;
    this.#view = new BTreePage(beside.file.pageSize, beside.backup.pages.usable);
  }

  /** Of two that have what the other had: at least for one it can be told. */
  areKept(page: number, other: number): boolean {
    const both = [this.isLedTo(page, other), this.isLedTo(other, page)];
    return both.includes(true) && !both.includes(false);
  }

  /** Null where the backup has nothing that leads to the page, and can be compared. @param other may be what led to it */
  isLedTo(page: number, other: number): boolean | null {
    const { file, backup, trees } = this.#beside;
    const parent = trees.parentOf(page) ?? this.#predecessorOf(page);
    if (parent === undefined) return null;
    if (parent === 0) return this.#isRoot(page, trees.ownerOf(page));
    return parent === other || this.#placeIn(file, parent, page) === this.#placeIn(backup.pages.source, parent, page);
  }

  #predecessorOf(page: number): number | undefined {
    this.#predecessors ??= this.#readPredecessors();
    return this.#predecessors.get(page);
  }

  /** Which page of the backup says that a payload goes on there; all of it is looked at for that. */
  #readPredecessors(): ReadonlyMap<number, number> {
    const { map, source } = this.#beside.backup.pages;
    const found = new Map<number, number>();
    for (const { page, bytes } of source.stream()) {
      if (map.isFree(page)) continue;
      const nexts = map.type(page) === 0 ? [bytes.readUInt32BE(0)] : this.#overflows(bytes, page);
      for (const next of nexts) if (this.#asked.has(next)) found.set(next, page);
    }
    return found;
  }

  #overflows(bytes: Buffer, page: number): number[] {
    const view = this.#view;
    bytes.copy(view.bytes);
    return view.parse(page) ? readable(view).map((cell) => view.overflowOf(cell)) : [];
  }

  #isRoot(page: number, entry: Entry | undefined): boolean | null {
    this.#roots ??= this.#rootsInFile();
    const root = entry && this.#roots.get(keyOf(entry));
    return root === undefined ? null : root === page;
  }

  /** All of the file is looked at for them. */
  #rootsInFile(): ReadonlyMap<string, number> {
    const { file, backup } = this.#beside;
    const { usable, records } = backup.pages;
    const pages = new Pages(file, file.pageSize - usable, records.encoding);
    pages.map.survey(file, usable, false, () => {});
    return new Map(readSchema(pages, "file").entries.map((entry) => [keyOf(entry), entry.root]));
  }

  /** What is beside the pointer to a page; null where there is none. */
  #placeIn(source: PageSource, parent: number, page: number): string | null {
    if (this.#parse(source, parent)) return besideChild(this.#view, page) ?? cellBefore(this.#view, page);
    return this.#view.bytes.readUInt32BE(0) === page ? "the next" : null;
  }

  /** Whether the page is a sound one in the file, with rows or children of which the backup's has none. */
  hasOtherKeys(page: number): boolean {
    const { file, backup } = this.#beside;
    const before = this.#parse(backup.pages.source, page) ? this.#keys() : new Set();
    const now = this.#parse(file, page) && this.#view.sound ? this.#keys() : new Set();
    return before.size > 0 && now.size > 0 && ![...now].some((key) => before.has(key));
  }

  #parse(source: PageSource, page: number): boolean {
    return source.read(page, this.#view.bytes) && this.#view.parse(page);
  }

  /** By what the cells of the page are known; without a rowid the first value has to do. */
  #keys(): Set<unknown> {
    const view = this.#view;
    const of = (cell: number) => {
      if (view.interior) return `child ${view.child[cell]}`;
      if (view.type === TABLE_LEAF) return `rowid ${view.rowid[cell]}`;
      const [first] = this.#beside.backup.pages.peek(view, cell)?.values ?? [];
      return first === undefined ? undefined : `value ${first}`;
    };
    return new Set(
      readable(view)
        .map(of)
        .filter((key) => key !== undefined),
    );
  }
}

function readable(view: BTreePage): number[] {
  return [...Array(view.count).keys()].filter((cell) => view.ok[cell] === 1);
}

/** The keys between which an interior page has its pointer to another. */
function besideChild(view: BTreePage, child: number): string | null {
  if (!view.interior) return null;
  const at = view.right === child ? view.count : view.child.subarray(0, view.count).indexOf(child);
  return at < 0 ? null : `${bytesOf(view, at - 1)} ${bytesOf(view, at)}`;
}

/** The cell whose payload goes on on that page. */
function cellBefore(view: BTreePage, page: number): string | null {
  const cell = readable(view).find((each) => view.overflowOf(each) === page);
  return cell === undefined ? null : bytesOf(view, cell);
}

/** All but the child. */
function bytesOf(view: BTreePage, cell: number): string {
  if (view.ok[cell] !== 1 || cell >= view.count) return "";
  const from = (view.start[cell] as number) + (view.interior ? CHILD_SIZE : 0);
  return view.bytes.toString("hex", from, view.end[cell]);
}
