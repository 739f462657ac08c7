import type { Pace } from "./pace.ts";
import type { RowCount, Scratch } from "./scratch.ts";
import type { Side } from "./side.ts";

/**
 * Counts the rows of `theirs` that no key tells apart, as often as `mine` lacks them. Theirs are counted and mine
 * taken away, for what is merged is most often less than what is there.
 */
export async function countLacking(scratch: Scratch, mine: Side, theirs: Side, pace: Pace): Promise<RowCount> {
  const count = scratch.count();
  if (theirs.key && !theirs.key.mayBeNull) return count;
  for (const row of theirs.rows("unkeyed")) {
    count.add(row);
    if (pace.look()) await pace.rest();
  }
  if (count.isEmpty) return count;
  for (const row of mine.rows("unkeyed")) {
    count.take(row);
    if (pace.look()) await pace.rest();
  }
  return count;
}
