/**
 * Power losses on a file system of their own:
 *
 *   unshare -m node test/faults/power-loss/run-power-loss.ts [--flow NAME,…] [--kind ordered,writeback] [--limit N]
 *     [--seed S] [--point main:rename:2] [--preload FILE] [--folder DIR] [--minutes N]
 *
 * Needs root, loop devices, mkfs.ext4, strace and the built code; in a mount namespace of its own (`unshare -m`),
 * since it also hides the number that the kernel gives to this run of the machine.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { casesOf, flowsNamed, setStage } from "../campaign.ts";
import { describePoint, type Point } from "../points.ts";
import { sample } from "../sample.ts";
import { KINDS, type Kind, Machine } from "./disk.ts";
import { type DiskStage, losePower, putOnDisk } from "./trial.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    ...{ flow: text, point: text, limit: text, preload: text, folder: text, minutes: text },
    ...{ seed: { ...text, default: "1" }, kind: { ...text, default: Object.keys(KINDS).join() } },
  },
});
/** The disk writes by itself within this time in every second trial: about as long as a launch and its backup take. */
const MOST_WRITE_OUT_MS = 300;

const begun = Date.now();
const seconds = () => Math.round((Date.now() - begun) / 1000);
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "holdfast-power-"));
const machine = new Machine(folder);
const preload = values.preload === undefined ? null : pathToFileURL(values.preload).href;

interface Loss {
  readonly on: DiskStage;
  readonly point: Point;
}

const all: Loss[] = [];
for (const flow of flowsNamed(values.flow)) {
  const stage = await setStage(flow, folder, preload);
  const points = (await casesOf(stage)).flatMap((each) => each.points).filter(isWanted);
  for (const kind of values.kind.split(",") as Kind[]) {
    const on = putOnDisk(stage, kind);
    all.push(...points.map((point) => ({ on, point })));
  }
}
const losses = values.limit === undefined ? all : sample(all, Number(values.limit), Number(values.seed));
const rows = new Map<string, { flow: string; tried: number; reached: number; losses: number }>();
for (const [n, { on, point }] of losses.entries()) {
  if (seconds() > Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60) break;
  const flow = on.stage.flow.name;
  const row = rows.get(flow) ?? { flow, tried: 0, reached: 0, losses: 0 };
  rows.set(flow, row);
  const writeOutMs = n % 2 === 0 ? null : (n * 37) % MOST_WRITE_OUT_MS;
  const { reached, faults, story, folder: kept } = await losePower(on, machine, point, writeOutMs);
  row.tried++;
  row.reached += Number(reached);
  if (reached && faults.length > 0) {
    row.losses++;
    console.log(
      `\nFAILED ${flow} on ${on.kind}: ${describePoint(point)}, written out after ${writeOutMs} ms; kept in ${kept}`,
    );
    for (const line of [...faults, ...story.map((each) => `  ${each.slice(0, 600)}`)]) console.log(`  ${line}`);
  }
  if ((n + 1) % 100 === 0) console.log(`${n + 1} of ${losses.length}, after ${seconds()} s`);
}
console.table([...rows.values()]);
const sum = (of: "tried" | "reached" | "losses") => [...rows.values()].reduce((total, row) => total + row[of], 0);
console.log(
  `${sum("tried")} power losses tried, ${sum("reached")} reached, ${sum("losses")} lost something, in ${seconds()} s`,
);
process.exitCode = sum("losses") > 0 ? 1 : 0;

function isWanted({ fault, role, call, nth }: Point): boolean {
  return fault === "KILL" && (values.point === undefined || values.point.split(",").includes(`${role}:${call}:${nth}`));
}
