/**
 * Running a program under strace, to record its calls or to spoil one of them.
 *
 * Not with `--seccomp-bpf`: a signal that is injected at its stops is never delivered (strace 6.1), and the run would
 * go on as if nothing had been asked for. Not with `-f`: the count of a call would begin anew in every thread and
 * process, and the first to reach it would be hit. The two processes are traced apart instead.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CALLS, type Point, type RecordedCall, type Role, readCalls } from "./points.ts";

export const hasStrace: boolean =
  process.platform === "linux" && spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;

/** Where a run's traces are kept: outside of the flow's folder. */
export interface Tracing {
  readonly logs: string;
  readonly roles: readonly Role[];
  /** Null: only record. */
  readonly point: Pick<Point, "call" | "nth" | "fault" | "lasting"> | null;
}

/** What to start in the place of `node`, and what to tell it of the child that it will start. */
export function traced({ logs, roles, point }: Tracing): { command: readonly string[]; childPath: string | null } {
  const main = roles.includes("main") ? [...strace(point), "-o", join(logs, "main.log")] : [];
  return {
    command: [...main, process.execPath],
    childPath: roles.includes("child") ? wrapChild({ logs, point }) : null,
  };
}

function wrapChild({ logs, point }: Pick<Tracing, "logs" | "point">): string {
  const wrapper = join(logs, "node-under-strace");
  // As a grandchild, so that the child stays the application's own: it is killed by its number.
  const command = [...strace(point), "-D", "-o", `"${logs}/child.$$.log"`, `"${process.execPath}"`].join(" ");
  writeFileSync(wrapper, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  return wrapper;
}

function strace(point: Tracing["point"]): string[] {
  const base = ["strace", "-qq", "-y", "-s", "300", "-e", "signal=none"];
  if (!point) return [...base, "-e", `trace=${CALLS.join(",")}`];
  const what = point.fault === "KILL" ? "signal=KILL" : `error=${point.fault}`;
  return [
    ...base,
    "-e",
    `trace=${point.call}`,
    "-e",
    `inject=${point.call}:${what}:when=${point.nth}${point.lasting ? "+" : ""}`,
  ];
}

/** What was written of each process of that role, in the order in which they were started. */
export function logsOf({ logs }: Tracing, role: Role): readonly string[] {
  return readdirSync(logs)
    .filter((file) => file.startsWith(`${role}.`) && file.endsWith(".log"))
    .sort()
    .map((file) => readFileSync(join(logs, file), "utf8"));
}

export function callsOf(tracing: Tracing, role: Role, folder: string): readonly (readonly RecordedCall[])[] {
  return logsOf(tracing, role).map((log) => readCalls(log, folder));
}
