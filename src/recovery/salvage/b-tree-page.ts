/**
 * A page of a b-tree, read with distrust: https://sqlite.org/fileformat2.html#b_tree_pages. A page is sound when its
 * cells, its free blocks and its fragments together fill its content area to the byte, which SQLite's own integrity
 * check asks for too; of one that is not, each cell is taken for itself.
 */
import { type Rowid, rowidVarint, smallVarint, varintLength } from "./varint.ts";

export const TABLE_LEAF = 13;
export const TABLE_INTERIOR = 5;
export const INDEX_LEAF = 10;
export const INDEX_INTERIOR = 2;

export function isTree(type: number): boolean {
  return type === TABLE_LEAF || type === TABLE_INTERIOR || type === INDEX_LEAF || type === INDEX_INTERIOR;
}

export function isInterior(type: number): boolean {
  return type === TABLE_INTERIOR || type === INDEX_INTERIOR;
}

const LEAST_CELL = 4;
const MOST_FRAGMENTS = 60;
const HEADER = 100;

export class BTreePage {
  readonly bytes: Buffer;
  readonly usable: number;
  type = 0;
  count = 0;
  sound = false;
  /** The last child of an interior page. */
  right = 0;
  /** Of each cell: whether it can be read, where it lies, and what it says. */
  readonly ok: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly child: Uint32Array;
  readonly payloadAt: Int32Array;
  readonly payloadSize: Float64Array;
  /** How many bytes of the payload stand on this page; the page of the rest follows them. */
  readonly local: Int32Array;
  readonly rowid: Rowid[] = [];

  constructor(pageSize: number, usable: number) {
    const most = Math.ceil(pageSize / 2);
    this.bytes = Buffer.alloc(pageSize);
    this.usable = usable;
    this.ok = new Uint8Array(most);
    this.start = new Int32Array(most);
    this.end = new Int32Array(most);
    this.child = new Uint32Array(most);
    this.payloadAt = new Int32Array(most);
    this.payloadSize = new Float64Array(most);
    this.local = new Int32Array(most);
  }

  get interior(): boolean {
    return isInterior(this.type);
  }

  overflowOf(cell: number): number {
    const at = (this.payloadAt[cell] as number) + (this.local[cell] as number);
    return (this.payloadSize[cell] as number) > (this.local[cell] as number) ? this.bytes.readUInt32BE(at) : 0;
  }

  /** Parses what stands in `bytes`. False where it is no page of a b-tree. */
  parse(page: number): boolean {
    const head = page === 1 ? HEADER : 0;
    this.type = this.bytes[head] as number;
    this.count = 0;
    this.sound = false;
    if (!isTree(this.type)) return false;
    const pointers = head + (this.interior ? 12 : 8);
    this.right = this.interior ? this.bytes.readUInt32BE(head + 8) : 0;
    const count = this.bytes.readUInt16BE(head + 3);
    if (this.#takeCells(head, pointers, count)) return true;
    // One bit of the number of cells would hide rows, or bring back those that were deleted.
    for (let bit = 1; bit <= 0x4000; bit <<= 1) if (this.#takeCells(head, pointers, count ^ bit)) return true;
    this.#takeCells(head, pointers, Math.min(count, Math.floor((this.usable - pointers) / 2)));
    this.#dropOverlapping();
    return true;
  }

  /** @returns whether the page is sound with so many cells */
  #takeCells(head: number, pointers: number, count: number): boolean {
    const first = pointers + 2 * count;
    this.count = 0;
    if (first > this.usable) return false;
    this.count = count;
    const { bytes } = this;
    const content = bytes.readUInt16BE(head + 5) || 65536;
    let filled = bytes[head + 7] as number;
    let sound = content >= first && content <= this.usable && filled <= MOST_FRAGMENTS;
    for (let cell = 0; cell < count; cell++) {
      const at = bytes.readUInt16BE(pointers + 2 * cell);
      const ok = at >= first && this.#takeCell(cell, at);
      this.ok[cell] = ok ? 1 : 0;
      if (!ok || at < content) sound = false;
      else filled += Math.max(LEAST_CELL, (this.end[cell] as number) - at);
    }
    this.sound = sound && filled + this.#freeBlocks(bytes.readUInt16BE(head + 1)) === this.usable - content;
    return this.sound;
  }

  #freeBlocks(first: number): number {
    let sum = 0;
    for (let at = first; at !== 0; ) {
      if (at + 4 > this.usable) return Number.NaN;
      const next = this.bytes.readUInt16BE(at);
      const size = this.bytes.readUInt16BE(at + 2);
      if (size < 4 || at + size > this.usable || (next !== 0 && next < at + size)) return Number.NaN;
      sum += size;
      at = next;
    }
    return sum;
  }

  #takeCell(cell: number, from: number): boolean {
    const { bytes, usable } = this;
    let at = from;
    this.start[cell] = from;
    this.payloadSize[cell] = this.local[cell] = 0;
    if (this.interior) {
      if (at + 4 > usable) return false;
      this.child[cell] = bytes.readUInt32BE(at);
      at += 4;
    }
    if (this.type !== TABLE_INTERIOR) {
      const length = varintLength(bytes, at, usable);
      this.payloadSize[cell] = smallVarint(bytes, at, length);
      if (length === 0) return false;
      at += length;
    }
    if (this.type === TABLE_LEAF || this.type === TABLE_INTERIOR) {
      const length = varintLength(bytes, at, usable);
      if (length === 0) return false;
      this.rowid[cell] = rowidVarint(bytes, at, length);
      at += length;
    }
    const size = this.payloadSize[cell] as number;
    if (size > 0x7fffffff) return false;
    const local = localPart(this.type, size, usable);
    this.payloadAt[cell] = at;
    this.local[cell] = local;
    this.end[cell] = at + local + (size > local ? 4 : 0);
    return (this.end[cell] as number) <= usable;
  }

  /** Of cells that lie on one another, only one whose end is where something else begins is believed. */
  #dropOverlapping(): void {
    const cells = [...Array(this.count).keys()].filter((cell) => this.ok[cell] === 1);
    cells.sort((a, b) => (this.start[a] as number) - (this.start[b] as number) || a - b);
    const begins = new Set([this.usable, ...cells.map((cell) => this.start[cell] as number)]);
    const fits = (cell: number) => begins.has(this.end[cell] as number);
    let last = -1;
    for (const cell of cells) {
      if (last >= 0 && (this.start[cell] as number) < (this.end[last] as number)) {
        const twin = this.start[cell] === this.start[last];
        if (!twin && !(fits(last) && !fits(cell))) this.ok[last] = 0;
        if (twin || !(fits(cell) && !fits(last))) this.ok[cell] = 0;
        if (this.ok[cell] === 0) continue;
      }
      last = cell;
    }
  }
}

/** How much of a payload stands in its cell: https://sqlite.org/fileformat2.html#cell_payload. */
function localPart(type: number, size: number, usable: number): number {
  const most = type === TABLE_LEAF ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
  if (size <= most) return size;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const wanted = least + ((size - least) % (usable - 4));
  return wanted <= most ? wanted : least;
}
