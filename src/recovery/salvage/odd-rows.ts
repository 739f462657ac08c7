/**
 * Rows with text that is no text in the database's encoding, or has many NULs. Old programs write such text, and then
 * many rows have it; where hardly any row has, and other pages are damaged in part, it is damage.
 */
import type { Found } from "./pages.ts";

const MOST_HELD = 100;
const LEAST_USUAL = 3;
const USUAL_SHARE = 0.005;

interface Held {
  readonly found: Found;
  readonly inTree: boolean;
}

export class OddRows {
  readonly #accept: (found: Found, inTree: boolean) => void;
  readonly #refuse: (found: Found) => void;
  #held: Held[] = [];
  #odd = 0;
  #all = 0;

  constructor(accept: (found: Found, inTree: boolean) => void, refuse: (found: Found) => void) {
    this.#accept = accept;
    this.#refuse = refuse;
  }

  /** One more row of the table, whatever its text. */
  count(): void {
    this.#all++;
  }

  hold(found: Found, inTree: boolean): void {
    this.#odd++;
    // Its bytes are the page's, which goes.
    const values = found.values.map((value) => (Buffer.isBuffer(value) ? Buffer.from(value) : value));
    this.#held.push({ found: { ...found, values }, inTree });
    if (this.#held.length >= MOST_HELD) this.settle(true);
  }

  settle(partlyDamaged: boolean): void {
    const usual = this.#odd >= LEAST_USUAL && this.#odd >= USUAL_SHARE * this.#all;
    const held = this.#held;
    this.#held = [];
    for (const { found, inTree } of held) {
      if (usual || !partlyDamaged) this.#accept(found, inTree);
      else this.#refuse(found);
    }
  }
}
