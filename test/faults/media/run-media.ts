/**
 * Full disks and failing media, in full:
 *
 *   node test/faults/media/run-media.ts [--flow NAME,…] [--only squeeze,links,read-only,lasting] [--during 4]
 *     [--lasting 10] [--limit N] [--kind tmpfs,ext4] [--seed S] [--jobs 2] [--folder DIR]
 *
 * Needs the built code, root on Linux to mount, and strace for what lasts.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { flowsNamed } from "../campaign.ts";
import { runMedia } from "./campaign.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    ...{ flow: text, folder: text, limit: text, only: { ...text, default: "squeeze,links,read-only,lasting" } },
    ...{ during: { ...text, default: "4" }, lasting: { ...text, default: "10" } },
    ...{ kind: { ...text, default: "tmpfs,ext4" }, seed: { ...text, default: "1" }, jobs: { ...text, default: "2" } },
  },
});
const begun = performance.now();
const tally = await runMedia({
  flows: flowsNamed(values.flow),
  folder: values.folder ?? mkdtempSync(join(tmpdir(), "holdfast-media-")),
  only: values.only.split(","),
  kinds: values.kind.split(","),
  limit: values.limit === undefined ? null : Number(values.limit),
  during: Number(values.during),
  lasting: Number(values.lasting),
  seed: Number(values.seed),
  jobs: Number(values.jobs),
  tell: (line) => console.log(line),
  onProgress: (tried) => console.log(`${tried} trials, after ${seconds()} s`),
});
console.table(tally.rows);
console.log(`${tally.tried} trials, ${tally.losses} losses, in ${seconds()} s`);
process.exitCode = tally.losses > 0 ? 1 : 0;

function seconds(): number {
  return Math.round((performance.now() - begun) / 1000);
}
