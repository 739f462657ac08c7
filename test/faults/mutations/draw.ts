/** What a case draws by lot: always the same for the same name, so that it can be run again alone. */
import { numbers } from "../sample.ts";

export class Draw {
  readonly #next: () => number;

  /** @param name tells one sequence from another */
  constructor(name: string) {
    this.#next = numbers(hashOfName(name));
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error("there is nothing to pick from");
    return from[this.below(from.length)] as T;
  }

  /** Two different ones. */
  pair<T>(from: readonly T[]): [T, T] {
    const first = this.below(from.length);
    const second = (first + 1 + this.below(from.length - 1)) % from.length;
    return [from[first] as T, from[second] as T];
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOfName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
