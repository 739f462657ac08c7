/**
 * Reads a tree without rowids: a table WITHOUT ROWID, whose interior pages hold rows as well
 * (https://sqlite.org/fileformat2.html#representation_of_without_rowid_tables), or an index, whose pages are only noted.
 */
import { type BTreePage, INDEX_INTERIOR, INDEX_LEAF } from "./b-tree-page.ts";
import type { KeyGaps } from "./gaps.ts";
import { DEEPEST, type Pages, type RowSink } from "./pages.ts";
import type { Shape } from "./shape.ts";

export class KeyWalk {
  readonly #pages: Pages;
  readonly #shape: Shape | null;
  readonly #gaps: KeyGaps;
  readonly #sink: RowSink;
  #root = 0;
  brokenCells = 0;

  constructor(pages: Pages, shape: Shape | null, gaps: KeyGaps, sink: RowSink) {
    this.#pages = pages;
    this.#shape = shape;
    this.#gaps = gaps;
    this.#sink = sink;
  }

  walk(root: number): void {
    this.#root = root;
    this.#descend(root, 0, false);
  }

  #descend(page: number, depth: number, exact: boolean): void {
    const view = openPage(this.#pages, page, depth);
    const belongs = view && (view.count === 0 ? view.sound : this.#pages.mostFit(view, this.#shape, () => true));
    if (!view || !belongs) {
      this.#gaps.add(this.#pages.map.isOpen(page) ? page : null, exact);
      return;
    }
    this.#pages.map.claim(page);
    if (!view.sound) this.#pages.partlyDamaged++;
    const leaves = view.interior && this.#pages.map.type(view.right) !== INDEX_INTERIOR;
    for (let cell = 0; cell < view.count; cell++) {
      if (view.interior) {
        if (view.ok[cell] === 1) this.#descend(view.child[cell] as number, depth + 1, leaves);
        else this.#gaps.add(null, false);
      }
      this.#row(view, cell, page);
    }
    if (view.interior) this.#descend(view.right, depth + 1, leaves);
  }

  #row(view: BTreePage, cell: number, page: number): void {
    const content = view.ok[cell] === 1 ? this.#pages.content(view, cell, this.#shape) : null;
    const found = content && { rowid: null, values: content.values, page, root: this.#root, odd: content.odd };
    if (found && content.misfit === null) {
      this.#gaps.row(found.values);
      this.#sink.row(found);
      return;
    }
    this.brokenCells++;
    this.#gaps.add(page, true);
    if (found && content.misfit !== null) this.#sink.doubtful(found, content.misfit);
  }
}

function openPage(pages: Pages, page: number, depth: number): BTreePage | null {
  const { map } = pages;
  const type = map.isOpen(page) ? map.type(page) : 0;
  if (type === 0 && map.isOpen(page)) map.miss(page);
  return (type === INDEX_LEAF || type === INDEX_INTERIOR) && depth < DEEPEST ? pages.view(page, depth) : null;
}

/**
 * Notes the pages of an index, which is made anew. False where some of it cannot be reached.
 *
 * @param onPage is shown each of them
 */
export function claimIndex(pages: Pages, page: number, onPage?: (view: BTreePage) => void, depth = 0): boolean {
  const { map } = pages;
  if (map.isOpen(page) && map.type(page) === INDEX_LEAF) {
    map.claim(page);
    const leaf = onPage && pages.view(page, depth);
    if (leaf) onPage(leaf);
    return true;
  }
  const view = openPage(pages, page, depth);
  if (!view?.interior) return false;
  map.claim(page);
  onPage?.(view);
  let whole = true;
  for (let cell = 0; cell < view.count; cell++) {
    if (view.ok[cell] === 0 || !claimIndex(pages, view.child[cell] as number, onPage, depth + 1)) whole = false;
  }
  return claimIndex(pages, view.right, onPage, depth + 1) && whole;
}
