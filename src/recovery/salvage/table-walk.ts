/**
 * Reads the tree of a table with rowids: https://sqlite.org/fileformat2.html#b_tree_pages. An interior page says which
 * rowids each child has, so that a child that is another's is noticed, and what cannot be read is known as a range.
 */
import { ascending } from "./ascending.ts";
import { type BTreePage, TABLE_INTERIOR, TABLE_LEAF } from "./b-tree-page.ts";
import { HIGHEST, LOWEST, type RowidGaps } from "./gaps.ts";
import { type Content, DEEPEST, type Found, type Pages, type RowSink } from "./pages.ts";
import type { Shape } from "./shape.ts";
import { beside, type Rowid } from "./varint.ts";

/** Rowids above `after` up to `upTo`; the wide ones leave a damaged key beside them out of account. */
interface Range {
  readonly after: Rowid;
  readonly upTo: Rowid;
  readonly wideAfter: Rowid;
  readonly wideUpTo: Rowid;
}

const EVERYTHING: Range = { after: LOWEST, upTo: HIGHEST, wideAfter: LOWEST, wideUpTo: HIGHEST };

export class TableWalk {
  readonly #pages: Pages;
  readonly #shape: Shape | null;
  readonly #gaps: RowidGaps;
  readonly #sink: RowSink;
  #root = 0;
  /** Rows that are named on a page that can be read, but cannot be read themselves. */
  brokenCells = 0;
  /** The lowest and the highest rowid on the leaves that can be read. */
  first: Rowid | null = null;
  last: Rowid | null = null;

  /** @param shape null where the table is not known: then any record will do */
  constructor(pages: Pages, shape: Shape | null, gaps: RowidGaps, sink: RowSink) {
    this.#pages = pages;
    this.#shape = shape;
    this.#gaps = gaps;
    this.#sink = sink;
  }

  /** @param after and `upTo`: the rowids that the tree can have at most */
  walk(root: number, after: Rowid = LOWEST, upTo: Rowid = HIGHEST): void {
    this.#root = root;
    this.#descend(root, { ...EVERYTHING, after, upTo, wideAfter: after, wideUpTo: upTo }, 0, true);
  }

  /** @param exact whether the page, if it is none, was a leaf */
  #descend(page: number, range: Range, depth: number, exact: boolean): void {
    const { map } = this.#pages;
    const type = map.isOpen(page) ? map.type(page) : 0;
    const isTable = type === TABLE_LEAF || type === TABLE_INTERIOR;
    const view = isTable && depth < DEEPEST ? this.#pages.view(page, depth) : null;
    const belongs = view && (view.interior ? this.#isInterior(view, range) : this.#isLeaf(view, range, depth));
    if (!view || !belongs) {
      if (type === 0 && map.isOpen(page)) map.miss(page);
      this.#gaps.add(range.after, range.upTo, map.isOpen(page) ? page : null, exact);
      return;
    }
    map.claim(page);
    if (!view.sound) this.#pages.partlyDamaged++;
    if (view.interior) this.#children(view, range, depth);
    else this.#rows(view, page, range);
  }

