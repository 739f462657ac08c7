/**
 * The parts of a table that cannot be read, as ranges of its keys: what a backup may fill, and where an orphan page of
 * it may belong. For a table WITHOUT ROWID they are known by the rows beside them only.
 */
import type { Row, Value } from "../values.ts";
import { firstBeyond } from "./first-beyond.ts";
import { beside, type Rowid } from "./varint.ts";

/** Keys above `after` up to `upTo`, that one included for rowids; null is the end of the table. */
export interface Gap {
  readonly after: Row | null;
  readonly upTo: Row | null;
  /** Pages that are named in its place and cannot be read. */
  readonly pages: readonly number[];
  /** All of it stood on those pages: no row in it can have been deleted before. False where more may belong to it. */
  readonly exact: boolean;
}

export const LOWEST: number = Number.NEGATIVE_INFINITY;
export const HIGHEST: number = Number.POSITIVE_INFINITY;
const PAGES_KEPT = 1000;

interface Range {
  after: Rowid;
  upTo: Rowid;
  pages: number[];
  exact: boolean;
}

function note({ pages }: Range, more: readonly number[]): void {
  if (pages.length < PAGES_KEPT) pages.push(...more.filter((page) => !pages.includes(page)));
}

/** Of a table with rowids. */
export class RowidGaps {
  /** Apart from each other, in order. */
  readonly #ranges: Range[] = [];

  get any(): boolean {
    return this.#ranges.length > 0;
  }

  clear(): void {
    this.#ranges.length = 0;
  }

  /** In any order; what adjoins becomes one, and what is in one already adds nothing but its page. */
  add(after: Rowid, upTo: Rowid, page: number | null, exact: boolean): void {
    if (after >= upTo) return;
    const pages = page === null ? [] : [page];
    const at = this.#indexOf(after);
    const range = this.#ranges[at];
    const isBefore = range !== undefined && range.after <= after;
    if (isBefore && range.upTo >= upTo) {
      note(range, pages);
      return;
    }
    // The first that begins behind it, and what of it lies before that one.
    const next = this.#ranges[isBefore ? at + 1 : at];
    const end = next && next.after < upTo ? next.after : upTo;
    if (isBefore && range.exact === exact) {
      range.upTo = end;
      note(range, pages);
    } else {
      const from = isBefore ? range.upTo : after;
      if (from < end) this.#ranges.splice(isBefore ? at + 1 : at, 0, { after: from, upTo: end, pages, exact });
    }
    if (next && next.upTo < upTo) this.add(next.upTo, upTo, page, exact);
  }

  /** The range that has all these rowids. */
  find(first: Rowid, last: Rowid): Readonly<Range> | null {
    const range = this.#ranges[this.#indexOf(first)];
    return range && range.after < first && last <= range.upTo ? range : null;
  }

  /** Rows were found in the place of these. False where no range has all of them. */
  fill(first: Rowid, last: Rowid): boolean {
    const at = this.#indexOf(first);
    const range = this.#ranges[at];
    if (!range || range.after >= first || range.upTo < last) return false;
    // What led to these rows was no leaf, and so more may have stood beneath it.
    const parts = [
      { ...range, upTo: beside(first, -1), exact: false },
      { ...range, after: last, pages: [...range.pages], exact: false },
    ].filter(({ after, upTo }) => after < upTo);
    this.#ranges.splice(at, 1, ...parts);
    return true;
  }

  #indexOf(rowid: Rowid): number {
    return firstBeyond(this.#ranges.length, (at) => (this.#ranges[at] as Range).upTo < rowid);
  }

  /** Brings in the ranges of another part of the table. */
  addAll(others: RowidGaps): void {
    for (const { after, upTo, pages, exact } of others.#ranges) {
      this.add(after, upTo, null, exact);
      this.#ranges[this.#indexOf(upTo)]?.pages.push(...pages);
    }
  }

  list(): Gap[] {
    const key = (rowid: Rowid): Row | null => (Math.abs(Number(rowid)) === HIGHEST ? null : [BigInt(rowid)]);
    return this.#ranges.map(({ after, upTo, ...rest }) => ({ after: key(after), upTo: key(upTo), ...rest }));
  }

  /**
   * How many rows can be missing at most; null where a range has no end.
   *
   * @param above the table has no rowids up to this one
   * @param upTo the table has no rowids beyond this one
   */
  most(above: Rowid = LOWEST, upTo: Rowid = HIGHEST): bigint | null {
    let sum = 0n;
    for (const range of this.#ranges) {
      const after = range.after === LOWEST ? above : range.after;
      const last = range.upTo === HIGHEST ? upTo : range.upTo;
      if (after === LOWEST || last === HIGHEST) return null;
      if (last > after) sum += BigInt(last) - BigInt(after);
    }
    return sum;
  }
}

/** Of a table WITHOUT ROWID, whose rows are read in the order of their keys. */
export class KeyGaps {
  readonly #keyFields: number;
  readonly #gaps: { after: Row | null; upTo: Row | null; pages: number[]; exact: boolean }[] = [];
  #last: Row | null = null;
  #open = false;

  constructor(keyFields: number) {
    this.#keyFields = keyFields;
  }

  get any(): boolean {
    return this.#gaps.length > 0;
  }

  row(values: readonly Value[]): void {
    // The bytes of a BLOB are the page's, which goes.
    const key = values.slice(0, this.#keyFields).map((value) => (Buffer.isBuffer(value) ? Buffer.from(value) : value));
    const open = this.#open ? this.#gaps.at(-1) : undefined;
    if (open) open.upTo = key;
    this.#open = false;
    this.#last = key;
  }

  add(page: number | null, exact: boolean): void {
    const open = this.#open ? this.#gaps.at(-1) : undefined;
    const pages = page === null ? [] : [page];
    if (!open) this.#gaps.push({ after: this.#last, upTo: null, pages, exact });
    else if (open.pages.length < PAGES_KEPT) open.pages.push(...pages);
    this.#open = true;
  }

  list(): Gap[] {
    return [...this.#gaps];
  }
}
