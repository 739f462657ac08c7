/** Many rowids in eight bytes each, where a `Set` would take five times as many. */
import type { Rowid } from "./varint.ts";

export interface Rowids {
  readonly size: number;
  has(rowid: Rowid): boolean;
}

export class RowidSet implements Rowids {
  #numbers: Float64Array = new Float64Array(1024);
  #count = 0;
  #sorted = true;
  /** Those that no number is exact for. */
  readonly #others = new Set<bigint>();

  get size(): number {
    this.#sort();
    return this.#count + this.#others.size;
  }

  /** How many were added, one that was added twice counted twice. */
  get added(): number {
    return this.#count + this.#others.size;
  }

  add(rowid: Rowid): void {
    if (typeof rowid === "bigint") {
      this.#others.add(rowid);
      return;
    }
    if (this.#count === this.#numbers.length) {
      const larger = new Float64Array(2 * this.#count);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#count++] = rowid;
    this.#sorted = false;
  }

  has(rowid: Rowid): boolean {
    if (typeof rowid === "bigint") return this.#others.has(rowid);
    this.#sort();
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#numbers[middle] as number) < rowid) low = middle + 1;
      else high = middle;
    }
    return low < this.#count && this.#numbers[low] === rowid;
  }

  /** In order, each once. */
  #sort(): void {
    if (this.#sorted) return;
    const numbers = this.#numbers.subarray(0, this.#count).sort();
    let kept = 0;
    for (let at = 0; at < numbers.length; at++) {
      if (at === 0 || numbers[at] !== numbers[kept - 1]) numbers[kept++] = numbers[at] as number;
    }
    this.#count = kept;
    this.#sorted = true;
  }
}