  #isInterior(view: BTreePage, { wideAfter, wideUpTo }: Range): boolean {
    let inside = 0;
    let readable = 0;
    for (let cell = 0; cell < view.count; cell++) {
      if (view.ok[cell] === 0) continue;
      readable++;
      const key = view.rowid[cell] as Rowid;
      if (key > wideAfter && key <= wideUpTo) inside++;
    }
    return readable === 0 ? view.sound : inside * 2 > readable;
  }

  #isLeaf(view: BTreePage, { wideAfter, wideUpTo }: Range, depth: number): boolean {
    if (view.count === 0) return depth === 0 && view.sound;
    return this.#pages.mostFit(view, this.#shape, (cell) => {
      const rowid = view.rowid[cell] as Rowid;
      return rowid > wideAfter && rowid <= wideUpTo;
    });
  }

  #children(view: BTreePage, range: Range, depth: number): void {
    const { source } = this.#pages;
    // A cell that leads nowhere has no key that can be believed either.
    const likely = cellsOf(view, (key, cell) => {
      return key > range.after && key < range.upTo && source.has(view.child[cell] as number);
    });
    const kept = ascending(view.rowid, likely, view.count) ?? likely;
    const good = (cell: number) => kept[cell] === 1;
    const cells = [...Array(view.count).keys()];
    /** The keys that can be believed, between the ends of the page's own range. */
    const keys: Rowid[] = [range.after, ...cells.filter(good).map((cell) => view.rowid[cell] as Rowid), range.upTo];
    const leaves = this.#childrenAreLeaves(view);
    let at = 0;
    const next = (): Range => ({
      after: keys[at] as Rowid,
      upTo: keys[at + 1] as Rowid,
      wideAfter: keys[at - 1] ?? range.wideAfter,
      wideUpTo: keys[at + 2] ?? range.wideUpTo,
    });
    for (const cell of cells) {
      const child = next();
      if (view.ok[cell] === 1) this.#descend(view.child[cell] as number, child, depth + 1, leaves);
      else this.#gaps.add(child.after, child.upTo, null, false);
      if (good(cell)) at++;
    }
    this.#descend(view.right, next(), depth + 1, leaves);
  }

  /** All children of a page are as far from the leaves. */
  #childrenAreLeaves(view: BTreePage): boolean {
    const { map } = this.#pages;
    for (let cell = 0; cell < view.count; cell++) {
      const type = map.type(view.child[cell] as number);
      if (type === TABLE_LEAF) return true;
      if (type === TABLE_INTERIOR) return false;
    }
    return map.type(view.right) !== TABLE_INTERIOR;
  }

  #rows(view: BTreePage, page: number, range: Range): void {
    const believed = this.#believed(view, range);
    let last = range.after;
    /** A cell whose rowid is not known lies between those beside it. */
    let hole = false;
    for (let cell = 0; cell < view.count; cell++) {
      if (believed[cell] === 0) {
        hole = true;
        this.brokenCells++;
        if (view.ok[cell] === 1) this.#doubt(view, cell, page, "its rowid is out of order on its page");
        continue;
      }
      const rowid = view.rowid[cell] as Rowid;
      if (hole) this.#gaps.add(last, beside(rowid, -1), page, true);
      hole = false;
      last = rowid;
      if (this.first === null || rowid < this.first) this.first = rowid;
      if (this.last === null || rowid > this.last) this.last = rowid;
      this.#row(view, cell, page);
    }
    if (hole) this.#gaps.add(last, range.upTo, page, true);
  }

  #row(view: BTreePage, cell: number, page: number): void {
    const rowid = view.rowid[cell] as Rowid;
    const content = this.#pages.content(view, cell, this.#shape);
    if (content && content.misfit === null) {
      this.#sink.row(this.#found(view, cell, page, content));
      return;
    }
    this.brokenCells++;
    this.#gaps.add(beside(rowid, -1), rowid, page, true);
    if (content?.misfit) this.#sink.doubtful(this.#found(view, cell, page, content), content.misfit);
  }

  #doubt(view: BTreePage, cell: number, page: number, reason: string): void {
    const content = this.#pages.content(view, cell, null);
    if (content) this.#sink.doubtful(this.#found(view, cell, page, content), reason);
  }

  #found(view: BTreePage, cell: number, page: number, { values, odd }: NonNullable<Content>): Found {
    return { rowid: view.rowid[cell] as Rowid, values, page, root: this.#root, odd };
  }

  /** Cells that are in order and in the page's range; where most are not in its range, it is the range that is wrong. */
  #believed(view: BTreePage, range: Range): Uint8Array {
    if (isInOrder(view, range)) return view.ok;
    const inside = cellsOf(view, (rowid) => rowid > range.after && rowid <= range.upTo);
    const all = cellsOf(view, () => true);
    const outside = sum(all) - sum(inside);
    const isWrong = outside * 2 > view.count || (outside > 0 && isKeyWrong(view, range));
    // Those that are not in it would let others seem to be out of order.
    const counting = isWrong ? all : inside;
    return ascending(view.rowid, counting, view.count) ?? counting;
  }
}

/** Whether all of it is as it should be, which nearly every page is. */
function isInOrder({ ok, rowid, count }: BTreePage, { after, upTo }: Range): boolean {
  let last = after;
  for (let cell = 0; cell < count; cell++) {
    const next = rowid[cell] as Rowid;
    if (ok[cell] === 0 || next <= last) return false;
    last = next;
  }
  return last <= upTo;
}

/**
 * Whether it is a key above the page that is damaged, rather than the rowids that are not in its range: for all are in
 * order, and there are several at one end, or for a single one there is no place left in the range.
 */
function isKeyWrong(view: BTreePage, { after, upTo, wideAfter, wideUpTo }: Range): boolean {
  const wide = cellsOf(view, (rowid) => rowid > wideAfter && rowid <= wideUpTo);
  if (wide.includes(0) || ascending(view.rowid, wide, view.count) !== null) return false;
  const rowids = view.rowid.slice(0, view.count);
  const below = rowids.filter((rowid) => rowid <= after).length;
  const above = rowids.filter((rowid) => rowid > upTo).length;
  return (below !== 1 || rowids[1] === beside(after, 1)) && (above !== 1 || rowids.at(-2) === upTo);
}

function sum(cells: Uint8Array): number {
  return cells.reduce((all, each) => all + each, 0);
}

/** 1 for each that can be read and of which that is true. */
function cellsOf({ ok, rowid, count }: BTreePage, holds: (rowid: Rowid, cell: number) => boolean): Uint8Array {
  return ok.slice(0, count).map((each, cell) => (each === 1 && holds(rowid[cell] as Rowid, cell) ? 1 : 0));
}
