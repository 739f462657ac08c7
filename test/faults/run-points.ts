/**
 * All points of all flows, or those that are asked for:
 *
 *   node test/faults/run-points.ts [--flow NAME,…] [--calls rename,fsync] [--faults KILL,EIO] [--role main|child]
 *     [--point main:rename:2:KILL] [--twice] [--limit N] [--minutes N] [--seed S] [--jobs 2] [--folder DIR] [--list]
 *
 * Needs the built code and strace. `--twice` also faults the launch that recovers from the first fault.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Case, casesAfter, casesOf, type Failure, flowsNamed, setStage, sideBySide, work } from "./campaign.ts";
import { describePoint } from "./points.ts";
import { sample } from "./sample.ts";
import { hasStrace } from "./strace.ts";

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;
const { values } = parseArgs({
  options: {
    ...{ flow: text, calls: text, faults: text, role: text, point: text, limit: text, minutes: text, folder: text },
    ...{ seed: { ...text, default: "1" }, jobs: { ...text, default: "2" }, twice: flag, list: flag },
  },
});
if (!hasStrace) throw new Error("strace is needed, and is not there");

const folder = values.folder ?? mkdtempSync(join(tmpdir(), "holdfast-faults-"));
const begun = Date.now();
const among = (wanted: string | undefined, value: string) => wanted === undefined || wanted.split(",").includes(value);
const isWanted = ({ points }: Case) =>
  points.every(({ role, call, nth, fault }) => {
    if (values.point !== undefined) return values.point.split(",").includes(`${role}:${call}:${nth}:${fault}`);
    return among(values.calls, call) && among(values.faults, fault) && among(values.role, role);
  });

const choose = (cases: readonly Case[]) =>
  values.limit === undefined ? cases : sample(cases, Number(values.limit), Number(values.seed));

let cases: Case[] = [];
await sideBySide(flowsNamed(values.flow), Number(values.jobs), async (flow) => {
  cases.push(...(await casesOf(await setStage(flow, folder), tellUndurable)).filter(isWanted));
});
if (values.twice) {
  const first = choose(cases);
  cases = [];
  await sideBySide(first, Number(values.jobs), async (each) => {
    const next = await casesAfter(each);
    cases.push(...(values.point === undefined ? sample(next, 5, Number(values.seed)) : next.filter(isWanted)));
  });
} else cases = [...choose(cases)];

if (values.list) {
  for (const { stage, points } of cases) console.log(`${stage.flow.name} ${points.map(describePoint).join(" then ")}`);
} else {
  console.log(`${cases.length} points, in ${folder}`);
  const { rows, missed } = await work(cases, Number(values.jobs), {
    onFailure: tell,
    isOver: () => seconds() > Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60,
    onCase: (done) => void (done % 100 === 0 && console.log(`${done} of ${cases.length}, after ${seconds()} s`)),
  });
  for (const each of missed) console.log(`not reached: ${each}`);
  console.table(rows.map(({ kinds, ...row }) => ({ ...row, ...kinds })));
  const sum = (of: "tried" | "reached" | "losses") => rows.reduce((total, row) => total + row[of], 0);
  console.log(`${sum("tried")} points tried, ${sum("reached")} reached, ${sum("losses")} losses, in ${seconds()} s`);
  process.exitCode = sum("losses") > 0 ? 1 : 0;
}

function tellUndurable(what: string): void {
  console.log(`A POWER LOSS COULD UNDO ${what}`);
}

function seconds(): number {
  return Math.round((Date.now() - begun) / 1000);
}

function tell({ flow, points, faults, folder: where, story, reached }: Failure): void {
  console.log(`\nFAILED ${flow}: ${points.join(" then ")}${reached ? "" : " (not reached as meant)"}`);
  for (const fault of faults) console.log(`  ${fault}`);
  for (const line of story) console.log(`    ${line.slice(0, 600)}`);
  const at = points.map((point) => point.split(" ")[0]).join(",");
  console.log(
    `  again: node test/faults/run-points.ts --flow ${flow} --point ${at}${points.length > 1 ? " --twice" : ""}; kept in ${where}`,
  );
}
