/**
 * Whether `stat` can tell a later write from the last one. A write that follows within the same tick of the file
 * system's clock leaves the same times behind.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type FileIdentity, identify } from "./atomic-file.ts";

/** The kernel's own tick is at most 10 ms: https://docs.kernel.org/timers/highres.html */
const TICK_MS = 20;
/** A time without a fraction is taken for FAT's, which has ticks of two seconds. */
const COARSE_TICK_MS = 2000;

function tickLeft(file: FileIdentity): number {
  const mtime = BigInt(file.mtime);
  const tick = mtime % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS;
  return tick - (Date.now() - Number(mtime / 1_000_000n));
}

export function canTellLaterWrites(file: FileIdentity): boolean {
  return tickLeft(file) < 0;
}

/** A short tick is waited for; a coarse one is not worth a user's time. */
export async function passTick(path: string): Promise<void> {
  const file = identify(path);
  if (!file) return;
  // A timer may end a millisecond before its time; a clock that was set back is not waited for.
  for (let left = tickLeft(file); left >= 0 && left <= TICK_MS; left = tickLeft(file)) await pause(left + 1);
}
