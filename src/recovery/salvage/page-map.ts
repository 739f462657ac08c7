/**
 * What is known of each page, in one byte a page: its kind, as far as its first bytes tell, and what became of it.
 * https://sqlite.org/fileformat2.html#pages
 */
import { BTreePage, INDEX_INTERIOR, INDEX_LEAF, isInterior, TABLE_INTERIOR, TABLE_LEAF } from "./b-tree-page.ts";
import type { PageSource } from "./page-source.ts";

const MAPS = 5;
/** No page of a tree, and one other such page has its number where an overflow page has the next one's; or several. */
const NEXT = 6;
const CONTESTED = 7;
const KIND = 0x07;
/** Some row or tree has this page. */
const CLAIMED = 0x08;
/** An interior page that is sound names it as a child. */
const CHILD = 0x10;
const ZERO = 0x20;
/** Something leads to it that cannot be read from it. */
const MISSED = 0x40;
/** The freelist has it, or a pointer map says so. */
const FREE = 0x80;

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
  #claims = 0;
  /** Told how many pages have been read as somebody's. */
  onClaim: (claims: number) => void = () => {};

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

  isFree(page: number): boolean {
    return (this.#state(page) & FREE) !== 0;
  }

  free(page: number): void {
    this.#mark(page, FREE);
  }

  /** Notes a page that maps others, or has no content at all. */
  setMap(page: number): void {
    if (page >= 1 && page <= this.pages) this.#states[page] = (this.#state(page) & ~KIND) | MAPS;
  }

  /** What no first byte tells: a page that payloads go on to, or a damaged one. */
  isOther(page: number): boolean {
    const kind = this.#state(page) & KIND;
    return kind === 0 || kind >= NEXT;
  }

  /** How many others say that it continues them; more than one is as good as two. */
  predecessors(page: number): number {
    return Math.max(0, (this.#state(page) & KIND) - NEXT + 1);
  }

  #continue(page: number): void {
    if (page < 2 || page > this.pages || !this.isOther(page)) return;
    const kind = this.predecessors(page) === 0 ? NEXT : CONTESTED;
    this.#states[page] = (this.#state(page) & ~KIND) | kind;
  }

  claimed(page: number): boolean {
    return (this.#state(page) & CLAIMED) !== 0;
  }

  claim(page: number): void {
    this.#mark(page, CLAIMED);
    this.onClaim(++this.#claims);
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

  /**
   * Looks at every page once, in order. Free pages and those that map others have been set by then.
   *
   * @param allFreeKnown otherwise pages that were freed would seem to continue on others
   */
  survey(source: PageSource, usable: number, allFreeKnown: boolean, onPage: (page: number) => void): void {
    const view = new BTreePage(source.pageSize, usable);
    for (const { page, bytes } of source.stream()) {
      onPage(page);
      if (page === source.lockPage) this.setMap(page);
      if (!this.isOther(page)) continue;
      const told = bytes[page === 1 ? 100 : 0] as number;
      if (told === 0 && isZero(bytes)) {
        this.#mark(page, ZERO);
        continue;
      }
      let type = told;
      // Most pages are leaves, which are read when it is known whose they are.
      if (told !== TABLE_LEAF && told !== INDEX_LEAF) {
        bytes.copy(view.bytes);
        type = view.parse(page) ? view.type : 0;
      }
      if (type === 0) {
        if (allFreeKnown && !this.isFree(page)) this.#continue(bytes.readUInt32BE(0));
        continue;
      }
      this.#states[page] = (this.#state(page) & ~KIND) | (KINDS[type] as number);
      if (!isInterior(type) || this.isFree(page) || !view.sound) continue;
      for (let cell = 0; cell < view.count; cell++) this.#mark(view.child[cell] as number, CHILD);
      this.#mark(view.right, CHILD);
    }
  }

  /** Pages that lead nowhere though something leads to them, and those that were overwritten with zeros. */
  *unreadable(): Generator<number> {
    for (let page = 1; page <= this.pages; page++) {
      const state = this.#state(page);
      if ((state & (CLAIMED | FREE)) === 0 && (state & (ZERO | MISSED)) !== 0) yield page;
    }
  }

  /** Pages of trees that are in use, and that nothing has claimed. */
  *orphans(wanted: (type: number, page: number) => boolean): Generator<number> {
    for (let page = 1; page <= this.pages; page++) {
      const type = this.type(page);
      if (type !== 0 && !this.claimed(page) && !this.isFree(page) && wanted(type, page)) yield page;
    }
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}

const ZEROS = Buffer.alloc(65536);
