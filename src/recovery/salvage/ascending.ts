/** Which of the readable values stand in order, where a damaged one stands among them. */
import type { Rowid } from "./varint.ts";

/**
 * Null where all stand in ascending order; else 1 for each of the longest run that does.
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

function longestRun(values: readonly Rowid[], ok: Uint8Array, count: number): Uint8Array {
  /** The place of the least value that ends a run of each length. */
  const ends: number[] = [];
  const before = new Int32Array(count).fill(-1);
  for (let n = 0; n < count; n++) {
    if (ok[n] === 0) continue;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[ends[middle] as number] as Rowid) < (values[n] as Rowid)) low = middle + 1;
      else high = middle;
    }
    before[n] = low > 0 ? (ends[low - 1] as number) : -1;
    ends[low] = n;
  }
  const kept = new Uint8Array(count);
  for (let n = ends.at(-1) ?? -1; n >= 0; n = before[n] as number) kept[n] = 1;
  return kept;
}
