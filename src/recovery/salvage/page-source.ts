/**
 * The pages of a database by their numbers, as its file and its log together have them:
 * https://sqlite.org/fileformat2.html#pages. Memory does not grow with the file.
 */
import { fs } from "../../platform/builtins.ts";
import { ReadAhead, readAt } from "./read-ahead.ts";
import type { Log } from "./wal.ts";

const { closeSync, fstatSync, openSync } = fs;

const CHUNK = 1 << 18;
/** SQLite locks bytes from here on, and keeps nothing on their page: https://sqlite.org/fileformat2.html#the_lock_byte_page. */
const LOCK_BYTE = 0x40000000;

/** A page of this file, or of another with pages of the same size. */
export interface Elsewhere {
  readonly source: PageSource;
  readonly page: number;
}

export class PageSource {
  readonly path: string;
  readonly pageSize: number;
  readonly pages: number;
  readonly lockPage: number;
  readonly #file: number;
  readonly #ahead: ReadAhead;
  #elsewhere: ReadonlyMap<number, Elsewhere> = new Map();
  readonly #log: { readonly fd: number; readonly at: ReadonlyMap<number, number> } | null;

  constructor(path: string, pageSize: number, log: Log | null) {
    this.path = path;
    this.pageSize = pageSize;
    this.lockPage = Math.floor(LOCK_BYTE / pageSize) + 1;
    this.#file = openSync(path, "r");
    this.#ahead = new ReadAhead(this.#file, pageSize);
    this.#log = log && { fd: openSync(log.path, "r"), at: log.at };
    // A page that is cut short cannot be told from one that is whole.
    const inFile = Math.floor(fstatSync(this.#file).size / pageSize);
    let last = inFile;
    for (const page of log?.at.keys() ?? []) last = Math.max(last, page);
    // What a log that was never damaged says is true; a file alone may have been cut.
    this.pages = log ? Math.min(last, log.pages) : inFile;
  }

  has(page: number): boolean {
    return page >= 1 && page <= this.pages;
  }

  /** From now on these pages are read there. */
  replace(pages: ReadonlyMap<number, Elsewhere>): void {
    this.#elsewhere = pages;
  }

  /** False where the page cannot be read. */
  read(page: number, into: Buffer): boolean {
    const there = this.#elsewhere.get(page);
    return there ? there.source.#readStored(there.page, into) : this.#readStored(page, into);
  }

  #readStored(page: number, into: Buffer): boolean {
    if (!this.has(page)) return false;
    const logged = this.#log?.at.get(page);
    if (this.#log && logged !== undefined) return readAt(this.#log.fd, into, logged);
    return this.#ahead.read(page, into);
  }

  /** All pages in their order; `bytes` is overwritten with the next. */
  *stream(): Generator<{ readonly page: number; readonly bytes: Buffer }> {
    const { pageSize } = this;
    const chunk = Buffer.allocUnsafe(Math.max(CHUNK, pageSize));
    const single = Buffer.allocUnsafe(pageSize);
    const perChunk = chunk.length / pageSize;
    for (let first = 1; first <= this.pages; first += perChunk) {
      const whole = readAt(this.#file, chunk, (first - 1) * pageSize);
      for (let page = first; page < first + perChunk && page <= this.pages; page++) {
        const at = (page - first) * pageSize;
        const apart = !whole || this.#log?.at.has(page) || this.#elsewhere.has(page);
        if (apart && !this.read(page, single)) single.fill(0);
        yield { page, bytes: apart ? single : chunk.subarray(at, at + pageSize) };
      }
    }
  }

  close(): void {
    closeSync(this.#file);
    if (this.#log) closeSync(this.#log.fd);
  }
}
