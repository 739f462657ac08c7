/**
 * The crowds in full, and all launches beside a program that writes all the time:
 *
 *   node test/faults/crowd/run-crowd.ts [--members 50] [--seconds 120] [--only crowds,writers] [--folder DIR]
 *
 * The time is shared by the crowds. Needs the built code.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { besideWriter, ERRANDS, hasShell, MODES, WRITERS } from "./beside-writer.ts";
import { CROWDS, type CrowdVerdict, gather } from "./crowd.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    members: { ...text, default: "50" },
    seconds: { ...text, default: "120" },
    folder: text,
    only: { ...text, default: "crowds,writers" },
  },
});
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "holdfast-crowd-"));
const begun = performance.now();
const total = { launches: 0, kills: 0, scenes: 0 };
let losses = 0;
if (values.only.includes("crowds")) console.table(await gatherAll());
if (values.only.includes("writers")) console.table(await writeBesideAll());
console.log(
  `${total.launches} launches and ${total.kills} kills in crowds, ${total.scenes} launches beside a program that writes, ` +
    `${losses} losses, in ${Math.round((performance.now() - begun) / 1000)} s`,
);
process.exitCode = losses > 0 ? 1 : 0;

async function gatherAll(): Promise<Record<string, string | number>[]> {
  const rows: Record<string, string | number>[] = [];
  for (const crowd of CROWDS) {
    const seconds = Number(values.seconds) / CROWDS.length;
    const found = await gather(crowd, folder, { members: Number(values.members), seconds });
    tell(crowd.name, found.faults, found.folder);
    total.launches += found.launches;
    total.kills += found.kills;
    rows.push({ crowd: crowd.name, ...figuresOf(found) });
  }
  return rows;
}

async function writeBesideAll(): Promise<Record<string, string | number>[]> {
  const rows: Record<string, string | number>[] = [];
  for (const writer of WRITERS) {
    if (writer === "shell" && !hasShell) {
      console.log("skipped the shell: there is no sqlite3 here");
      continue;
    }
    for (const mode of MODES) {
      for (const errand of Object.keys(ERRANDS) as (keyof typeof ERRANDS)[]) {
        const { ends, foreign, longestMs, faults } = await besideWriter({ writer, mode, errand }, folder, 3);
        tell(`${writer}, ${mode}: ${errand}`, faults, folder);
        total.scenes += ends.length;
        rows.push({
          writer,
          mode,
          errand,
          ends: ends.join(", "),
          "its rows": foreign,
          longestMs,
          losses: faults.length,
        });
      }
    }
  }
  return rows;
}

function tell(what: string, faults: readonly string[], where: string): void {
  losses += faults.length;
  for (const fault of faults) console.log(`FAILED ${what}: ${fault}; kept in ${where}`);
}

function figuresOf({
  refusals,
  committed,
  faults,
  folder: _,
  ...figures
}: CrowdVerdict): Record<string, string | number> {
  const refused = Object.entries(refusals).map(([code, count]) => `${count} ${code}`);
  return { ...figures, committed: committed.length, refused: refused.join(", "), losses: faults.length };
}
