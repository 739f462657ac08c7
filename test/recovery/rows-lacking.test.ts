import { expect, test } from "vitest";
import { merge } from "../../src/recovery/merge.ts";
import { rowsLacking } from "../../src/recovery/rows-lacking.ts";
import { twoOf } from "./two-databases.ts";

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

const SCHEMA = "CREATE TABLE big (id INTEGER PRIMARY KEY, v); CREATE TABLE small (id INTEGER PRIMARY KEY)";
const many = (from: number, to: number) =>
  `WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) INSERT INTO big SELECT i, 1 FROM n`;

test("ends when the time is over, with what it has counted: the newest rows of each table first", async () => {
  const [current, other] = twoOf(SCHEMA, many(1, 300000), many(1, 300000));
  other.exec(`${many(300001, 300010)}; INSERT INTO small VALUES (1), (2)`);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 0);
  const partial = await rowsLacking(current, other, { signal: controller.signal });
  expect(partial).toEqual({
    total: 12,
    complete: false,
    tables: [
      { table: "big", rows: 10 },
      { table: "small", rows: 2 },
    ],
  });
  expect(current.inTransaction || other.inTransaction).toBe(false);
  const nothing = { total: 0, complete: false, tables: [] };
  expect(await rowsLacking(current, other, { signal: AbortSignal.abort() })).toEqual(nothing);
});
