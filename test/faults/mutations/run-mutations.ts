/**
 * Databases damaged from outside, by the thousand, and launched:
 *
 *   node test/faults/mutations/run-mutations.ts [--count 20000] [--seed 1] [--jobs 2] [--kind sealed.bit,killed.wal]
 *     [--case sealed.bit.header:1:7] [--minutes N] [--folder DIR] [--list] [--each]
 *
 * Each case is told by its kind, the seed and its number, and is always the same. `--kind` takes the beginnings of
 * names, `--each` counts kind by kind. Needs the built code.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { spread } from "./cases.ts";
import { kindsLike } from "./kinds.ts";
import { Ready } from "./ready.ts";
import { superviseAll } from "./supervise.ts";
import { familyOf, Tally, tell } from "./tally.ts";
import type { Case } from "./trial.ts";

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;
const { values } = parseArgs({
  options: {
    ...{ kind: text, case: text, minutes: text, folder: text, list: flag, each: flag },
    ...{ count: { ...text, default: "20000" }, seed: { ...text, default: "1" }, jobs: { ...text, default: "2" } },
  },
});

const kinds = kindsLike(values.kind);
const cases =
  values.case === undefined ? spread(kinds, Number(values.count), Number(values.seed)) : [parse(values.case)];
if (values.list) {
  for (const { name } of kinds) console.log(name);
} else await run();

async function run(): Promise<void> {
  const begun = Date.now();
  const seconds = () => Math.round((Date.now() - begun) / 1000);
  const folder = values.folder ?? realpathSync(mkdtempSync(join(tmpdir(), "holdfast-mutations-")));
  console.log(`${cases.length} mutations of ${kinds.length} kinds, in ${folder}`);
  await new Ready(folder).prepare();
  const tally = new Tally(values.each ? (kind) => kind : familyOf);
  let done = 0;
  await superviseAll(cases, {
    folder,
    jobs: Number(values.jobs),
    isOver: () => seconds() > Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60,
    onVerdict: (verdict) => {
      tally.add(verdict);
      if (verdict.faults.length > 0) console.log(tell(verdict));
      if (++done % 500 === 0) console.log(`${done} of ${cases.length}, after ${seconds()} s`);
    },
  });
  console.table(tally.rows);
  for (const [refusal, count] of tally.refusals) console.log(`refused ${count} × ${refusal}`);
  console.log(
    `${tally.sum("cases")} mutations: ${tally.sum("opened")} opened, ${tally.sum("restored")} restored, ${tally.sum("healed")} healed, ` +
      `${tally.sum("refused")} refused, ${tally.sum("failures")} failures, in ${seconds()} s; ` +
      `the slowest took ${Math.round(tally.slowest)} ms`,
  );
  if (tally.failures.length === 0 && values.folder === undefined) rmSync(folder, { recursive: true, force: true });
  process.exitCode = tally.failures.length > 0 ? 1 : 0;
}

function parse(name: string): Case {
  const [kind = "", seed, index] = name.split(":");
  return { kind, seed: Number(seed), index: Number(index) };
}
