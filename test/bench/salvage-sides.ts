/** The two that bring rows back: Holdfast's worker, and SQLite's `.recover`. Each in processes of its own. */
import { type ChildProcess, execFile, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { CHILD_FLAGS, type Reply } from "../../src/platform/child.ts";
import type { SalvageReport } from "../../src/recovery/salvage/report.ts";
import type { SalvageOrder } from "../../src/recovery/salvage/salvage.ts";

export interface Cost {
  /** From the start of the process, until the new database is written. */
  readonly ms: number;
  /** Bytes: the most that the process has held; null where the system does not tell. */
  readonly peak: number | null;
}

/** @param worker Holdfast's own, as a path */
export async function bySalvage(worker: string, order: SalvageOrder): Promise<Cost & { report: SalvageReport }> {
  const begun = performance.now();
  const child = fork(worker, [], {
    stdio: ["pipe", "ignore", "inherit", "ipc"],
    serialization: "advanced",
    execArgv: [...CHILD_FLAGS],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    const report = await resultOf(child, order);
    return { ms: performance.now() - begun, peak: highWaterOf(child), report };
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

function resultOf(child: ChildProcess, input: SalvageOrder): Promise<SalvageReport> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, signal) => reject(new Error(`Holdfast's worker ended: ${signal ?? status}`)));
    child.on("message", (reply: Reply) => {
      if ("result" in reply) resolve(reply.result as SalvageReport);
      if ("error" in reply) reject(new Error(reply.error.message));
    });
    child.send({ id: 1, job: "salvage", input });
  });
}

function highWaterOf({ pid }: ChildProcess): number | null {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    // Only Linux has /proc.
    return null;
  }
}

/**
 * @param program a shell of SQLite's, built with SQLITE_ENABLE_DBPAGE_VTAB
 * @returns what the two shells had to say as well; a part of the rows is in the new database even so
 */
export function byRecover(program: string, from: string, to: string): Promise<Cost & { said: string }> {
  const begun = performance.now();
  return new Promise((resolve) => {
    execFile("sh", ["-c", '"$0" "$1" .recover | "$0" "$2"', program, from, to], (_, _out, said) =>
      resolve({ ms: performance.now() - begun, peak: null, said }),
    );
  });
}
