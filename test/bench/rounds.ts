/**
 * Measuring in turns. What else the machine does changes from minute to minute, so the sides are measured one after
 * the other in each round, and which of them goes first changes with every round: noise hits all alike.
 */
import { execFileSync } from "node:child_process";

/** Where a round takes this long, a few have to do. */
const LONG_ROUND_MS = 45_000;
const FEW_ROUNDS = 3;

export async function inTurns<Side extends string, Measured>(
  sides: readonly Side[],
  wanted: number,
  measure: (side: Side, round: number) => Measured | Promise<Measured>,
): Promise<Record<Side, Measured[]>> {
  const found = Object.fromEntries(sides.map((side) => [side, [] as Measured[]])) as Record<Side, Measured[]>;
  let rounds = wanted;
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      settleDisk();
      found[side].push(await measure(side, round));
    }
    if (performance.now() - begun > LONG_ROUND_MS) rounds = Math.min(wanted, FEW_ROUNDS);
  }
  return found;
}

/** What was written before must not be written out while the next is measured. */
function settleDisk(): void {
  if (process.platform !== "win32") execFileSync("sync");
}
