import { describe, expect, test } from "vitest";
import { type DiffOptions, diff } from "../../src/recovery/diff.ts";
import { databaseOf, twoOf } from "./two-databases.ts";

const counted = (to: number, value: string) =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) INSERT INTO t SELECT i, ${value} FROM n`;

async function tableDiff(schema: string, left: string, right: string, options?: DiffOptions) {
  const [a, b] = twoOf(schema, left, right);
  const [table] = (await diff(a, b, options)).tables;
  if (!table) throw new Error("the table was not compared");
  return table;
}

describe("rows", () => {
  test("added, removed, changed and the same, with samples", async () => {
    const found = await tableDiff(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n)",
      "INSERT INTO t VALUES (1, 'same', 1), (2, 'left', 2), (3, 'old', 3)",
      "INSERT INTO t VALUES (1, 'same', 1), (3, 'new', 3), (4, 'right', 4)",
    );
    expect(found).toEqual({
      table: "t",
      key: ["id"],
      same: 1,
      added: 1,
      removed: 1,
      changed: 1,
      samples: {
        added: [{ id: 4, name: "right", n: 4 }],
        removed: [{ id: 2, name: "left", n: 2 }],
        changed: [{ key: { id: 3 }, columns: [{ column: "name", left: "old", right: "new" }] }],
      },
    });
  });

  test("values are shown short, and as JSON can hold them", async () => {
    const { samples } = await tableDiff(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
      "",
      `INSERT INTO t VALUES (1, '${"ä".repeat(200)}'), (2, zeroblob(1000)), (3, 9007199254740993), (4, -9e999),
       (5, '${"x".repeat(78)}😀😀'), (6, NULL), (7, CAST(x'41ff' AS TEXT))`,
      { samples: 10 },
    );
    expect(samples.added.map(({ v }) => v)).toEqual([
      `${"ä".repeat(79)}…`,
      { bytes: 1000 },
      "9007199254740993",
      "-Infinity",
      `${"x".repeat(78)}…`,
      null,
      "A\uFFFD",
    ]);
  });

  test("no more samples than asked for, and all rows counted", async () => {
    const found = await tableDiff("CREATE TABLE t (id INTEGER PRIMARY KEY, v)", counted(50, "1"), counted(70, "2"), {
      samples: 2,
    });
    expect(found).toMatchObject({ changed: 50, added: 20 });
    expect(found.samples.changed.map(({ key }) => key)).toEqual([{ id: 1 }, { id: 2 }]);
    expect(found.samples.added.map(({ id }) => id)).toEqual([51, 52]);
  });

  test.each([
    ["an integer and the same real", "1", "1.0", true],
    ["0.0 and -0.0", "0.0", "-0.0", true],
    ["a number and its text", "1", "'1'", false],
    ["a text and its bytes", "'a'", "x'61'", false],
    ["NULL and nothing", "NULL", "''", false],
    ["2^53 and one more", "9007199254740992", "9007199254740993", false],
    ["an integer and the next real", "9007199254740993", "9007199254740992.0", false],
    ["NaN is NULL", "9e999 - 9e999", "NULL", true],
    ["case", "'a'", "'A'", false],
    ["two broken bytes", "CAST(x'ff' AS TEXT)", "CAST(x'fe' AS TEXT)", false],
  ])("%s", async (_, left, right, same) => {
    const insert = (value: string) => `INSERT INTO t VALUES (1, ${value})`;
    const keyed = await tableDiff(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v COLLATE NOCASE)",
      insert(left),
      insert(right),
    );
    expect(keyed).toMatchObject(same ? { same: 1, changed: 0 } : { same: 0, changed: 1 });
    const unkeyed = await tableDiff("CREATE TABLE t (id, v COLLATE NOCASE)", insert(left), insert(right));
    expect(unkeyed).toMatchObject(same ? { same: 1, added: 0, removed: 0 } : { same: 0, added: 1, removed: 1 });
  });

  test("a key that ignores case on one side only: each side looks up in its own way", async () => {
    const left = databaseOf("CREATE TABLE t (k TEXT PRIMARY KEY); INSERT INTO t VALUES ('a'), ('A'), ('b')");
    const right = databaseOf("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO t VALUES ('a'), ('c')");
    expect((await diff(left, right)).tables).toMatchObject([{ same: 1, changed: 1, removed: 1, added: 1 }]);
  });

  test("rows without a key are counted, and those that are gone shown", async () => {
    const found = await tableDiff(
      "CREATE TABLE t (a, b)",
      "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, 'y')",
      "INSERT INTO t VALUES (1, 'x'), (3, NULL), (3, NULL)",
    );
    expect(found).toMatchObject({ key: null, same: 1, added: 2, removed: 2, changed: 0 });
    expect(found.samples.removed).toEqual([
      { a: 1, b: "x" },
      { a: 2, b: "y" },
    ]);
    expect(found.samples.added).toEqual([
      { a: 3, b: null },
      { a: 3, b: null },
    ]);
  });

  test("rows without a key are other rows where only the borders of their values differ", async () => {
    const found = await tableDiff(
      "CREATE TABLE t (a, b)",
      "INSERT INTO t VALUES ('asb', 'c'), (x'61', x''), ('s1;a', NULL)",
      "INSERT INTO t VALUES ('a', 'bsc'), (x'', x'61'), ('s1;', 'an;')",
    );
    expect(found).toMatchObject({ same: 0, added: 3, removed: 3 });
  });

  test("one text in two encodings is one text", async () => {
    const left = databaseOf("CREATE TABLE t (a TEXT, b); INSERT INTO t VALUES ('Grüße 😀', 1), ('\uFFFD', 2)");
    const right = databaseOf("PRAGMA encoding = 'UTF-16be'", "CREATE TABLE t (a TEXT, b)");
    right.exec("INSERT INTO t VALUES ('Grüße 😀', 1), ('\uFFFD', 2)");
    expect((await diff(left, right)).tables).toMatchObject([{ same: 2, added: 0, removed: 0 }]);
  });
});

describe("schema", () => {
  test("two of the same are equal, whatever the line breaks", async () => {
    const left = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE VIEW w AS SELECT * FROM t");
    const right = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY,\n  v TEXT); CREATE VIEW w AS\n SELECT * FROM t");
    const report = await diff(left, right);
    expect(report).toMatchObject({ equal: true, schema: { tables: [], others: [] } });
  });

  test("tables, columns and the rest, on one side only or different", async () => {
    const left = databaseOf(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, old TEXT); CREATE TABLE gone (a); INSERT INTO gone VALUES (1);
       CREATE TABLE c (v TEXT CHECK (v <> ''));
       CREATE INDEX i ON t (v); CREATE VIEW w AS SELECT 1; CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END;`,
    );
    const right = databaseOf(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, V INTEGER NOT NULL DEFAULT 0, new AS (V + 1)); CREATE TABLE made (a);
       CREATE TABLE c (v TEXT); CREATE INDEX i ON t (v, id); CREATE VIRTUAL TABLE f USING fts5 (x);`,
    );
    const report = await diff(left, right);
    expect(report.equal).toBe(false);
    expect(report.schema).toEqual({
      tables: [
        { table: "gone", standing: "only-left", columns: [] },
        { table: "made", standing: "only-right", columns: [] },
        {
          table: "t",
          standing: "different",
          columns: [
            { column: "v", standing: "different", left: "TEXT", right: "INTEGER NOT NULL DEFAULT 0" },
            { column: "old", standing: "only-left", left: "TEXT", right: null },
            { column: "new", standing: "only-right", left: null, right: "GENERATED" },
          ],
        },
        { table: "c", standing: "different", columns: [] },
      ],
      others: [
        { type: "index", name: "i", standing: "different" },
        { type: "trigger", name: "r", standing: "only-left" },
        { type: "view", name: "w", standing: "only-left" },
        { type: "virtual table", name: "f", standing: "only-right" },
      ],
    });
    expect(report.tablesOnlyLeft).toEqual([{ table: "gone", rows: 1 }]);
    expect(report.tablesOnlyRight).toEqual([{ table: "made", rows: 0 }]);
    expect(report.leftOut[0]).toEqual({
      table: "f",
      reason: "a full-text index: its own triggers or its 'rebuild' command keep it",
    });
  });

  test("generated columns are not compared, since what they are computed from is", async () => {
    const three = "INSERT INTO t VALUES (1), (2), (3)";
    const left = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, r AS (id + 1))", three);
    const right = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, r AS (id + 2))", three);
    const [found] = (await diff(left, right)).tables;
    expect(found).toMatchObject({ same: 3, changed: 0 });
  });
});

describe("the run", () => {
  test("changes neither database, and can be one connection twice", async () => {
    const db = databaseOf("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2)");
    db.pragma("query_only = ON");
    const before = db.serialize();
    expect(await diff(db, db)).toMatchObject({ equal: true, tables: [{ same: 1 }] });
    expect(db.serialize().equals(before)).toBe(true);
    expect(db.inTransaction).toBe(false);
  });

  test("a transaction that the caller has begun stays his", async () => {
    const [left, right] = twoOf("CREATE TABLE t (a)", "BEGIN; INSERT INTO t VALUES (1)", "");
    expect((await diff(left, right)).tables).toMatchObject([{ removed: 1 }]);
    expect(left.inTransaction).toBe(true);
  });

  test("tells how far it is up to the end, and stops when told", async () => {
    const [left, right] = twoOf("CREATE TABLE t (id INTEGER PRIMARY KEY, v)", counted(40000, "1"), counted(40000, "2"));
    const seen: number[] = [];
    await diff(left, right, { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen.length).toBeGreaterThan(0);
    expect(Math.max(...seen)).toBeLessThanOrEqual(1);
    const signal = AbortSignal.timeout(1);
    await expect(diff(left, right, { signal })).rejects.toMatchObject({ code: "ABORTED" });
    expect(left.inTransaction || right.inTransaction).toBe(false);
  });
});
