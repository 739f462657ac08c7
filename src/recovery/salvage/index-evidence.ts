/**
 * An index has the rowid of every row of its table: https://sqlite.org/fileformat2.html#representation_of_sql_indices.
 * Where a part of the table cannot be read and the index can, that tells which rows stood there, and which were deleted;
 * and of an index that is damaged itself, the parts that can be read tell it of theirs.
 */
import type { Row } from "../values.ts";
import { type BTreePage, INDEX_INTERIOR, INDEX_LEAF } from "./b-tree-page.ts";
import { firstBeyond } from "./first-beyond.ts";
import type { RowidGaps } from "./gaps.ts";
import { type KeyOrder, keyOrder } from "./key-order.ts";
import type { KeyedRow } from "./key-range.ts";
import { DEEPEST, type Pages } from "./pages.ts";
import { RowidSet, type Rowids } from "./rowid-set.ts";
import type { KnownIndex } from "./skeleton.ts";
import { exact, type Rowid } from "./varint.ts";

/** More are not kept in memory. */
const MOST_ROWIDS = 200_000;

/** Entries between two others, which do not belong to it; null is the end of the index. */
interface Between {
  readonly after: Row | null;
  readonly before: Row | null;
}

/** Of a row that a backup has: it was there when the damage came, or had been deleted, as far as an index can tell. */
export type Fate = "lost" | "deleted" | "unknown";

export interface IndexEvidence {
  /** Those in the gaps of the table. */
  readonly rowids: Rowids;
  /** All of the index can be read. */
  readonly whole: boolean;
  /** What became of a row that would stand in a gap of the table. */
  fateOf(row: KeyedRow): Fate;
}

/** @returns null where the index does not tell all rows of a table with rowids, or there are too many */
export function readIndex(pages: Pages, index: KnownIndex, gaps: RowidGaps): IndexEvidence | null {
  if (index.partial || !index.endsInRowid) return null;
  const reader = new IndexReader(pages, index, gaps);
  reader.read(index.entry.root, { after: null, before: null });
  return reader.tooMany ? null : reader;
}

class IndexReader implements IndexEvidence {
  readonly rowids: RowidSet = new RowidSet();
  readonly #pages: Pages;
  readonly #index: KnownIndex;
  readonly #gaps: RowidGaps;
  /** Null where it is not known: then an index that is damaged tells nothing of what it lacks. */
  readonly #order: KeyOrder | null;
  /** What cannot be read, in the order of the index. */
  readonly #missing: Between[] = [];

  constructor(pages: Pages, index: KnownIndex, gaps: RowidGaps) {
    this.#pages = pages;
    this.#index = index;
    this.#gaps = gaps;
    this.#order = index.keys && keyOrder(index.keys, pages.records.encoding);
  }

  get whole(): boolean {
    return this.#missing.length === 0;
  }

  get tooMany(): boolean {
    return this.rowids.added > MOST_ROWIDS;
  }

  read(page: number, between: Between, depth = 0): void {
    const view = this.#view(page, depth);
    const rowids = view && this.#rowidsOf(view);
    const keys = view && this.#keysOf(view, between);
    if (!view || !rowids || !keys || this.tooMany) {
      this.#missing.push(between);
      return;
    }
    for (const rowid of rowids) if (this.#gaps.find(rowid, rowid)) this.rowids.add(rowid);
    if (!view.interior) return;
    for (let cell = 0; cell <= view.count; cell++) {
      const child = cell < view.count ? (view.child[cell] as number) : view.right;
      const range = { after: keys[cell - 1] ?? between.after, before: keys[cell] ?? between.before };
      this.read(child, range, depth + 1);
    }
  }

  #view(page: number, depth: number): BTreePage | null {
    const { map } = this.#pages;
    const type = map.type(page);
    const isIndex = (type === INDEX_LEAF || type === INDEX_INTERIOR) && depth < DEEPEST && !map.isFree(page);
    const view = isIndex ? this.#pages.view(page, depth) : null;
    return view?.sound ? view : null;
  }

  #rowidsOf(view: BTreePage): Rowid[] | null {
    const rowids: Rowid[] = [];
    for (let cell = 0; cell < view.count; cell++) {
      const rowid = view.ok[cell] === 1 ? this.#pages.lastInteger(view, cell, this.#index.fields) : null;
      if (rowid === null) return null;
      rowids.push(rowid);
    }
    return rowids;
  }

  /**
   * The keys of an interior page; of a leaf only those at its ends are looked at.
   *
   * @returns null where they are not in order, or not in their place: then it is another's page, or something else led here
   */
  #keysOf(view: BTreePage, { after, before }: Between): Row[] | null {
    const order = this.#order;
    if (!order) return [];
    const cells = [...Array(view.count).keys()].filter(
      (cell) => view.interior || cell === 0 || cell === view.count - 1,
    );
    const keys: Row[] = [];
    for (const cell of cells) {
      const key = this.#pages.peek(view, cell)?.values;
      if (!key) return null;
      keys.push(key);
    }
    const all = [...(after ? [after] : []), ...keys, ...(before ? [before] : [])];
    return all.every((key, at) => at === 0 || order(all[at - 1] as Row, key) < 0) ? keys : null;
  }

  fateOf({ rowid, values }: KeyedRow): Fate {
    if (this.rowids.has(exact(BigInt(rowid as Rowid)))) return "lost";
    if (this.whole) return "deleted";
    const { keys } = this.#index;
    const order = this.#order;
    if (!keys || !order) return "unknown";
    const key = [...keys.map(({ place }) => values[place] ?? null), rowid];
    const place = firstBeyond(this.#missing.length, (at) => {
      const { before } = this.#missing[at] as Between;
      return before !== null && order(before, key) <= 0;
    });
    const next = this.#missing[place];
    return next && (!next.after || order(next.after, key) < 0) ? "unknown" : "deleted";
  }
}
