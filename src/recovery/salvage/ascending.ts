/** Which of the readable values stand in order, where a damaged one stands among them. */
import { firstBeyond } from "./first-beyond.ts";
import type { Rowid } from "./varint.ts";

/**
 * Null where all stand in ascending order; else 1 for each that every longest run has that does.
 *
 * @param ok 1 for each value that counts
 */
export function ascending(values: readonly Rowid[], ok: Uint8Array, count: number): Uint8Array | null {
  let last: Rowid | undefined;
  let inOrder = true;
  for (let n = 0; n < count && inOrder; n++) {
    if (ok[n] === 0) continue;
    const value = values[n] as Rowid;
    inOrder = last === undefined || value > last;
    last = value;
  }
  return inOrder ? null : longestRun(values, ok, count);
}

/**
 * Where one of several may be the wrong one, none is taken. Between two that are right, there is room for all that stand
 * between them: so less their places, values in order do not descend.
 */
function longestRun(values: readonly Rowid[], ok: Uint8Array, count: number): Uint8Array {
  const places = [...Array(count).keys()].filter((n) => ok[n] === 1);
  const rest = values.slice(0, count).map((value, n) => (typeof value === "bigint" ? value - BigInt(n) : value - n));
  const upTo = runLengths(places, (a, b) => (rest[a] as Rowid) <= (rest[b] as Rowid));
  const from = runLengths(places.toReversed(), (a, b) => (rest[a] as Rowid) >= (rest[b] as Rowid));
  const longest = Math.max(0, ...upTo.values());
  const isIn = (n: number) => (upTo.get(n) ?? 0) + (from.get(n) ?? 0) - 1 === longest;
  const candidates = Map.groupBy(places.filter(isIn), (n) => upTo.get(n));
  const kept = new Uint8Array(count);
  for (const [only, another] of candidates.values()) if (only !== undefined && another === undefined) kept[only] = 1;
  return kept;
}

/** How long the longest run is that ends at each place. */
function runLengths(places: readonly number[], precedes: (a: number, b: number) => boolean): Map<number, number> {
  /** The best place for a run of each length to end at. */
  const ends: number[] = [];
  const lengths = new Map<number, number>();
  for (const place of places) {
    const at = firstBeyond(ends.length, (end) => precedes(ends[end] as number, place));
    ends[at] = place;
    lengths.set(place, at + 1);
  }
  return lengths;
}
