/**
 * Stretches for which this process's event loop came to nothing: what a user sees as a freeze. A timer is due every
 * millisecond, and each wait beyond that is kept with its time, so that processes can be held against each other.
 */
export interface LoopWatch {
  /** The longest block between two times of {@link clock}, in milliseconds. Looks at the one that now ends, too. */
  longest(from: number, to: number): number;
  stop(): void;
}

const TICK_MS = 1;

/** Milliseconds on a clock that all processes share. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}

export function watchLoop(): LoopWatch {
  const blocks: { readonly end: number; readonly ms: number }[] = [];
  let last = clock();
  const look = () => {
    const now = clock();
    const ms = now - last - TICK_MS;
    if (ms > 0) blocks.push({ end: now, ms });
    last = now;
  };
  const timer = setInterval(look, TICK_MS);
  return {
    longest(from, to) {
      look();
      return blocks.reduce(
        (longest, { end, ms }) => Math.max(longest, Math.min(end, to) - Math.max(end - ms, from)),
        0,
      );
    },
    stop: () => clearInterval(timer),
  };
}
