/** The most memory that this process has held at once, in bytes. */
import { readFileSync } from "node:fs";

export function highWater(): number {
  try {
    // On Linux the maximum that getrusage() tells is at least what the parent held when it started this process.
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Only Linux has /proc.
  }
  return process.resourceUsage().maxRSS * 1024;
}
