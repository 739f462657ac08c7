/** Where the list of free pages is gone, an index tells which leaves were in use: it has the rowids of rows, until they are deleted. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { loadEngine } from "../../../src/database/open.ts";
import { salvage } from "../../../src/recovery/salvage/salvage.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";

const engine = await loadEngine();
const PAGE = 4096;

/** A table of 2,000 rows, of which 1,001 were deleted; its root and the list of free pages are gone. */
function salvaged(...more: readonly string[]) {
  const file = join(scratchFolder(), "damaged.sqlite");
  const db = new Database(file);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER)");
  for (const sql of more) db.exec(sql);
  db.exec(`
    WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000)
    INSERT INTO t SELECT i, 'value ' || i, i % 7 FROM c;
    DELETE FROM t WHERE id BETWEEN 500 AND 1500`);
  const root = (name: string) =>
    db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(name) as number;
  const bytes = readFileSync(file);
  for (const page of [root("t"), bytes.readUInt32BE(32)]) bytes.fill(0, (page - 1) * PAGE, page * PAGE);
  db.close();
  writeFileSync(file, bytes);
  const to = `${file}-new`;
  const report = salvage(engine, { from: file, to });
  const result = new Database(to);
  const count = result.prepare("SELECT count(*) FROM t").pluck().get();
  const deleted = result.prepare("SELECT count(*) FROM t WHERE id BETWEEN 500 AND 1500").pluck().get();
  result.close();
  return { report, count, deleted };
}

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
