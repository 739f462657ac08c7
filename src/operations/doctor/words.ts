/** How findings speak of numbers and times. */

const DAY = 86_400_000;
const HOUR = 3_600_000;

/** `1 backup`, `2 backups`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** `3 days`; whole numbers of the largest unit that gives at least one. */
export function span(ms: number): string {
  if (ms >= DAY) return count(Math.floor(ms / DAY), "day");
  if (ms >= HOUR) return count(Math.floor(ms / HOUR), "hour");
  return count(Math.floor(ms / 60_000), "minute");
}

/** `3 days ago`. */
export function ago(ms: number): string {
  return ms < 60_000 ? "just now" : `${span(ms)} ago`;
}

/** How long before `now` that was, in milliseconds. */
export function age(then: string, now: string): number {
  return Date.parse(now) - Date.parse(then);
}

/** As a list in a sentence. */
export function list(names: readonly string[], most = 3): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(", ")} and ${more} more` : names.join(", ");
}
