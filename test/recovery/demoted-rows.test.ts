import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { loadEngine } from "../../src/database/open.ts";
import { tellDemotedRows } from "../../src/launch/demoted-rows.ts";
import { countDemotedRows } from "../../src/recovery/demoted-rows.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

function databaseWith(path: string, rows: number, extra = 0): string {
  const db = new Database(path);
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO t SELECT i, 1 FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${extra})
      INSERT INTO t SELECT 10000000 + i, 1 FROM n WHERE i <= ${extra}`);
  db.close();
  return path;
}

test("a count that its share of the time ends is at least so many, and the next one has its share", async () => {
  const folder = scratchFolder();
  const path = databaseWith(join(folder, "current.sqlite"), 300_000);
  const demoted = ["large", "small"].map((name, place) => ({
    path: databaseWith(join(folder, `${name}.sqlite`), place === 0 ? 300_000 : 0, 10),
    scratch: join(folder, `${name}.tmp`),
  }));
  const order = { path, how: "apart", scratch: join(folder, "current.tmp"), demoted } as const;
  const engine = await loadEngine();
  expect(await countDemotedRows(engine, { ...order, within: 60_000 })).toEqual([
    { rows: 10, complete: true },
    { rows: 10, complete: true },
  ]);
  const [large, small] = await countDemotedRows(engine, { ...order, within: 100 });
  expect(large).toEqual({ rows: 10, complete: false });
  expect(small).toEqual({ rows: 10, complete: true });
});

test("one that cannot be read does not keep the others from being counted", async () => {
  const folder = scratchFolder();
  const path = databaseWith(join(folder, "current.sqlite"), 1);
  const good = databaseWith(join(folder, "good.sqlite"), 3);
  const demoted = [join(folder, "missing.sqlite"), good].map((each) => ({ path: each, scratch: `${each}.tmp` }));
  const order = { path, how: "apart", scratch: join(folder, "current.tmp"), demoted, within: 60_000 } as const;
  expect(await countDemotedRows(await loadEngine(), order)).toEqual([
    expect.stringContaining("missing.sqlite"),
    { rows: 2, complete: true },
  ]);
});

const there = "A database of version 2.0.0 is set aside as /b/x-v2.0.0-demoted.sqlite";
const merge = "holdfast demoted merge v2.0.0-demoted";

test.each([
  [0, true, null, null],
  [1, true, `${there}, with 1 row that the current one lacks.`, merge],
  [2, true, `${there}, with 2 rows that the current one lacks.`, merge],
  [2, false, `${there}, with at least 2 rows that the current one lacks.`, merge],
  [
    0,
    false,
    `${there}, and whether it has rows that the current one lacks could not be told within a second.`,
    "holdfast diff v2.0.0-demoted",
  ],
])("%i rows, complete: %s", (rows, complete, message, remedy) => {
  const found = { id: "v2.0.0-demoted", path: "/b/x-v2.0.0-demoted.sqlite", version: "2.0.0", rows, complete };
  const told = tellDemotedRows(found);
  expect([told?.message ?? null, told?.remedy ?? null]).toEqual([message, remedy]);
});
