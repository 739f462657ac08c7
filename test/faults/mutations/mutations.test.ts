/** A sample of all mutations, the same each time, and the proof that the judge would see a loss. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sample } from "../sample.ts";
import { LOSSES, makeSmallBackup, type SmallBackup, turnBits } from "./backup-bits.ts";
import { spread } from "./cases.ts";
import { KINDS } from "./kinds.ts";
import { PAGE_KINDS } from "./pages.ts";
import { Ready } from "./ready.ts";
import { type Run, superviseAll } from "./supervise.ts";
import { tell } from "./tally.ts";
import type { Case, Verdict } from "./trial.ts";

const SEED = 20_261_121;
const CASES = 18;
const JOBS = 2;
const HANGS_MS = 2500;

let folder: string;

beforeAll(async () => {
  folder = realpathSync.native(mkdtempSync(join(tmpdir(), "holdfast-mutations-")));
  await new Ready(folder).prepare();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function verdictsOf(cases: readonly Case[], how: Partial<Run> = {}): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  await superviseAll(cases, { folder, jobs: JOBS, onVerdict: (verdict) => verdicts.push(verdict), ...how });
  return verdicts;
}

test(`${CASES} databases damaged from outside: each launch opens or is refused, and no byte is lost`, async () => {
  const verdicts = await verdictsOf(sample(spread(KINDS, 5 * KINDS.length, SEED), CASES, SEED));
  expect(verdicts.filter(({ faults }) => faults.length > 0).map(tell)).toEqual([]);
  expect(verdicts).toHaveLength(CASES);
  expect(new Set(verdicts.map(({ end }) => end))).toContain("restored");
});

describe("a backup of which one bit was turned", () => {
  let backup: SmallBackup;

  beforeAll(async () => {
    backup = await makeSmallBackup(join(folder, "bits"));
  });

  test("is small, and has pages of every kind", () => {
    expect(PAGE_KINDS.filter((kind) => backup.pages.of[kind].length === 0)).toEqual([]);
  });

  test.each(LOSSES)("is not restored where %s is lost: each 2999th bit", async (loss) => {
    const { tried, unseen } = await turnBits(backup, loss, { every: 2999, first: SEED % 2999 });
    expect(tried).toBeGreaterThan(40);
    expect(unseen).toEqual([]);
  });
});

test.each<[string, string, string, string]>([
  [
    "a quarantined database that is deleted",
    "drop-set-aside",
    "corrupt.index.gone",
    "LOST: the bytes of library.sqlite",
  ],
  [
    "a quarantined log that is deleted",
    "drop-set-aside",
    "sealed.wal.foreign",
    "LOST: the bytes of library.sqlite-wal",
  ],
  ["rows that are deleted", "empty-database", "sealed.seal.gone", "rows of a good database"],
  ["a log that is not read", "empty-database", "killed.shm.gone", "rows that SQLite could read"],
  [
    "a good backup that is damaged",
    "spoil-backup",
    "corrupt.checksum.gone",
    "LOST: the good backup library-v1.0.0.sqlite",
  ],
  ["a process that is gone", "crash", "sealed.cut", "ended its process: SIGKILL"],
  ["a case without an end", "hang", "sealed.cut", "hung"],
])("control: %s is seen", async (_, control, kind, what) => {
  const sabotage = new URL(`./control/${control}.ts`, import.meta.url).href;
  const [verdict] = await verdictsOf([{ kind, seed: SEED, index: 0 }], {
    sabotage,
    ...(control === "hang" ? { patience: HANGS_MS } : {}),
  });
  expect(verdict?.faults.join()).toContain(what);
});
