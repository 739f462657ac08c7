/** Where the list of free pages is gone, an index tells which leaves were in use: it has the rowids of rows, until they are deleted. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { loadEngine } from "../../../src/database/open.ts";
import { salvage } from "../../../src/recovery/salvage/salvage.ts";
import { rootOf } from "../../faults/damage.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";
import { PAGE, pagesOf, zero } from "./pair.ts";

const engine = await loadEngine();

/** A table of 2,000 rows, of which many were deleted; the list of free pages is gone, and what else is told. */
function salvagedWithout(deletedRows: string, lost: (file: string) => readonly number[], ...more: readonly string[]) {
  const file = join(scratchFolder(), "damaged.sqlite");
  const db = new Database(file);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER)");
  for (const sql of more) db.exec(sql);
  db.exec(`
    WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000)
    INSERT INTO t SELECT i, 'value ' || i, i % 7 FROM c;
    DELETE FROM t WHERE ${deletedRows}`);
  db.close();
  zero(file, [...lost(file), readFileSync(file).readUInt32BE(32)]);
  const to = `${file}-new`;
  const report = salvage(engine, { from: file, to });
  const result = new Database(to);
  const count = result.prepare("SELECT count(*) FROM t").pluck().get();
  const deleted = result.prepare(`SELECT count(*) FROM t WHERE ${deletedRows}`).pluck().get();
  result.close();
  return { report, count, deleted };
}

const salvaged = (...more: readonly string[]) =>
  salvagedWithout("id BETWEEN 500 AND 1500", (file) => [rootOf(file, "t")], ...more);

test("rows on leaves that nothing leads to are back, and deleted ones are not", () => {
  const { report, count, deleted } = salvaged("CREATE INDEX t_b ON t (b)");
  expect({ count, deleted }).toEqual({ count: 999, deleted: 0 });
  expect(report.freelistDamaged).toBe(true);
  expect(report.lostAndFound?.rows).toBeGreaterThan(0);
});

test("the index of a constraint tells it too, as does one over an expression", () => {
  expect(salvaged("DROP TABLE t", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b)")).toMatchObject({
    count: 999,
    deleted: 0,
  });
  expect(salvaged("CREATE INDEX t_length ON t (length(a))")).toMatchObject({ count: 999, deleted: 0 });
});

test("a partial index tells it of the rows that it has", () => {
  expect(salvaged("CREATE INDEX t_b ON t (b) WHERE b < 5")).toMatchObject({ count: 999, deleted: 0 });
  expect(salvaged("CREATE INDEX t_b ON t (b) WHERE b = 5")).toMatchObject({ count: 0, deleted: 0 });
});

test("what leads to a leaf leads to a page of another row now: the leaf was not replaced, and its rows are back", () => {
  const misdirect = (file: string) => {
    const bytes = readFileSync(file);
    const [leaf, other] = [pagesOf(file, "t")[100]?.[0] as number, pagesOf(file, "w")[0]?.[1] as number];
    const number = Buffer.alloc(4);
    number.writeUInt32BE(leaf);
    const at = bytes.indexOf(number, (rootOf(file, "t") - 1) * PAGE);
    bytes.writeUInt32BE(other, at);
    writeFileSync(file, bytes);
    return [];
  };
  const withLong = ["CREATE TABLE w (v)", "INSERT INTO w VALUES (hex(zeroblob(6000)))", "CREATE INDEX t_b ON t (b)"];
  const { report, count, deleted } = salvagedWithout("id BETWEEN 500 AND 1500", misdirect, ...withLong);
  expect({ count, deleted }).toEqual({ count: 999, deleted: 0 });
  expect(report.tables.find(({ table }) => table === "t")?.byOrphanPage).toBeGreaterThan(0);
});

describe("leaves that were left when their last rows went to another page, which is lost", () => {
  const leafOf = (row: number, file: string) => pagesOf(file, "t")[row]?.[0] as number;
  const ROWS = [0, 200, 400, 600];

  test.each(ROWS)("they are not in its place, though no index tells all (the leaf of row %i)", (row) => {
    const lost = (file: string) => [leafOf(row, file), leafOfIndex(file)];
    const { report, count, deleted } = salvagedWithout(
      "id % 3 > 0",
      lost,
      "CREATE INDEX t_b ON t (a || hex(zeroblob(50)))",
    );
    expect(deleted).toBe(0);
    expect(count).toBeLessThan(666);
    expect(report.freelistDamaged).toBe(true);
  });

  test.each(ROWS)("what led to it is lost as well: none that was deleted is back (the leaf of row %i)", (row) => {
    const lost = (file: string) => [rootOf(file, "t"), leafOf(row, file)];
    expect(salvagedWithout("id % 3 > 0", lost, "CREATE INDEX t_b ON t (b)").deleted).toBe(0);
  });
});

function leafOfIndex(file: string): number {
  const db = new Database(file, { readonly: true });
  const leaf = db.prepare("SELECT pageno FROM dbstat WHERE name = 't_b' AND pagetype = 'leaf'").pluck().get();
  db.close();
  return leaf as number;
}
