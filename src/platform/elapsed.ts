/** Milliseconds since `begun`, a reading of `performance.now()`, to a tenth: as exact as a report needs them. */
export function elapsedSince(begun: number): number {
  return Math.round((performance.now() - begun) * 10) / 10;
}
