/**
 * Where the things in order begin of which something is no longer true: by halving.
 *
 * @param isBefore true of all up to some place, and of none from there on
 * @returns `count` where it is true of all
 */
export function firstBeyond(count: number, isBefore: (at: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
