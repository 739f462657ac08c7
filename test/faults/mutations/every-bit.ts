/**
 * Every bit of a backup, turned one after the other, with nothing lost besides, without the index, and without the
 * checksum file as well:
 *
 *   node test/faults/mutations/every-bit.ts [--every 1] [--first 0] [--without "the index"]
 *
 * `--every 97` turns each 97th bit. Ends with 1 when a turned bit was not seen. Takes an hour or more.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LOSSES, type Loss, makeSmallBackup, turnBits } from "./backup-bits.ts";
import { PAGE_KINDS } from "./pages.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { without: text, every: { ...text, default: "1" }, first: { ...text, default: "0" } },
});
const losses: readonly Loss[] = LOSSES.filter((loss) => values.without === undefined || loss === values.without);
if (losses.length === 0) throw new Error(`--without is one of: ${LOSSES.join(", ")}`);

const folder = realpathSync.native(mkdtempSync(join(tmpdir(), "holdfast-bits-")));
try {
  const backup = await makeSmallBackup(folder);
  const { pageSize, count, of } = backup.pages;
  console.log(
    `${count} pages of ${pageSize} bytes: ${PAGE_KINDS.map((kind) => `${of[kind].length} ${kind}`).join(", ")}`,
  );
  for (const loss of losses) {
    const begun = performance.now();
    const { tried, unseen } = await turnBits(backup, loss, {
      every: Number(values.every),
      first: Number(values.first),
    });
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(`without ${loss}: ${tried} bits turned, ${unseen.length} not seen, in ${seconds} s`);
    if (unseen.length > 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
