/** Many rowids, in eight bytes each. */
import { firstBeyond } from "./first-beyond.ts";
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

  /** As many at least, told without sorting: one that was added twice may count twice. */
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
    const at = firstBeyond(this.#count, (place) => (this.#numbers[place] as number) < rowid);
    return at < this.#count && this.#numbers[at] === rowid;
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
