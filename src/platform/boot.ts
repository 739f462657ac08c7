/** Which run of the machine this is: after a power loss a file may hold less than was written to it. */
import { uptime } from "node:os";
import { fs } from "./builtins.ts";

const { readFileSync } = fs;

/** https://docs.kernel.org/admin-guide/sysctl/kernel.html#random */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** How far a clock may be set, in milliseconds; beyond it the machine is taken for restarted, which is the safe side. */
const TOLERANCE_MS = 5000;

/** A name for the machine's present run: its id where the kernel gives one, else when it began. */
export function currentBoot(): string {
  try {
    return `id:${readFileSync(BOOT_ID, "utf8").trim()}`;
  } catch {
    return `since:${new Date(Date.now() - uptime() * 1000).toISOString()}`;
  }
}

export function isSameBoot(a: string, b: string): boolean {
  if (!a.startsWith("since:") || !b.startsWith("since:")) return a === b;
  const [begunA, begunB] = [a, b].map((each) => Date.parse(each.slice("since:".length)));
  return Math.abs((begunA ?? Number.NaN) - (begunB ?? Number.NaN)) <= TOLERANCE_MS;
}
