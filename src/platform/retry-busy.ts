/**
 * On Windows a virus scanner or an indexer may hold a file for a moment just when it is to be renamed or
 * removed; the call then fails with EPERM, EACCES or EBUSY and succeeds soon after. Elsewhere these codes
 * mean what they say, and nothing is tried twice.
 */
import { hasCode } from "../errors.ts";

const PATIENCE_MS = 5000;
const PASSING = new Set(["EPERM", "EACCES", "EBUSY"]);

export function retryBusy<T>(task: () => T, platform: NodeJS.Platform = process.platform): T {
  if (platform !== "win32") return task();
  const deadline = Date.now() + PATIENCE_MS;
  for (let pause = 10; ; pause = Math.min(pause * 2, 250)) {
    try {
      return task();
    } catch (error) {
      if (!hasCode(error) || !PASSING.has(error.code) || Date.now() + pause > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    }
  }
}
