/** Leaves of tables WITHOUT ROWID that nothing leads to: no row of them goes without a trace. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { loadEngine } from "../../../src/database/open.ts";
import { salvage } from "../../../src/recovery/salvage/salvage.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";

const engine = await loadEngine();
const PAGE = 4096;
const MANY = "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000)";

/** @param trunk whether the list of free pages is lost as well */
function salvaged(sql: string, lost: readonly string[], trunk: boolean) {
  const file = join(scratchFolder(), "damaged.sqlite");
  const db = new Database(file);
  db.exec(sql);
  const find = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck();
  const roots = lost.map((name) => find.get(name) as number);
  const bytes = readFileSync(file);
  for (const page of [...roots, ...(trunk ? [bytes.readUInt32BE(32)] : [])])
    bytes.fill(0, (page - 1) * PAGE, page * PAGE);
  db.close();
  writeFileSync(file, bytes);
  const to = `${file}-new`;
  const report = salvage(engine, { from: file, to });
  const result = new Database(to);
  const aside = result
    .prepare("SELECT count(DISTINCT c0) FROM lost_and_found WHERE c0 NOT LIKE 'value %'")
    .pluck()
    .get();
  result.close();
  return { report, aside };
}

test("where the list of free pages is damaged, their rows are in lost and found", () => {
  const { report, aside } = salvaged(
    `CREATE TABLE w (k TEXT PRIMARY KEY, a INTEGER) WITHOUT ROWID; CREATE TABLE gone (a);
     ${MANY} INSERT INTO w SELECT 'key ' || i, i FROM c; ${MANY} INSERT INTO gone SELECT 'value ' || i FROM c; DELETE FROM gone`,
    ["w"],
    true,
  );
  expect(report.freelistDamaged).toBe(true);
  // What stood on the root itself is lost.
  expect(aside).toBeGreaterThan(980);
  expect(Object.keys(report.lostAndFound?.reasons ?? {})).toContain(
    "it may have been deleted from w: the list of free pages is damaged",
  );
});

test("rows that may be of either of two tables are in lost and found", () => {
  const { report, aside } = salvaged(
    `CREATE TABLE v (k TEXT PRIMARY KEY, a INTEGER) WITHOUT ROWID; CREATE TABLE w (k TEXT PRIMARY KEY, a INTEGER) WITHOUT ROWID;
     ${MANY} INSERT INTO v SELECT 'v ' || i, i FROM c; ${MANY} INSERT INTO w SELECT 'w ' || i, i FROM c`,
    ["v", "w"],
    false,
  );
  expect(aside).toBeGreaterThan(1960);
  expect(Object.keys(report.lostAndFound?.reasons ?? {})).toEqual(["it may be of v or w"]);
});
