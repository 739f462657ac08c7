import { expect, test } from "vitest";
import { merge } from "../../src/recovery/merge.ts";
import { rowsLacking } from "../../src/recovery/rows-lacking.ts";
import { databaseOf, twoOf } from "./two-databases.ts";

test("counts by key what the other has and this one lacks, table by table", async () => {
  const schema =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE bag (a); CREATE TABLE same (k TEXT PRIMARY KEY)";
  const [current, other] = twoOf(
    schema,
    "INSERT INTO t VALUES (1, 'mine'); INSERT INTO bag VALUES (1); INSERT INTO same VALUES ('a'), ('b')",
    "INSERT INTO t VALUES (1, 'theirs'), (2, 'new'), (3, 'new'); INSERT INTO bag VALUES (1), (1); INSERT INTO same VALUES ('a')",
  );
  other.exec("CREATE TABLE extra (a); INSERT INTO extra VALUES (1), (2), (3)");
  const lacking = await rowsLacking(current, other);
  expect(lacking).toEqual({
    total: 6,
    complete: true,
    tables: [
      { table: "extra", rows: 3 },
      { table: "t", rows: 2 },
      { table: "bag", rows: 1 },
    ],
  });
  expect(await rowsLacking(current, other, { tables: ["T"] })).toMatchObject({ total: 2 });
});

test("is nothing after a merge", async () => {
  const [current, other] = twoOf(
    "CREATE TABLE t (a, b, PRIMARY KEY (a, b))",
    "",
    "INSERT INTO t VALUES (1, NULL), (1, 2)",
  );
  await merge(current, other);
  expect(await rowsLacking(current, other)).toEqual({ total: 0, complete: true, tables: [] });
});

test("ends when the time is over, with what it has counted", async () => {
  const many =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) INSERT INTO t SELECT i FROM n";
  const [current, other] = [
    databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY)"),
    databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY)", many),
  ];
  const partial = await rowsLacking(current, other, { signal: AbortSignal.timeout(20) });
  expect(partial.complete).toBe(false);
  expect(partial.total).toBeGreaterThan(0);
  expect(partial.total).toBeLessThan(300000);
  expect(current.inTransaction || other.inTransaction).toBe(false);
  expect(await rowsLacking(current, other, { signal: AbortSignal.abort() })).toEqual({
    total: 0,
    complete: false,
    tables: [],
  });
});
