/** A damaged database that is being read: its pages, what is known of them, and the buffers to read them with. */
import type { Row, Value } from "../values.ts";
import { BTreePage } from "./b-tree-page.ts";
import { PageMap } from "./page-map.ts";
import type { PageSource } from "./page-source.ts";
import { PayloadReader } from "./payload.ts";
import { type Encoding, RecordReader } from "./record.ts";
import { misfitOf, type Shape } from "./shape.ts";
import type { Rowid } from "./varint.ts";

/** Trees of SQLite's are far less deep, whatever their size. */
export const DEEPEST = 40;

export interface Found {
  /** Null for a row of a tree without rowids. */
  readonly rowid: Rowid | null;
  /** Good until the next row is read. */
  readonly values: Row;
  readonly page: number;
  /** The page that the tree begins with. */
  readonly root: number;
  /** See RecordReader. */
  readonly odd: boolean;
}

/** Where rows go as they are found. */
export interface RowSink {
  row(found: Found): void;
  /** It can be read, but something speaks against it. */
  doubtful(found: Found, reason: string): void;
}

/** What a cell holds: its values, or why there are none that can be believed. */
export type Content = { readonly values: Value[]; readonly misfit: string | null; readonly odd: boolean } | null;

export class Pages {
  readonly source: PageSource;
  readonly map: PageMap;
  readonly usable: number;
  readonly records: RecordReader;
  /** How many pages have rows and are damaged in part. */
  partlyDamaged = 0;
  readonly #payloads: PayloadReader;
  readonly #views: BTreePage[] = [];

  constructor(source: PageSource, reserved: number, encoding: Encoding) {
    this.source = source;
    this.usable = source.pageSize - reserved;
    this.map = new PageMap(source.pages);
    this.records = new RecordReader(encoding);
    this.#payloads = new PayloadReader(source, this.map, this.usable);
  }

  /** The page, parsed, until another is read at the same depth; null where it is none of a tree. */
  view(page: number, depth: number): BTreePage | null {
    let view = this.#views[depth];
    if (!view) {
      view = new BTreePage(this.source.pageSize, this.usable);
      this.#views[depth] = view;
    }
    return this.source.read(page, view.bytes) && view.parse(page) ? view : null;
  }

  content(view: BTreePage, cell: number, shape: Shape | null, freed = false): Content {
    const size = view.payloadSize[cell] as number;
    const local = view.local[cell] as number;
    // A header that contradicts its own size need not be followed over other pages.
    if (size > local && !this.#startsWell(view, cell)) return null;
    const payload = this.#payloads.read(view, cell, freed);
    if (!payload || !this.records.parse(payload.bytes, payload.at, size)) return null;
    const values = this.records.values(payload.bytes, shape?.plain);
    if (!values) return null;
    const misfit = payload.contested
      ? "a page that it goes on to is another's as well"
      : shape && misfitOf(shape, this.records.types, this.records.count);
    return { values, misfit, odd: this.records.odd };
  }

  #startsWell(view: BTreePage, cell: number): boolean {
    const at = view.payloadAt[cell] as number;
    const end = at + (view.local[cell] as number);
    const size = view.payloadSize[cell] as number;
    return this.records.parse(view.bytes, at, size, end) || this.records.headerExceeds(view.bytes, at, size, end);
  }

  /** What the cell looks like, without following it over other pages; its values may be kept. */
  peek(view: BTreePage, cell: number): { readonly types: readonly number[]; readonly values: Row | null } | null {
    const at = view.payloadAt[cell] as number;
    const size = view.payloadSize[cell] as number;
    const local = view.local[cell] as number;
    if (!this.records.parse(view.bytes, at, size, at + local)) return null;
    const types = this.records.types.slice(0, this.records.count);
    if (size > local) return { types, values: null };
    const values = this.records.values(view.bytes);
    return values && { types, values: values.map((value) => (Buffer.isBuffer(value) ? Buffer.from(value) : value)) };
  }

  /** The integer that ends a record of so many fields; null where it has others, or goes on beyond its page. */
  lastInteger(view: BTreePage, cell: number, fields: number): Rowid | null {
    const at = view.payloadAt[cell] as number;
    const size = view.payloadSize[cell] as number;
    if (size > (view.local[cell] as number) || !this.records.parse(view.bytes, at, size)) return null;
    return this.records.count === fields ? this.records.lastInteger(view.bytes, at + size) : null;
  }

  /** Whether the cell looks like a record of that shape; undefined where nothing can be said of it. */
  fits(view: BTreePage, cell: number, shape: Shape | null): boolean | undefined {
    const at = view.payloadAt[cell] as number;
    const end = at + (view.local[cell] as number);
    const { records } = this;
    const size = view.payloadSize[cell] as number;
    if (records.parse(view.bytes, at, size, end)) {
      return shape === null || misfitOf(shape, records.types, records.count) === null;
    }
    return records.headerExceeds(view.bytes, at, size, end) ? undefined : false;
  }

  /** Whether half of the page's cells at least look like rows of that shape and pass a further test. */
  mostFit(view: BTreePage, shape: Shape | null, test: (cell: number) => boolean): boolean {
    const { count } = view;
    const likely = (cell: number) => view.ok[cell] === 1 && this.fits(view, cell, shape) !== false && test(cell);
    // What is true of these three is true of nearly every page.
    if (count > 0 && likely(0) && likely(count >> 1) && likely(count - 1)) return true;
    let fitting = 0;
    let readable = 0;
    for (let cell = 0; cell < count; cell++) {
      if (view.ok[cell] === 0) continue;
      readable++;
      if (likely(cell)) fitting++;
    }
    return readable === 0 ? view.sound : fitting > 0 && fitting * 2 >= readable;
  }
}
