/**
 * Payloads that go on beyond their page: https://sqlite.org/fileformat2.html#cell_payload_overflow_pages. A chain
 * is as long as the payload says, each of its pages has one owner, and the last names no other.
 */
import type { BTreePage } from "./b-tree-page.ts";
import type { PageMap } from "./page-map.ts";
import type { PageSource } from "./page-source.ts";

/** Of so many bytes at least, a single one that is not zero makes no difference. */
const LEAST_ZEROS = 64;
/** So many bytes before a page of zeros must be zero too, if the zeros are to be the value's own. */
const BEFORE_ZEROS = 16;

export interface Payload {
  readonly bytes: Buffer;
  readonly at: number;
  /** One of its pages is the next of another's as well, and nobody can tell whose it is. */
  readonly contested: boolean;
}

export class PayloadReader {
  readonly #source: PageSource;
  readonly #map: PageMap;
  readonly #usable: number;
  readonly #page: Buffer;
  readonly #chain: number[] = [];
  #whole: Buffer = Buffer.alloc(1 << 16);

  constructor(source: PageSource, map: PageMap, usable: number) {
    this.#source = source;
    this.#map = map;
    this.#usable = usable;
    this.#page = Buffer.alloc(source.pageSize);
  }

  /**
   * The payload of a cell in one piece, until the next is asked for; its pages have their owner then, if nobody else may
   * be. Null where a page of its chain is damaged, which is noted in the map.
   *
   * @param freed whether its pages are free: those of a deleted row are
   */
  read(view: BTreePage, cell: number, freed = false): Payload | null {
    const local = view.local[cell] as number;
    const size = view.payloadSize[cell] as number;
    const at = view.payloadAt[cell] as number;
    if (size === local) return { bytes: view.bytes, at, contested: false };
    if (size > local + this.#source.pages * (this.#usable - 4)) return null;
    this.#chain.length = 0;
    const whole = this.#follow(view, cell, freed);
    if (!whole || whole.contested) for (const page of this.#chain) this.#map.release(page);
    return whole;
  }

  #follow(view: BTreePage, cell: number, freed: boolean): Payload | null {
    const local = view.local[cell] as number;
    const size = view.payloadSize[cell] as number;
    const at = view.payloadAt[cell] as number;
    let done = local;
    let contested = false;
    this.#reserve(done);
    view.bytes.copy(this.#whole, 0, at, at + local);
    for (let page = view.overflowOf(cell); done < size; page = this.#page.readUInt32BE(0)) {
      const take = Math.min(this.#usable - 4, size - done);
      const isNext = this.#isNext(page, freed);
      if (!isNext || !this.#source.read(page, this.#page) || this.#wasZeroed(take, done)) {
        this.#map.miss(page);
        return null;
      }
      contested ||= this.#map.predecessors(page) > Math.min(1, this.#chain.length);
      this.#map.claim(page);
      this.#chain.push(page);
      this.#reserve(done + take);
      this.#page.copy(this.#whole, done, 4, 4 + take);
      done += take;
    }
    if (this.#page.readUInt32BE(0) !== 0) return null;
    return { bytes: this.#whole.subarray(0, size), at: 0, contested };
  }

  #isNext(page: number, freed: boolean): boolean {
    const map = this.#map;
    return page >= 2 && map.isOpen(page) && map.isOther(page) && map.isFree(page) === freed;
  }

  /** A last page that is all zero looks as if it were whole; but values seldom end in zeros right at a page. */
  #wasZeroed(take: number, done: number): boolean {
    if (this.#page.readUInt32BE(0) !== 0) return false;
    const from = Math.max(0, done - BEFORE_ZEROS);
    const most = take < LEAST_ZEROS ? 0 : 1;
    return !hasContent(this.#page, 0, 4 + take, most) && hasContent(this.#whole, from, done, 0);
  }

  #reserve(size: number): void {
    if (size <= this.#whole.length) return;
    const larger = Buffer.alloc(Math.max(size, 2 * this.#whole.length));
    this.#whole.copy(larger);
    this.#whole = larger;
  }
}

/** Whether more than `most` bytes are not zero. */
function hasContent(bytes: Buffer, from: number, to: number, most: number): boolean {
  let others = 0;
  for (let at = from; at < to && others <= most; at++) if (bytes[at] !== 0) others++;
  return others > most;
}
