/**
 * Every campaign in full, one after the other, and what came of each at the end (`npm run test:faults`):
 *
 *   node test/faults/run-all.ts [--only points,power] [--jobs 2]
 *
 * Takes some hours. Each campaign can be run alone, and says above its own file how; what it cannot do on this machine
 * it skips with a word.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { canMount } from "./power-loss/disk.ts";

const { values } = parseArgs({
  options: { only: { type: "string" }, jobs: { type: "string", default: "2" } },
});
const jobs = ["--jobs", values.jobs];

interface Campaign {
  readonly name: string;
  readonly what: string;
  /** A file beside this one, and what it is told. */
  readonly args: readonly [file: string, ...string[]];
  /** Run in a mount namespace of its own. */
  readonly mounts?: true;
}

const CAMPAIGNS: readonly Campaign[] = [
  { name: "mutations", what: "files damaged from outside", args: ["mutations/run-mutations.ts", ...jobs] },
  { name: "bits", what: "every bit of a backup turned", args: ["mutations/every-bit.ts"] },
  { name: "crowd", what: "50 processes killed at random, writers beside", args: ["crowd/run-crowd.ts"] },
  { name: "media", what: "full disks, failing media, no hard links", args: ["media/run-media.ts", ...jobs] },
  {
    name: "power",
    what: "power losses on a disk",
    args: ["power-loss/run-power-loss.ts", "--limit", "2000"],
    mounts: true,
  },
  {
    name: "twice",
    what: "faults in the launch after a fault",
    args: ["run-points.ts", "--twice", "--limit", "200", ...jobs],
  },
  { name: "points", what: "a fault at every system call", args: ["run-points.ts", ...jobs] },
];

const rows: Record<string, string | number>[] = [];
for (const campaign of CAMPAIGNS) {
  const { name, what, mounts } = campaign;
  if (values.only !== undefined && !values.only.split(",").includes(name)) continue;
  console.log(`\n== ${name}: ${what}`);
  const begun = Date.now();
  const able = !mounts || canMount();
  const { status, lastLine } = able
    ? await run(campaign)
    : { status: 0, lastLine: "skipped: nothing can be mounted here" };
  rows.push({
    campaign: name,
    what,
    result: lastLine,
    failed: Number(status !== 0),
    s: Math.round((Date.now() - begun) / 1000),
  });
  if (status !== 0) process.exitCode = 1;
}
console.table(rows);

function run({ args: [file, ...args], mounts }: Campaign): Promise<{ status: number | null; lastLine: string }> {
  const command = [process.execPath, "--no-warnings", fileURLToPath(new URL(file, import.meta.url)), ...args];
  const [program = "", ...rest] = mounts ? ["unshare", "-m", ...command] : command;
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit"] });
  let lastLine = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    console.log(line);
    if (line.trim() !== "") lastLine = line;
  });
  return new Promise((resolve) => child.once("close", (status) => resolve({ status, lastLine })));
}
