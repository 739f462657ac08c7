/**
 * The crowds in full:
 *
 *   node test/faults/crowd/run-crowd.ts [--members 50] [--seconds 120] [--crowd N] [--folder DIR]
 *
 * The time is shared by the crowds. Needs the built code.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CROWDS, type CrowdVerdict, gather } from "./crowd.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { members: { ...text, default: "50" }, seconds: { ...text, default: "120" }, crowd: text, folder: text },
});
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "holdfast-crowd-"));
const crowds = CROWDS.filter((_, n) => values.crowd === undefined || Number(values.crowd) === n + 1);
const rows: Record<string, string | number>[] = [];
let losses = 0;
for (const crowd of crowds) {
  const seconds = Number(values.seconds) / crowds.length;
  const found = await gather(crowd, folder, { members: Number(values.members), seconds });
  for (const fault of found.faults) console.log(`FAILED ${crowd.name}: ${fault}; kept in ${found.folder}`);
  losses += found.faults.length;
  rows.push({ crowd: crowd.name, ...figuresOf(found) });
}
console.table(rows);
process.exitCode = losses > 0 ? 1 : 0;

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
