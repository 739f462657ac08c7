/** What is made of several measured figures: one that an outlier does not move. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** The median of the rounds' ratios: each launch is held against the one that took its turn beside it. */
export function medianRatio(upper: readonly number[], lower: readonly number[]): number {
  return median(upper.map((each, round) => each / (lower[round] ?? Number.NaN)));
}

/** The same for differences. */
export function medianDifference(more: readonly number[], less: readonly number[]): number {
  return median(more.map((each, round) => each - (less[round] ?? Number.NaN)));
}
