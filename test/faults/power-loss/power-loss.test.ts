/** A sample of power losses, the same each time, and the proof that a missing flush would be seen. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { hasStrace } from "../strace.ts";
import { canMount } from "./disk.ts";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const able = hasStrace && canMount();
const REASON = able ? "" : " (skipped: it takes strace, and the right to mount a file system in a file)";

function cutOff(...args: string[]): Promise<{ status: number | string | null | undefined; told: string }> {
  return new Promise((resolve) => {
    execFile("unshare", ["-m", process.execPath, here("run-power-loss.ts"), ...args], (error, stdout, stderr) =>
      resolve({ status: error ? error.code : 0, told: stdout + stderr }),
    );
  });
}

describe.skipIf(!able)(`power losses on a disk${REASON}`, () => {
  test("nothing that counted is lost, wherever the power is cut", async () => {
    const flows = "first-launch,backup,corruption-with-sidecars";
    const { status, told } = await cutOff("--flow", flows, "--limit", "6", "--seed", "20261121");
    expect(told).toMatch(/^[56] power losses tried, .* 0 lost something/m);
    expect(status, told).toBe(0);
  });

  test("control: a Holdfast that flushes nothing is seen to lose a backup", async () => {
    const noFlush = here("../control/no-flush.ts");
    const points = "main:pwrite64:10,main:pwrite64:12,main:fsync:3";
    const { status, told } = await cutOff(
      "--flow",
      "backup",
      "--point",
      points,
      "--kind",
      "writeback",
      "--preload",
      noFlush,
    );
    expect(told).toContain("which was good");
    expect(status).toBe(1);
  });
});
