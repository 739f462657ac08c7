import type Database from "better-sqlite3";
import { expect, test } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { diff } from "../../src/recovery/diff.ts";
import type { OnConflict } from "../../src/recovery/findings.ts";
import { type MergeReport, merge } from "../../src/recovery/merge.ts";
import { rowsLacking } from "../../src/recovery/rows-lacking.ts";
import { naiveDiff, naiveMerge, read, sortedRows } from "./naive-oracle.ts";
import { type RandomPair, randomOf, randomPair } from "./random-databases.ts";

const CASES = 60;

test.each([
  { name: "keys only", constraints: false },
  { name: "with unique indexes and foreign keys", constraints: true },
  { name: "with columns that only one side has", constraints: false, drift: true },
])("a comparison finds what a naive one finds: $name", async (flavour) => {
  for (let seed = 1; seed <= CASES; seed++) {
    const { current, incoming, tables } = randomPair(randomOf(seed), flavour);
    const report = await diff(current, incoming);
    const lacking = await rowsLacking(current, incoming);
    for (const table of tables) {
      const expected = naiveDiff(read(current, table), read(incoming, table));
      const found = report.tables.find((each) => each.table === table.name);
      expect({ seed, sql: table.sql, ...found }).toMatchObject(expected);
      expect(lacking.tables.find((each) => each.table === table.name)?.rows ?? 0, `seed ${seed}`).toBe(expected.added);
    }
    expect(lacking.complete).toBe(true);
  }
});

test.each([
  { name: "one schema", drift: false },
  { name: "columns that only one side has", drift: true },
])("a merge by keys comes to what a naive one comes to: $name", async ({ drift }) => {
  for (let seed = 1; seed <= CASES; seed++) {
    for (const onConflict of ["keep-current", "keep-incoming"] as const) {
      const { current, incoming, tables } = randomPair(randomOf(seed), { constraints: false, drift });
      const expected = tables.map((table) =>
        naiveMerge(read(current, table), read(incoming, table), onConflict === "keep-incoming"),
      );
      const report = await merge(current, incoming, { onConflict });
      expect(report, `seed ${seed}`).toMatchObject({ outcome: "merged", refused: { total: 0 } });
      for (const [at, table] of tables.entries()) {
        const own = `SELECT count(*) FROM "${table.name}" WHERE own IS NOT 7`;
        expect(drift ? current.prepare(own).pluck().get() : 0, `seed ${seed}`).toBe(0);
        expect(sortedRows(current, table), `seed ${seed} ${onConflict}: ${table.sql}`).toEqual(expected[at]);
      }
    }
  }
});

type Merge = (current: Database.Database, incoming: Database.Database, onConflict: OnConflict) => Promise<MergeReport>;

const real: Merge = async (current, incoming, onConflict) => {
  try {
    return await merge(current, incoming, { onConflict });
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "MERGE_CONFLICT") return error.details.report as MergeReport;
    throw error;
  }
};

/** Whatever the constraints, a merge keeps these promises; throws where one is broken. */
async function checkPromises(seed: number, onConflict: OnConflict, run: Merge): Promise<MergeReport["outcome"]> {
  const { current, incoming, tables } = randomPair(randomOf(seed), { constraints: true });
  const { current: before } = randomPair(randomOf(seed), { constraints: true });
  const broken = violationsOf(current, tables);
  const report = await run(current, incoming, onConflict);
  const forward = await diff(before, current);
  const context = `seed ${seed}, ${onConflict}: ${tables.map(({ sql }) => sql).join("; ")}`;
  expect(current.pragma("integrity_check", { simple: true }), context).toBe("ok");
  for (const [fault, count] of violationsOf(current, tables)) {
    expect(count, `${context}: new violation ${fault}`).toBeLessThanOrEqual(broken.get(fault) ?? 0);
  }
  if (report.outcome === "refused") {
    expect(forward.equal, context).toBe(true);
    return report.outcome;
  }
  for (const table of tables) {
    const merged = report.tables.find((each) => each.table === table.name);
    const count = (db: Database.Database) => db.prepare(`SELECT count(*) FROM "${table.name}"`).pluck().get() as number;
    expect(count(current), context).toBe(count(before) + (merged?.added ?? 0));
    const counted = merged && merged.added + merged.same + merged.kept + merged.replaced + merged.refused;
    expect(counted, context).toBe(count(incoming));
  }
  if (onConflict === "keep-incoming") {
    const back = await diff(incoming, current);
    const lost = back.tables.reduce((sum, table) => sum + table.removed + table.changed, 0);
    expect(lost, context).toBe(report.refused.total);
  } else {
    const touched = forward.tables.reduce((sum, table) => sum + table.removed + table.changed, 0);
    expect(touched, context).toBe(0);
  }
  return report.outcome;
}

/** How often each broken reference is there. */
function violationsOf(db: Database.Database, tables: RandomPair["tables"]): Map<string, number> {
  const found = new Map<string, number>();
  const rows = db.prepare("PRAGMA foreign_key_check").all() as {
    table: string;
    rowid: number | null;
    parent: string;
  }[];
  for (const { table, rowid, parent } of rows) {
    const [, column] = tables.find((each) => each.name === table)?.columns ?? [];
    const value =
      rowid === null
        ? "?"
        : db
            .prepare(`SELECT quote("${column?.name.replaceAll('"', '""')}") FROM "${table}" WHERE rowid = ?`)
            .pluck()
            .get(rowid);
    const fault = `${table} = ${value} → ${parent}`;
    found.set(fault, (found.get(fault) ?? 0) + 1);
  }
  return found;
}

test.each(["abort", "keep-current", "keep-incoming"] as const)("a merge keeps its promises: %s", async (onConflict) => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= CASES * 2; seed++) outcomes.add(await checkPromises(seed, onConflict, real));
  expect([...outcomes].sort()).toEqual(["merged", "refused"]);
});

test("control: a merge that replaces rows by deleting them is caught", async () => {
  const wrong: Merge = async (current, incoming, onConflict) => {
    const report = await real(current, incoming, "keep-current");
    for (const { table } of report.outcome === "merged" ? report.tables : []) {
      for (const row of incoming.prepare(`SELECT * FROM "${table}"`).safeIntegers().raw().all() as unknown[][]) {
        current.prepare(`INSERT OR REPLACE INTO "${table}" VALUES (${row.map(() => "?").join()})`).run(row);
      }
    }
    return { ...report, onConflict };
  };
  let caught = 0;
  for (let seed = 1; seed <= 40; seed++) {
    caught += await checkPromises(seed, "keep-current", wrong).then(
      () => 0,
      (error: Error) => {
        if (error.name === "AssertionError") return 1;
        throw error;
      },
    );
  }
  expect(caught).toBeGreaterThan(10);
});
