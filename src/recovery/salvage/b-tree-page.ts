/**
 * A page of a b-tree, read with distrust: https://sqlite.org/fileformat2.html#b_tree_pages. A page is sound when its
 * cells, its free blocks and its fragments together fill its content area to the byte, which SQLite's own integrity
 * check asks for too; of one that is not, each cell is taken for itself.
 */
import { RecordReader } from "./record.ts";
import { type Rowid, rowidVarint, smallVarint, varintLength } from "./varint.ts";

export const TABLE_LEAF = 13;
export const TABLE_INTERIOR = 5;
export const INDEX_LEAF = 10;
export const INDEX_INTERIOR = 2;

const TYPES: readonly number[] = [TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR];

export function isTree(type: number): boolean {
  return TYPES.includes(type);
}

function isOneBit(bits: number): boolean {
  return bits !== 0 && (bits & (bits - 1)) === 0;
}

function pointersAt(head: number, type: number): number {
  return head + (isInterior(type) ? 12 : 8);
}

export function isInterior(type: number): boolean {
  return type === TABLE_INTERIOR || type === INDEX_INTERIOR;
}

/** Bytes of the number with which a cell of an interior page begins. */
export const CHILD_SIZE = 4;

const LEAST_CELL = 4;
const MOST_FRAGMENTS = 60;
const HEADER = 100;
/** Half the least that a disk has, so that each lost one covers two. */
const SECTOR = 256;
const LEAST_ZEROS = 64;
const ZEROS = Buffer.alloc(SECTOR);

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
  /** 1 for each byte of the content area that has its use. */
  readonly #taken: Uint8Array;
  /** For their heads only. */
  readonly #records = new RecordReader("utf8");

  constructor(pageSize: number, usable: number) {
    const most = Math.ceil(pageSize / 2);
    this.bytes = Buffer.alloc(pageSize);
    this.usable = usable;
    this.#taken = new Uint8Array(pageSize);
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
    const told = this.bytes[head] as number;
    const count = this.bytes.readUInt16BE(head + 3);
    if (isTree(told) && this.#take(head, told, count)) return true;
    // One bit of the type would hide all of the page.
    for (const type of TYPES) if (count > 0 && isOneBit(type ^ told) && this.#take(head, type, count)) return true;
    // One bit of the number of cells would hide rows, or bring back those that were deleted.
    for (let bit = 1; isTree(told) && bit <= 0x4000; bit <<= 1) if (this.#take(head, told, count ^ bit)) return true;
    this.type = told;
    this.count = 0;
    this.sound = false;
    if (!isTree(told)) return false;
    this.#take(head, told, Math.min(count, Math.floor((this.usable - pointersAt(head, told)) / 2)));
    this.#dropZeroed(head);
    this.#dropContradicting();
    this.#dropOverlapping();
    return true;
  }

  /** @returns whether the page is sound as one of that type, and with so many cells */
  #take(head: number, type: number, count: number): boolean {
    this.type = type;
    this.right = this.interior ? this.bytes.readUInt32BE(head + 8) : 0;
    this.sound = this.#takeCells(head, pointersAt(head, type), count);
    return this.sound;
  }

  /** A disk loses sectors, not pages: where cells begin among zeros, others that reach there are not what they were. */
  #dropZeroed(head: number): void {
    const content = this.bytes.readUInt16BE(head + 5) || 65536;
    const zeroed: [number, number][] = [];
    for (let sector = 0; sector < this.usable; sector += SECTOR) {
      const to = Math.min(sector + SECTOR, this.usable);
      const from = Math.max(sector, content);
      const isLost = to - from >= LEAST_ZEROS && this.bytes.subarray(from, to).equals(ZEROS.subarray(0, to - from));
      if (isLost) zeroed.push([from, to]);
    }
    const cells = [...Array(this.count).keys()];
    const start = (cell: number) => this.start[cell] as number;
    if (!cells.some((cell) => zeroed.some(([from, to]) => start(cell) >= from && start(cell) < to))) return;
    for (const cell of cells) {
      if (zeroed.some(([from, to]) => start(cell) < to && (this.end[cell] as number) > from)) this.ok[cell] = 0;
    }
  }

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
    if (!sound) return false;
    this.#taken.fill(0);
    filled += this.#freeBlocks(bytes.readUInt16BE(head + 1));
    return filled === this.usable - content && this.#isApart();
  }

  /** Whether no cell lies on another, or on a free block. */
  #isApart(): boolean {
    for (let cell = 0; cell < this.count; cell++) {
      const from = this.start[cell] as number;
      const to = this.end[cell] as number;
      if (this.#taken.subarray(from, to).includes(1)) return false;
      this.#taken.fill(1, from, to);
    }
    return true;
  }

  /** How many bytes they have; none that can be if their list is damaged. */
  #freeBlocks(first: number): number {
    let sum = 0;
    for (let at = first; at !== 0; ) {
      if (at + 4 > this.usable) return Number.NaN;
      const next = this.bytes.readUInt16BE(at);
      const size = this.bytes.readUInt16BE(at + 2);
      if (size < 4 || at + size > this.usable || (next !== 0 && next < at + size)) return Number.NaN;
      sum += size;
      this.#taken.fill(1, at, at + size);
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
      if (at + CHILD_SIZE > usable) return false;
      this.child[cell] = bytes.readUInt32BE(at);
      at += CHILD_SIZE;
    }
    if (this.type !== TABLE_INTERIOR) {
      const length = varintLength(bytes, at, usable);
      this.payloadSize[cell] = smallVarint(bytes, at, length);
      // No record is empty.
      if (length === 0 || this.payloadSize[cell] === 0) return false;
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

  /** Cells that are longer or shorter than what they hold. */
  #dropContradicting(): void {
    if (this.type === TABLE_INTERIOR) return;
    for (let cell = 0; cell < this.count; cell++) {
      const at = this.payloadAt[cell] as number;
      const end = at + (this.local[cell] as number);
      const size = this.payloadSize[cell] as number;
      const holds =
        this.ok[cell] === 1 &&
        (this.#records.parse(this.bytes, at, size, end) || this.#records.headerExceeds(this.bytes, at, size, end));
      if (!holds) this.ok[cell] = 0;
    }
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
