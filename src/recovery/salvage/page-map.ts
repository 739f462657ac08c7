/**
 * What is known of each page, in one byte a page: its kind, as far as its first bytes tell, and what became of it.
 * https://sqlite.org/fileformat2.html#pages
 */
import { BTreePage, INDEX_INTERIOR, INDEX_LEAF, isInterior, TABLE_INTERIOR, TABLE_LEAF } from "./b-tree-page.ts";
import type { PageSource } from "./page-source.ts";

export const OTHER = 0;
export const FREE = 5;
export const MAPS = 6;
const KIND = 0x07;
/** Some row or tree has this page. */
const CLAIMED = 0x08;
/** An interior page that is sound names it as a child. */
const CHILD = 0x10;
const ZERO = 0x20;
/** Something leads to it that cannot be read from it. */
const MISSED = 0x40;

const KINDS: Readonly<Record<number, number>> = {
  [TABLE_LEAF]: 1,
  [TABLE_INTERIOR]: 2,
  [INDEX_LEAF]: 3,
  [INDEX_INTERIOR]: 4,
};
const TYPES = [0, TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR, 0, 0, 0];

export class PageMap {
  readonly pages: number;
  readonly #states: Uint8Array;

  constructor(pages: number) {
    this.pages = pages;
    this.#states = new Uint8Array(pages + 1);
  }

  #state(page: number): number {
    return this.#states[page] ?? 0;
  }

  /** The type of a page of a tree, 0 of another. */
  type(page: number): number {
    return TYPES[this.#state(page) & KIND] as number;
  }

  is(page: number, kind: typeof OTHER | typeof FREE | typeof MAPS): boolean {
    return (this.#state(page) & KIND) === kind;
  }

  set(page: number, kind: number): void {
    if (page >= 1 && page <= this.pages) this.#states[page] = (this.#state(page) & ~KIND) | kind;
  }

  claimed(page: number): boolean {
    return (this.#state(page) & CLAIMED) !== 0;
  }

  claim(page: number): void {
    this.#mark(page, CLAIMED);
  }

  release(page: number): void {
    this.#states[page] = this.#state(page) & ~CLAIMED;
  }

  isChild(page: number): boolean {
    return (this.#state(page) & CHILD) !== 0;
  }

  /** There, and nobody's yet. */
  isOpen(page: number): boolean {
    return page >= 1 && page <= this.pages && !this.claimed(page);
  }

  miss(page: number): void {
    this.#mark(page, MISSED);
  }

  #mark(page: number, flag: number): void {
    if (page >= 1 && page <= this.pages) this.#states[page] = this.#state(page) | flag;
  }

  /** Looks at every page once, in order. Free pages and those that map others have been set by then. */
  survey(source: PageSource, usable: number, onPage: (page: number) => void): void {
    const view = new BTreePage(source.pageSize, usable);
    for (const { page, bytes } of source.stream()) {
      onPage(page);
      if (page === source.lockPage) this.set(page, MAPS);
      if (!this.is(page, OTHER)) continue;
      const type = bytes[page === 1 ? 100 : 0] as number;
      const kind = KINDS[type];
      if (kind === undefined) {
        if (type === 0 && isZero(bytes)) this.#mark(page, ZERO);
        continue;
      }
      this.set(page, kind);
      if (!isInterior(type)) continue;
      bytes.copy(view.bytes);
      view.parse(page);
      if (!view.sound) continue;
      for (let cell = 0; cell < view.count; cell++) this.#mark(view.child[cell] as number, CHILD);
      this.#mark(view.right, CHILD);
    }
  }

  /** Pages that lead nowhere though something leads to them, and those that were overwritten with zeros. */
  *unreadable(): Generator<number> {
    for (let page = 1; page <= this.pages; page++) {
      const state = this.#state(page);
      if ((state & CLAIMED) === 0 && (state & KIND) !== FREE && (state & (ZERO | MISSED)) !== 0) yield page;
    }
  }

  /** Pages of trees that nothing has claimed. */
  *orphans(wanted: (type: number, page: number) => boolean): Generator<number> {
    for (let page = 1; page <= this.pages; page++) {
      const type = this.type(page);
      if (type !== 0 && !this.claimed(page) && wanted(type, page)) yield page;
    }
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}

const ZEROS = Buffer.alloc(65536);
