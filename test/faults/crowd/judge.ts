/** What the log of a crowd shows, and what it must never show. Pure: lines in, findings out. */
import type { Line } from "./member.ts";

/** A line of the log, or the harness's own: who is about to be killed. */
export type Event = Line | { readonly what: "killed"; readonly pid: number; readonly at: number };

/** A launch from its begin to its end, or to where it let go of the lock and begins anew, as places in the log. */
interface Launch {
  readonly pid: number;
  readonly begun: number;
  /** Where it said that it works alone. */
  readonly signs: number[];
  opened: number | null;
  /** From here on it may have let go: it closes, or is killed, or was refused. */
  end: number | null;
}

export interface Findings {
  readonly launches: number;
  readonly opened: number;
  /** Launches that told of work that needs the lock alone. */
  readonly alone: number;
  readonly kills: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly committed: readonly string[];
  readonly longestLaunchMs: number;
  /** The longest time in which nobody opened, committed, closed or was refused. */
  readonly longestSilenceMs: number;
  readonly faults: readonly string[];
}

export interface Limits {
  /** Refusals that are documented for what this crowd does. */
  readonly refusals: readonly string[];
  readonly lockTimeoutMs: number;
  readonly launchMs: number;
  readonly silenceMs: number;
}

export function judge(events: readonly Event[], limits: Limits): Findings {
  const launches = launchesIn(events);
  const faults = [...overlaps(launches, events.length), ...events.flatMap((event) => wrong(event, limits))];
  const refusals: Record<string, number> = {};
  let longestLaunchMs = 0;
  for (const { begun, opened, end } of launches) {
    const ended = events[opened ?? end ?? -1];
    const start = events[begun];
    if (!start || !ended || ended.what === "killed" || ended.what === "letGo") continue;
    const ms = ended.at - start.at;
    longestLaunchMs = Math.max(longestLaunchMs, ms);
    if (ms > limits.launchMs) faults.push(`a launch of ${start.pid} took ${ms} ms`);
    if (ended.what !== "refused") continue;
    refusals[ended.code] = (refusals[ended.code] ?? 0) + 1;
    if (ended.code.startsWith("DB_") && ms < limits.lockTimeoutMs)
      faults.push(`${ended.pid} was refused ${ended.code} after ${ms} ms, before its patience was over`);
  }
  const longestSilenceMs = silenceIn(events);
  if (longestSilenceMs > limits.silenceMs) faults.push(`nobody got anywhere for ${longestSilenceMs} ms`);
  return {
    launches: events.filter(({ what }) => what === "begun").length,
    opened: launches.filter((each) => each.opened !== null).length,
    alone: launches.filter(({ signs }) => signs.length > 0).length,
    kills: events.filter(({ what }) => what === "killed").length,
    refusals,
    committed: events.flatMap((event) => (event.what === "committed" ? [event.title] : [])),
    longestLaunchMs,
    longestSilenceMs,
    faults,
  };
}

function launchesIn(events: readonly Event[]): readonly Launch[] {
  const all: Launch[] = [];
  const current = new Map<number, Launch>();
  for (const [place, { what, pid }] of events.entries()) {
    if (what === "begun") current.set(pid, again({ pid, begun: place }, all));
    const launch = current.get(pid);
    if (!launch || launch.end !== null) continue;
    if (what === "alone") launch.signs.push(place);
    if (what === "opened") launch.opened = place;
    if (what === "letGo" && launch.opened === null) {
      launch.end = place;
      current.set(pid, again(launch, all));
    }
    if (what === "closing" || what === "killed" || what === "refused" || what === "failed") launch.end = place;
  }
  return all;
}

function again({ pid, begun }: Pick<Launch, "pid" | "begun">, all: Launch[]): Launch {
  const launch: Launch = { pid, begun, signs: [], opened: null, end: null };
  all.push(launch);
  return launch;
}

/** From its first sign on nobody else works alone, until it lets go, closes or is killed; nor beside one that is open. */
function overlaps(launches: readonly Launch[], end: number): readonly string[] {
  return launches.flatMap((launch) => {
    const from = launch.signs[0] ?? launch.opened ?? end;
    const to = launch.end ?? end;
    return launches
      .filter((other) => other !== launch && other.signs.some((sign) => sign > from && sign < to))
      .map(
        (other) => `${other.pid} worked alone while ${launch.pid} ${launch.opened === null ? "did" : "had it open"}`,
      );
  });
}

function wrong(event: Event, { refusals }: Limits): readonly string[] {
  if (event.what === "failed") return [`no named error: ${event.message}`];
  if (event.what === "refused" && !refusals.includes(event.code)) return [`refused ${event.code}: ${event.message}`];
  return [];
}

const PROGRESS: ReadonlySet<Event["what"]> = new Set(["alone", "opened", "committed", "closed", "refused"]);

function silenceIn(events: readonly Event[]): number {
  const times = events.filter(({ what }) => PROGRESS.has(what)).map(({ at }) => at);
  return Math.max(0, ...times.slice(1).map((at, n) => at - (times[n] ?? at)));
}
