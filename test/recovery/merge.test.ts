import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { diff } from "../../src/recovery/diff.ts";
import { type MergeOptions, type MergeReport, merge } from "../../src/recovery/merge.ts";
import { rowsLacking } from "../../src/recovery/rows-lacking.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";
import { databaseOf, rows, twoOf } from "./two-databases.ts";

const BOOKS = "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT);";

async function refused(...merging: Parameters<typeof merge>): Promise<HoldfastError> {
  const error = await merge(...merging).then(
    () => new Error("it was not refused"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof HoldfastError) return error;
  throw error;
}

const reportOf = (error: HoldfastError) => error.details.report as MergeReport;

interface Case {
  readonly name: string;
  readonly schema: string;
  readonly current: string;
  readonly incoming: string;
  readonly options?: MergeOptions;
  /** The counts of the table `t` that are not 0. */
  readonly counts: Partial<Record<"added" | "same" | "kept" | "replaced" | "refused", number>>;
  /** What is in the table `t` afterwards. */
  readonly rows: readonly string[];
  readonly order?: string;
}

const keepCurrent = { onConflict: "keep-current" } as const;
const keepIncoming = { onConflict: "keep-incoming" } as const;

const CASES: readonly Case[] = [
  {
    name: "new rows are added, and those that are there stay",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
    current: "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    incoming: "INSERT INTO t VALUES (2, 'b'), (3, 'c')",
    counts: { added: 1, same: 1 },
    rows: ["1 'a'", "2 'b'", "3 'c'"],
  },
  {
    name: "keep-current leaves a row that differs as it is",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
    current: "INSERT INTO t VALUES (1, 'mine')",
    incoming: "INSERT INTO t VALUES (1, 'theirs')",
    options: keepCurrent,
    counts: { kept: 1 },
    rows: ["1 'mine'"],
  },
  {
    name: "keep-incoming updates it",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
    current: "INSERT INTO t VALUES (1, 'mine'), (2, 'b')",
    incoming: "INSERT INTO t VALUES (1, 'theirs')",
    options: keepIncoming,
    counts: { replaced: 1 },
    rows: ["1 'theirs'", "2 'b'"],
  },
  {
    name: "a composite key without a rowid",
    schema: "CREATE TABLE t (a TEXT, b INTEGER, v, PRIMARY KEY (b, a)) WITHOUT ROWID",
    current: "INSERT INTO t VALUES ('x', 1, 'a'), ('y', 1, 'b')",
    incoming: "INSERT INTO t VALUES ('x', 1, 'A'), ('x', 2, 'c')",
    options: keepIncoming,
    counts: { added: 1, replaced: 1 },
    rows: ["'x' 1 'A'", "'x' 2 'c'", "'y' 1 'b'"],
    order: "a, b",
  },
  {
    name: "a key that ignores case: the row is updated, its key too",
    schema: "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v)",
    current: "INSERT INTO t VALUES ('Ann', 1), ('Bob', 2)",
    incoming: "INSERT INTO t VALUES ('ANN', 1), ('bob', 2), ('Cid', 3)",
    options: keepIncoming,
    counts: { added: 1, replaced: 2 },
    rows: ["'ANN' 1", "'bob' 2", "'Cid' 3"],
  },
  {
    name: "a key of an integer finds the same number as a real",
    schema: "CREATE TABLE t (k PRIMARY KEY, v) WITHOUT ROWID",
    current: "INSERT INTO t VALUES (1, 'a'), ('1', 'text'), (x'31', 'blob')",
    incoming: "INSERT INTO t VALUES (1.0, 'a'), ('1', 'text'), (x'31', 'blob')",
    counts: { same: 3 },
    rows: ["1 'a'", "'1' 'text'", "X'31' 'blob'"],
    order: "k",
  },
  {
    name: "integers beyond 2^53 are told apart and kept to the digit",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)",
    current: "INSERT INTO t VALUES (9007199254740992, 9223372036854775807)",
    incoming: "INSERT INTO t VALUES (9007199254740993, -9223372036854775808)",
    counts: { added: 1 },
    rows: ["9007199254740992 9223372036854775807", "9007199254740993 -9223372036854775808"],
  },
  {
    name: "values keep their types",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
    current: "",
    incoming: "INSERT INTO t VALUES (1, 1), (2, 1.0), (3, '1'), (4, x'31'), (5, NULL), (6, 9e999), (7, ''), (8, x'')",
    counts: { added: 8 },
    rows: ["1 1", "2 1.0", "3 '1'", "4 X'31'", "5 NULL", "6 9.0e+999", "7 ''", "8 X''"],
  },
  {
    name: "text that is not UTF-8 keeps its bytes, and one broken byte is not another",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, bytes TEXT)",
    current: "INSERT INTO t VALUES (1, CAST(x'41ff' AS TEXT)), (2, char(65533))",
    incoming:
      "INSERT INTO t VALUES (1, CAST(x'41fe' AS TEXT)), (2, char(65533)), (3, CAST(x'fd' AS TEXT)), (4, 'a' || char(0) || 'b')",
    options: keepIncoming,
    counts: { added: 2, same: 1, replaced: 1 },
    rows: ["1 41FE", "2 EFBFBD", "3 FD", "4 610062"],
  },
  {
    name: "rows without a key are counted: what is not there often enough is added",
    schema: "CREATE TABLE t (a, b)",
    current: "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, NULL)",
    incoming: "INSERT INTO t VALUES (1, 'x'), (2, NULL), (2, NULL), (3, 'y')",
    counts: { added: 2, same: 2 },
    rows: ["1 'x'", "1 'x'", "2 NULL", "2 NULL", "3 'y'"],
    order: "a",
  },
  {
    name: "rows with a NULL in their primary key are counted, the others looked up",
    schema: "CREATE TABLE t (a, b, v, PRIMARY KEY (a, b))",
    current: "INSERT INTO t VALUES (1, NULL, 'x'), (1, 1, 'old')",
    incoming: "INSERT INTO t VALUES (1, NULL, 'x'), (1, NULL, 'x'), (1, 1, 'new')",
    options: keepIncoming,
    counts: { added: 1, same: 1, replaced: 1 },
    rows: ["1 1 'new'", "1 NULL 'x'", "1 NULL 'x'"],
    order: "b DESC",
  },
  {
    name: "without a primary key, a unique key of columns that are NOT NULL tells rows apart",
    schema: "CREATE TABLE t (loose UNIQUE, k TEXT NOT NULL UNIQUE, v)",
    current: "INSERT INTO t VALUES (NULL, 'a', 1)",
    incoming: "INSERT INTO t VALUES (NULL, 'a', 2), (NULL, 'b', 3)",
    options: keepCurrent,
    counts: { added: 1, kept: 1 },
    rows: ["NULL 'a' 1", "NULL 'b' 3"],
  },
  {
    name: "a new row that collides on a unique index stays out under keep-current",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT UNIQUE)",
    current: "INSERT INTO t VALUES (1, 'ann@x')",
    incoming: "INSERT INTO t VALUES (2, 'ann@x'), (3, 'bob@x')",
    options: keepCurrent,
    counts: { added: 1, kept: 1 },
    rows: ["1 'ann@x'", "3 'bob@x'"],
  },
  {
    name: "and under keep-incoming takes the place of a row that only the current database has",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, v)",
    current: "INSERT INTO t VALUES (1, 'ann@x', 'mine')",
    incoming: "INSERT INTO t VALUES (2, 'ann@x', 'theirs')",
    options: keepIncoming,
    counts: { replaced: 1 },
    rows: ["2 'ann@x' 'theirs'"],
  },
  {
    name: "values that move on from row to row find their place in the end",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, rank INTEGER UNIQUE)",
    current: "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)",
    incoming: "INSERT INTO t VALUES (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 1)",
    options: keepIncoming,
    counts: { added: 1, replaced: 5 },
    rows: ["1 2", "2 3", "3 4", "4 5", "5 6", "6 1"],
  },
  {
    name: "a generated column is computed, not written",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, v, twice AS (v * 2) STORED, thrice AS (v * 3))",
    current: "INSERT INTO t (id, v) VALUES (1, 1)",
    incoming: "INSERT INTO t (id, v) VALUES (1, 1), (2, 5)",
    counts: { added: 1, same: 1 },
    rows: ["1 1", "2 5"],
  },
  {
    name: "ON CONFLICT REPLACE in the table deletes nothing",
    schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT UNIQUE ON CONFLICT REPLACE)",
    current: "INSERT INTO t VALUES (1, 'ann@x')",
    incoming: "INSERT INTO t VALUES (2, 'ann@x')",
    options: keepCurrent,
    counts: { kept: 1 },
    rows: ["1 'ann@x'"],
  },
  {
    name: "names are quoted, whatever they are",
    schema: 'CREATE TABLE "t" ("select" INTEGER PRIMARY KEY, "a ""b"" ?1", "x]; DROP TABLE t; --" TEXT)',
    current: "INSERT INTO t VALUES (1, 1, 'a')",
    incoming: "INSERT INTO t VALUES (1, 2, 'b'), (2, 3, 'c')",
    options: keepIncoming,
    counts: { added: 1, replaced: 1 },
    rows: ["1 2 'b'", "2 3 'c'"],
  },
];

test.each(CASES)("$name", async ({ schema, current, incoming, options, counts, rows: expected, order }) => {
  const [mine, theirs] = twoOf(schema, current, incoming);
  const report = await merge(mine, theirs, options);
  const { added, same, kept, replaced, refused, unresolved } = report.tables[0] ?? {};
  expect({ added, same, kept, replaced, refused, unresolved }).toEqual({
    ...{ added: 0, same: 0, kept: 0, replaced: 0, refused: 0, unresolved: 0 },
    ...counts,
  });
  expect(report.outcome).toBe("merged");
  expect(rows(mine, "t", order)).toEqual(expected);
});

describe("conflicts", () => {
  test("abort lists them all, and writes nothing", async () => {
    const [current, incoming] = twoOf(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, n)",
      "INSERT INTO t VALUES (1, 'ann@x', 1), (2, 'bob@x', 2)",
      "INSERT INTO t VALUES (1, 'ann@y', 1), (3, 'bob@x', 2), (4, 'cid@x', 3)",
    );
    const before = current.serialize();
    const error = await refused(current, incoming);
    expect(error).toMatchObject({
      code: "MERGE_CONFLICT",
      message: "2 rows of :memory: cannot be brought into :memory: without a conflict. Nothing was written.",
      hint: "Look at the conflicts, then say whose values are to stay, the current database's: merge --on-conflict keep-current, or the other's: merge --on-conflict keep-incoming",
    });
    expect(JSON.parse(JSON.stringify(reportOf(error)))).toMatchObject({
      outcome: "refused",
      tables: [{ table: "t", key: ["id"], added: 1, unresolved: 2 }],
      conflicts: {
        total: 2,
        listed: [
          {
            kind: "changed",
            key: { id: 1 },
            columns: [{ column: "mail", current: "ann@x", incoming: "ann@y" }],
            resolution: "none",
          },
          {
            kind: "unique",
            key: { id: 3 },
            columns: [{ column: "id", current: 2, incoming: 3 }],
            resolution: "none",
            message: "UNIQUE constraint failed: t.mail",
          },
        ],
      },
    });
    expect(current.serialize().equals(before)).toBe(true);
  });

  test("only the first are listed, all are counted", async () => {
    const [current, incoming] = twoOf(
      BOOKS,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) INSERT INTO book SELECT i, 'a' FROM n",
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) INSERT INTO book SELECT i, 'b' FROM n",
    );
    const { conflicts } = reportOf(await refused(current, incoming, { listed: 3 }));
    expect(conflicts.total).toBe(30);
    expect(conflicts.listed.map(({ key }) => key)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
  });

  test("two rows that swap a unique value cannot be told apart without deleting one: refused", async () => {
    const [current, incoming] = twoOf(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, rank INTEGER UNIQUE)",
      "INSERT INTO t VALUES (1, 1), (2, 2)",
      "INSERT INTO t VALUES (1, 2), (2, 1)",
    );
    const error = await refused(current, incoming, keepIncoming);
    expect(error.hint).toBe(
      "Keep the current database's values, which changes no row: merge --on-conflict keep-current. Or merge fewer tables with --tables.",
    );
    expect(reportOf(error).tables[0]).toMatchObject({ unresolved: 2, replaced: 0 });
    expect(rows(current, "t")).toEqual(["1 1", "2 2"]);
  });

  test("a row does not take the place of one that the incoming database has too", async () => {
    const current = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT UNIQUE CHECK (mail <> 'bad'))");
    const incoming = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT)");
    current.exec("INSERT INTO t VALUES (1, 'ann@x')");
    incoming.exec("INSERT INTO t VALUES (1, 'bad'), (2, 'ann@x')");
    const error = await refused(current, incoming, keepIncoming);
    expect(reportOf(error).tables).toMatchObject([{ refused: 1, unresolved: 1 }]);
    expect(rows(current, "t")).toEqual(["1 'ann@x'"]);
  });

  test("nor of two at once", async () => {
    const [current, incoming] = twoOf(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, nick TEXT UNIQUE)",
      "INSERT INTO t VALUES (1, 'ann@x', 'bo'), (2, 'bob@x', 'ann')",
      "INSERT INTO t VALUES (3, 'ann@x', 'ann')",
    );
    const error = await refused(current, incoming, keepIncoming);
    expect(reportOf(error).conflicts).toMatchObject({ total: 1, listed: [{ kind: "unique", resolution: "none" }] });
    expect(rows(current, "t")).toHaveLength(2);
  });

  test("a collision on an index of an expression is a conflict without the other row", async () => {
    const [current, incoming] = twoOf(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT); CREATE UNIQUE INDEX u ON t (lower(mail))",
      "INSERT INTO t VALUES (1, 'Ann')",
      "INSERT INTO t VALUES (2, 'ann')",
    );
    const { conflicts } = reportOf(await refused(current, incoming, keepIncoming));
    expect(conflicts.listed).toEqual([
      {
        table: "t",
        kind: "unique",
        key: { id: 2 },
        columns: [],
        resolution: "none",
        message: "UNIQUE constraint failed: index 'u'",
      },
    ]);
  });

  test("a dry run reports what would be refused, and throws nothing", async () => {
    const [current, incoming] = twoOf(BOOKS, "INSERT INTO book VALUES (1, 'a')", "INSERT INTO book VALUES (1, 'b')");
    expect(await merge(current, incoming, { dryRun: true })).toMatchObject({ outcome: "would-refuse" });
    expect(await merge(current, incoming, { dryRun: true, ...keepIncoming })).toMatchObject({ outcome: "would-merge" });
    expect(rows(current, "book")).toEqual(["1 'a'"]);
  });
});

describe("schemas that differ", () => {
  test("columns that only one side has: defaults here, listed there", async () => {
    const current = databaseOf(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, Title TEXT, stars INTEGER DEFAULT 3, note TEXT)",
    );
    const incoming = databaseOf("CREATE TABLE T (id INTEGER PRIMARY KEY, title TEXT, colour TEXT)");
    current.exec("INSERT INTO t VALUES (1, 'a', 5, 'mine')");
    incoming.exec("INSERT INTO t VALUES (1, 'b', 'red'), (2, 'c', 'blue')");
    const report = await merge(current, incoming, keepIncoming);
    expect(report.tables).toMatchObject([{ table: "t", added: 1, replaced: 1, columnsNotMerged: ["colour"] }]);
    expect(rows(current, "t")).toEqual(["1 'b' 5 'mine'", "2 'c' 3 NULL"]);
  });

  test("new rows cannot fill a column that is NOT NULL, has no default and is not there; others still merge", async () => {
    const current = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, v, must TEXT NOT NULL)");
    const incoming = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    current.exec("INSERT INTO t VALUES (1, 'a', 'x')");
    incoming.exec("INSERT INTO t VALUES (1, 'b'), (2, 'c')");
    const report = await merge(current, incoming, keepIncoming);
    expect(report.refused.listed).toEqual([
      {
        table: "t",
        key: { id: 2 },
        reason: "must is NOT NULL, has no default, and is not in the incoming table",
      },
    ]);
    expect(rows(current, "t")).toEqual(["1 'b' 'x'"]);
  });

  test("tables that only the incoming database has are named with their rows", async () => {
    const current = databaseOf(BOOKS);
    const incoming = databaseOf(BOOKS, "CREATE TABLE extra (a); INSERT INTO extra VALUES (1), (2)");
    const report = await merge(current, incoming);
    expect(report.leftOut).toEqual([
      { table: "extra", reason: "the current database has no such table: its 2 rows do not fit" },
    ]);
  });

  test("a value that is stored as another type here is the same when merged again", async () => {
    const current = databaseOf("CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER, r REAL)");
    const incoming = databaseOf("CREATE TABLE t (k INTEGER PRIMARY KEY, n TEXT, r TEXT)");
    incoming.exec("INSERT INTO t VALUES (1, '10', '2.50'), (2, 'ten', '3')");
    expect((await merge(current, incoming)).tables).toMatchObject([{ added: 2 }]);
    expect(rows(current, "t")).toEqual(["'1' 10 2.5", "'2' 'ten' 3.0"]);
    expect((await merge(current, incoming)).tables).toMatchObject([{ added: 0, same: 2 }]);
  });

  test("without a key, a column of another type makes rows impossible to count: left out", async () => {
    const current = databaseOf("CREATE TABLE t (n INTEGER)");
    const incoming = databaseOf("CREATE TABLE t (n TEXT); INSERT INTO t VALUES ('1')");
    const report = await merge(current, incoming);
    expect(report.tables).toEqual([]);
    expect(report.leftOut).toEqual([
      { table: "t", reason: "it has no key that both know, and n is of another type: its rows cannot be told apart" },
    ]);
  });

  test("text of a UTF-16 database arrives as it is", async () => {
    const current = databaseOf(BOOKS, "INSERT INTO book VALUES (1, 'Grüße 😀')");
    const incoming = databaseOf("PRAGMA encoding = 'UTF-16le'", BOOKS);
    incoming.exec("INSERT INTO book VALUES (1, 'Grüße 😀'), (2, 'ça')");
    expect((await merge(current, incoming)).tables).toMatchObject([{ added: 1, same: 1 }]);
    expect(rows(current, "book")).toEqual(["1 'Grüße 😀'", "2 'ça'"]);
  });
});

describe("what the current database refuses", () => {
  test.each([
    ["CHECK", "v INTEGER CHECK (v > 0)", "-1", "CHECK constraint failed: v > 0"],
    ["NOT NULL", "v INTEGER NOT NULL", "NULL", "NOT NULL constraint failed: t.v"],
    ["NOT NULL ON CONFLICT IGNORE", "v INTEGER NOT NULL ON CONFLICT IGNORE", "NULL", "NOT NULL constraint failed: t.v"],
  ])("%s: the row is listed, the rest is merged", async (_, column, value, reason) => {
    const current = databaseOf(`CREATE TABLE t (id INTEGER PRIMARY KEY, ${column})`);
    const incoming = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    incoming.exec(`INSERT INTO t VALUES (1, ${value}), (2, 7)`);
    const report = await merge(current, incoming);
    expect(report.refused).toMatchObject({ total: 1, listed: [{ table: "t", key: { id: 1 }, reason }] });
    expect(rows(current, "t")).toEqual(["2 7"]);
  });

  test("a row without the key that would become its rowid", async () => {
    const current = databaseOf(BOOKS);
    const incoming = databaseOf(
      "CREATE TABLE book (id INT PRIMARY KEY, title TEXT); INSERT INTO book VALUES (NULL, 'a')",
    );
    expect((await merge(current, incoming)).refused.listed).toMatchObject([{ reason: "its primary key is NULL" }]);
    expect(rows(current, "book")).toEqual([]);
  });

  test("a STRICT type, and a key that cannot be a rowid", async () => {
    const current = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER) STRICT");
    const incoming = databaseOf("CREATE TABLE t (id TEXT PRIMARY KEY, v) WITHOUT ROWID");
    incoming.exec("INSERT INTO t VALUES ('1', 'ten'), ('two', 2), ('3', 3)");
    const report = await merge(current, incoming);
    expect(report.refused.listed.map(({ reason }) => reason)).toEqual([
      "cannot store TEXT value in INTEGER column t.v",
      "datatype mismatch",
    ]);
    expect(rows(current, "t")).toEqual(["3 3"]);
  });
});

describe("foreign keys", () => {
  const FAMILY = `CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE);`;

  test("parents come first, whatever the order of the tables", async () => {
    const [current, incoming] = twoOf(
      FAMILY,
      "",
      "INSERT INTO parent VALUES (1, 'a'); INSERT INTO child VALUES (1, 1)",
    );
    const report = await merge(current, incoming);
    expect(report.tables.map(({ table }) => table)).toEqual(["parent", "child"]);
    expect(rows(current, "child")).toEqual(["1 1"]);
  });

  test("a row whose parent is nowhere is refused", async () => {
    const [current, incoming] = twoOf(FAMILY, "INSERT INTO parent VALUES (2, 'b')", "");
    incoming.pragma("foreign_keys = OFF");
    incoming.exec("INSERT INTO child VALUES (1, 1), (2, 2), (3, NULL)");
    const report = await merge(current, incoming);
    expect(report.refused.listed).toEqual([
      { table: "child", key: { id: 1 }, reason: "FOREIGN KEY constraint failed: p has no row in parent" },
    ]);
    expect(rows(current, "child")).toEqual(["2 2", "3 NULL"]);
  });

  test("so is one whose parent was refused", async () => {
    const current = databaseOf(FAMILY.replace("code TEXT", "code TEXT CHECK (code <> 'bad')"));
    const incoming = databaseOf(FAMILY, "INSERT INTO parent VALUES (1, 'bad'); INSERT INTO child VALUES (1, 1)");
    const report = await merge(current, incoming);
    expect(report.refused.listed.map(({ table }) => table)).toEqual(["parent", "child"]);
  });

  test("rows that refer to later rows of their own table", async () => {
    const [current, incoming] = twoOf(
      "CREATE TABLE node (id INTEGER PRIMARY KEY, up INTEGER REFERENCES node)",
      "",
      "INSERT INTO node VALUES (3, NULL), (2, 3), (1, 2), (4, 4)",
    );
    expect((await merge(current, incoming)).tables).toMatchObject([{ added: 4 }]);
    expect(current.pragma("foreign_key_check")).toEqual([]);
  });

  test("two tables that refer to each other", async () => {
    const [current, incoming] = twoOf(
      "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b DEFERRABLE INITIALLY DEFERRED); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a)",
      "",
      "BEGIN; INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1); COMMIT",
    );
    expect((await merge(current, incoming)).tables).toMatchObject([{ added: 1 }, { added: 1 }]);
    expect(current.pragma("foreign_key_check")).toEqual([]);
  });

  test("a circle that stays open refuses the merge", async () => {
    const [current, incoming] = twoOf("CREATE TABLE node (id INTEGER PRIMARY KEY, up INTEGER REFERENCES node)", "", "");
    incoming.pragma("foreign_keys = OFF");
    incoming.exec("INSERT INTO node VALUES (1, 9), (2, 9), (3, NULL)");
    const error = await refused(current, incoming, keepCurrent);
    expect(error).toMatchObject({
      code: "MERGE_CONFLICT",
      message: "1 foreign key value would be left without a parent. Nothing was written.",
      hint: "Merge fewer tables with --tables; the report names those that are in the way.",
    });
    expect(reportOf(error).violations.listed).toEqual([
      { table: "node", columns: ["up"], values: [9], parent: "node", rows: 2 },
    ]);
    expect(rows(current, "node")).toEqual([]);
  });

  test("a row that is replaced is looked at in the end too, where its parent may still come", async () => {
    const [current, incoming] = twoOf(
      "CREATE TABLE node (id INTEGER PRIMARY KEY, up INTEGER REFERENCES node)",
      "INSERT INTO node VALUES (1, NULL)",
      "INSERT INTO node VALUES (1, NULL), (7, NULL); UPDATE node SET up = 7 WHERE id = 1",
    );
    expect(await merge(current, incoming, { ...keepIncoming, dryRun: true })).toMatchObject({ outcome: "would-merge" });
    incoming.pragma("foreign_keys = OFF");
    incoming.exec("DELETE FROM node WHERE id = 7");
    const error = await refused(current, incoming, keepIncoming);
    expect(reportOf(error).violations.listed).toMatchObject([{ table: "node", values: [7] }]);
  });

  test("a row that broke a foreign key before, and still does, is replaced like any other", async () => {
    const [current, incoming] = twoOf(
      `CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES parent, v);
       PRAGMA foreign_keys = OFF`,
      "INSERT INTO t VALUES (1, 9, 'old')",
      "INSERT INTO t VALUES (1, 9, 'new')",
    );
    expect((await merge(current, incoming, keepIncoming)).tables.at(-1)).toMatchObject({ replaced: 1, refused: 0 });
    expect(rows(current, "t")).toEqual(["1 9 'new'"]);
  });

  test("rows that broke a foreign key before do not stand in the way", async () => {
    const [current, incoming] = twoOf(FAMILY, "", "INSERT INTO parent VALUES (1, 'a')");
    current.pragma("foreign_keys = OFF");
    current.exec("INSERT INTO child VALUES (1, 77)");
    expect(await merge(current, incoming)).toMatchObject({ outcome: "merged", violations: { total: 0 } });
    expect(rows(current, "child")).toEqual(["1 77"]);
  });

  test("a value that current rows refer to is not taken away from them", async () => {
    const schema = `CREATE TABLE country (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
      CREATE TABLE city (name TEXT PRIMARY KEY, country TEXT REFERENCES country (code) ON UPDATE CASCADE);`;
    const [current, incoming] = twoOf(
      schema,
      "INSERT INTO country VALUES (1, 'D'); INSERT INTO city VALUES ('Ulm', 'D')",
      "INSERT INTO country VALUES (1, 'DE')",
    );
    const error = await refused(current, incoming, keepIncoming);
    expect(reportOf(error).violations.listed).toEqual([
      { table: "city", columns: ["country"], values: ["D"], parent: "country", rows: 1 },
    ]);
    // With the city's own new value there is nothing to refuse, and no action of the foreign key is needed.
    incoming.exec("INSERT INTO city VALUES ('Ulm', 'DE')");
    expect(await merge(current, incoming, keepIncoming)).toMatchObject({ outcome: "merged" });
    expect(rows(current, "city")).toEqual(["'Ulm' 'DE'"]);
  });

  const states = (code: string, city: string) =>
    `PRAGMA foreign_keys = OFF; CREATE TABLE state (id INTEGER PRIMARY KEY, ${code} UNIQUE); CREATE TABLE city (${city})`;

  test.each([
    ["of another type", "code REAL", "'2'", "2.0", "3.0"],
    ["that ignores case", "code TEXT COLLATE NOCASE", "'d'", "'D'", "'E'"],
  ])("nor is a value %s", async (_, code, child, before, after) => {
    const [current, incoming] = twoOf(
      states(code, "country TEXT REFERENCES state (code)"),
      `INSERT INTO state VALUES (1, ${before}); INSERT INTO city VALUES (${child})`,
      `INSERT INTO state VALUES (1, ${after})`,
    );
    const error = await refused(current, incoming, keepIncoming);
    const broken = [{ table: "city", columns: ["country"], parent: "state", rows: 1 }];
    expect(reportOf(error).violations).toMatchObject({ total: 1, listed: broken });
  });

  test("what SQLite cannot check, since a foreign key is declared wrongly, does not stand in the way", async () => {
    const [current, incoming] = twoOf(
      states("code INTEGER", "country TEXT REFERENCES state (code), wrong REFERENCES city (country)"),
      "INSERT INTO state VALUES (1, 2); INSERT INTO city VALUES ('2', NULL)",
      "INSERT INTO state VALUES (1, 3)",
    );
    expect(await merge(current, incoming, keepIncoming)).toMatchObject({ outcome: "merged" });
  });

  test("a row that takes another's place leaves no child behind", async () => {
    const [current, incoming] = twoOf(
      FAMILY,
      "INSERT INTO parent VALUES (1, 'a'); INSERT INTO child VALUES (1, 1)",
      "INSERT INTO parent VALUES (2, 'a')",
    );
    const error = await refused(current, incoming, keepIncoming);
    expect(reportOf(error).violations).toMatchObject({ total: 1, listed: [{ table: "child", values: [1] }] });
    expect(rows(current, "child")).toEqual(["1 1"]);
  });

  test("a foreign key on a column that only the current table has is held to its default", async () => {
    const current = databaseOf(
      "CREATE TABLE kind (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, kind INTEGER DEFAULT 5 REFERENCES kind)",
    );
    const incoming = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    expect((await merge(current, incoming)).refused.total).toBe(1);
    current.exec("INSERT INTO kind VALUES (5)");
    expect((await merge(current, incoming)).tables).toMatchObject([{ added: 1 }]);
  });

  test("and in a row that is replaced to the value that stands there", async () => {
    const current = databaseOf(
      `CREATE TABLE part (kind, nr, PRIMARY KEY (kind, nr)); INSERT INTO part VALUES ('a', 1), ('b', 2);
       CREATE TABLE t (id INTEGER PRIMARY KEY, kind, nr, FOREIGN KEY (kind, nr) REFERENCES part)`,
      "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)",
    );
    const incoming = databaseOf("CREATE TABLE t (id INTEGER PRIMARY KEY, nr); INSERT INTO t VALUES (1, 2), (2, NULL)");
    const report = await merge(current, incoming, keepIncoming);
    expect(report.refused.listed).toEqual([
      { table: "t", key: { id: 1 }, reason: "FOREIGN KEY constraint failed: kind,nr has no row in part" },
    ]);
    expect(rows(current, "t")).toEqual(["1 'a' 1", "2 'b' NULL"]);
  });

  test("enforcement is as it was afterwards, also when the merge was refused", async () => {
    const [current, incoming] = twoOf(BOOKS, "INSERT INTO book VALUES (1, 'a')", "INSERT INTO book VALUES (1, 'b')");
    await refused(current, incoming);
    expect(current.pragma("foreign_keys", { simple: true })).toBe(1);
    expect(current.inTransaction || incoming.inTransaction).toBe(false);
    current.pragma("foreign_keys = OFF");
    await merge(current, incoming, keepIncoming);
    expect(current.pragma("foreign_keys", { simple: true })).toBe(0);
  });
});

describe("triggers", () => {
  const schemaOf = (db: Database.Database) =>
    db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name").all();

  test("those of a full-text index fire, and it finds what was merged", async () => {
    const [current, incoming] = twoOf(
      `${BOOKS} CREATE VIRTUAL TABLE found USING fts5 (title, content = 'book', content_rowid = 'id');
       CREATE TRIGGER added AFTER INSERT ON book BEGIN INSERT INTO 'found' (rowid, title) VALUES (new.id, new.title); END;
       CREATE TRIGGER changed AFTER UPDATE ON book BEGIN
         INSERT INTO found (found, rowid, title) VALUES ('delete', old.id, old.title);
         INSERT INTO [found] (rowid, title) VALUES (new.id, new.title); END;`,
      "INSERT INTO book VALUES (1, 'Emma')",
      "INSERT INTO book VALUES (1, 'Persuasion'), (2, 'Dubliners')",
    );
    const report = await merge(current, incoming, keepIncoming);
    expect(report.suspendedTriggers).toEqual([]);
    const search = (word: string) => current.prepare("SELECT rowid FROM found WHERE found MATCH ?").pluck().all(word);
    expect([search("emma"), search("persuasion"), search("dubliners")]).toEqual([[], [1], [2]]);
    current.exec("INSERT INTO found (found, rank) VALUES ('integrity-check', 1)");
  });

  test("those that write rows do not fire, and are there afterwards as before", async () => {
    const [current, incoming] = twoOf(
      `${BOOKS} CREATE TABLE log (what); CREATE TABLE total (id INTEGER PRIMARY KEY, n); INSERT INTO total VALUES (1, 0);
       CREATE TRIGGER logged AFTER INSERT ON book BEGIN SELECT 1; INSERT INTO log VALUES (new.id); END;
       CREATE TRIGGER counted AFTER INSERT ON book /* UPDATE */ BEGIN UPDATE OR IGNORE total SET n = n + 1; END;
       CREATE TRIGGER pruned AFTER INSERT ON book BEGIN DELETE FROM book WHERE id < new.id; END;
       CREATE TRIGGER gone AFTER DELETE ON book BEGIN DELETE FROM log; END;`,
      "INSERT INTO book VALUES (1, 'mine'); DELETE FROM log; UPDATE total SET n = 0",
      "INSERT INTO book VALUES (2, 'theirs'); DELETE FROM log; UPDATE total SET n = 0",
    );
    const before = schemaOf(current);
    const report = await merge(current, incoming);
    expect(report.suspendedTriggers).toEqual(["logged", "counted", "pruned"]);
    expect(rows(current, "book")).toEqual(["1 'mine'", "2 'theirs'"]);
    expect([rows(current, "log"), rows(current, "total")]).toEqual([[], ["1 0"]]);
    expect(schemaOf(current)).toEqual(before);
    current.exec("INSERT INTO book VALUES (3, 'later')");
    expect(rows(current, "log")).toEqual(["3"]);
  });

  test("one that refuses rows does so", async () => {
    const [current, incoming] = twoOf(BOOKS, "", "INSERT INTO book VALUES (1, ''), (2, 'b'), (3, 'skip')");
    current.exec(`CREATE TRIGGER named BEFORE INSERT ON book WHEN new.title = '' BEGIN SELECT RAISE(ABORT, 'no title'); END;
      CREATE TRIGGER skips BEFORE INSERT ON book WHEN new.title = 'skip' BEGIN SELECT RAISE(IGNORE); END;`);
    const report = await merge(current, incoming);
    expect(report.refused.listed.map(({ reason }) => reason)).toEqual([
      "no title",
      "a trigger of the table passes it over",
    ]);
    expect(rows(current, "book")).toEqual(["2 'b'"]);
  });

  test("one that fails halfway leaves nothing of the row", async () => {
    const [current, incoming] = twoOf(BOOKS, "", "INSERT INTO book VALUES (1, 'bad'), (2, 'b')");
    current.exec(
      "CREATE TRIGGER fails AFTER INSERT ON book WHEN new.title = 'bad' BEGIN SELECT RAISE(FAIL, 'bad title'); END",
    );
    expect((await merge(current, incoming)).refused.listed).toMatchObject([{ reason: "bad title" }]);
    expect(rows(current, "book")).toEqual(["2 'b'"]);
  });

  test("one that ends the transaction ends the merge, with nothing written", async () => {
    const [current, incoming] = twoOf(BOOKS, "", "INSERT INTO book VALUES (1, 'a'), (2, 'stop')");
    current.exec(
      "CREATE TRIGGER stops BEFORE INSERT ON book WHEN new.title = 'stop' BEGIN SELECT RAISE(ROLLBACK, 'stopped'); END",
    );
    expect(await refused(current, incoming)).toMatchObject({
      code: "CHECK_IMPOSSIBLE",
      message: expect.stringContaining("stopped"),
    });
    expect(rows(current, "book")).toEqual([]);
  });
});

describe("AUTOINCREMENT", () => {
  const SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE)";

  test("no id is given twice, not even one whose row the other database has deleted", async () => {
    const [current, incoming] = twoOf(
      SCHEMA,
      "INSERT INTO t VALUES (3, 'a')",
      "INSERT INTO t VALUES (5, 'b'), (9, 'c'); DELETE FROM t WHERE id = 9",
    );
    await merge(current, incoming);
    current.exec("INSERT INTO t (v) VALUES ('next')");
    expect(rows(current, "t")).toEqual(["3 'a'", "5 'b'", "10 'next'"]);
  });

  test("the counter never falls, and follows a key that was updated", async () => {
    const [current, incoming] = twoOf(SCHEMA, "INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (7, 'a')");
    await merge(current, incoming, keepIncoming);
    expect(rows(current, "sqlite_sequence")).toEqual(["'t' 7"]);
    current.exec("INSERT INTO t VALUES (20, 'gone'); DELETE FROM t WHERE id = 20");
    await merge(current, incoming);
    expect(rows(current, "sqlite_sequence")).toEqual(["'t' 20"]);
  });
});

test("SQL that stands in the incoming database never runs", async () => {
  const made = databaseOf();
  made.function("trap", { deterministic: true }, () => 1);
  made.exec(`CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT CHECK (trap()), virtual AS (trap()), stored AS (trap()) STORED);
    CREATE INDEX part ON book (title) WHERE trap(); CREATE UNIQUE INDEX computed ON book (trap(), id);
    CREATE VIEW pragma_table_list AS SELECT trap(); CREATE VIEW bag AS SELECT trap() AS a;
    CREATE TRIGGER sprung BEFORE INSERT ON book BEGIN SELECT trap(); END;
    INSERT INTO book (id, title) VALUES (1, 'a'), (2, 'b')`);
  const incoming = new Database(made.serialize());
  onTestFinished(() => void incoming.close());
  let sprung = 0;
  incoming.function("trap", { deterministic: true }, () => ++sprung);
  const current = databaseOf(BOOKS, "CREATE TABLE bag (a)", "INSERT INTO book VALUES (2, 'b'), (3, 'c')");
  await rowsLacking(current, incoming);
  await diff(current, incoming);
  await diff(incoming, current);
  expect((await merge(current, incoming)).tables).toMatchObject([{ table: "book", added: 1, same: 1 }]);
  expect(sprung).toBe(0);
  incoming.exec("INSERT INTO book (id, title) VALUES (9, 'the trap works')");
  expect(sprung).toBeGreaterThan(0);
});

describe("the run", () => {
  test("only the tables that are asked for; a name that is nowhere is an error", async () => {
    const [current, incoming] = twoOf(
      `${BOOKS} CREATE TABLE other (a)`,
      "",
      "INSERT INTO book VALUES (1, 'a'); INSERT INTO other VALUES (1)",
    );
    expect((await merge(current, incoming, { tables: ["BOOK"] })).tables.map(({ table }) => table)).toEqual(["book"]);
    expect(rows(current, "other")).toEqual([]);
    expect(await refused(current, incoming, { tables: ["boook"] })).toMatchObject({
      code: "NOT_FOUND",
      message: 'There is no table "boook" to work on: neither database has it.',
      hint: "Name tables of the database: book, other.",
    });
  });

  test("what Holdfast wrote into either database is not merged", async () => {
    const [current, incoming] = twoOf(
      `${BOOKS} CREATE TABLE _holdfast_stamp (id)`,
      "",
      "INSERT INTO _holdfast_stamp VALUES (1)",
    );
    const report = await merge(current, incoming);
    expect(report.tables.map(({ table }) => table)).toEqual(["book"]);
    expect(report.leftOut).toEqual([]);
    expect(rows(current, "_holdfast_stamp")).toEqual([]);
  });

  const MANY =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO book SELECT i, 'b' FROM n";

  test("it tells how far it is, and leaves the event loop its turns", async () => {
    const [current, incoming] = twoOf(BOOKS, "", MANY);
    const seen: number[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await merge(current, incoming, {
      onProgress: ({ table, done, total }) => {
        expect({ table, total }).toEqual({ table: "book", total: 60000 });
        seen.push(done);
        throw new Error("a broken progress bar");
      },
    });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  test("a signal stops it, with nothing written", async () => {
    const [current, incoming] = twoOf(BOOKS, "", MANY);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 1);
    expect(await refused(current, incoming, { signal: controller.signal })).toMatchObject({
      code: "ABORTED",
      message: "The merge was aborted: enough",
    });
    expect(rows(current, "book")).toEqual([]);
    expect(current.inTransaction || incoming.inTransaction).toBe(false);
  });

  test("an open transaction is not made part of it", async () => {
    const [current, incoming] = twoOf(BOOKS, "BEGIN; INSERT INTO book VALUES (1, 'a')", "");
    expect(await refused(current, incoming)).toMatchObject({ code: "DB_IN_USE" });
    expect(current.inTransaction).toBe(true);
  });

  test("another writer is waited for no longer than the connection says", async () => {
    const path = join(scratchFolder(), "library.sqlite");
    const current = opened(path, { timeout: 10 });
    current.exec(BOOKS);
    const other = opened(path);
    other.exec("BEGIN IMMEDIATE");
    expect(await refused(current, databaseOf(BOOKS))).toMatchObject({ code: "DB_IN_USE" });
  });

  test("a damaged database is told as such, and leaves nothing half merged", async () => {
    const path = join(scratchFolder(), "incoming.sqlite");
    const made = opened(path);
    made.exec(BOOKS);
    made.exec(MANY);
    const bytes = made.serialize();
    made.close();
    bytes.fill(0xee, 4096 * 20, 4096 * 30);
    writeFileSync(path, bytes);
    const current = databaseOf(BOOKS);
    expect(await refused(current, opened(path, { readonly: true }))).toMatchObject({ code: "DB_CORRUPT" });
    expect(rows(current, "book")).toEqual([]);
    expect(current.inTransaction).toBe(false);
  });

  test("a missing function is no damage", async () => {
    const made = databaseOf();
    made.function("slug", { deterministic: true }, (title: string) => title.toLowerCase());
    made.exec("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT CHECK (slug(title) <> ''))");
    const current = new Database(made.serialize());
    const error = await refused(current, databaseOf(BOOKS, "INSERT INTO book VALUES (1, 'a')"));
    current.close();
    expect(error).toMatchObject({
      code: "CHECK_IMPOSSIBLE",
      message: expect.stringContaining("unknown function: slug(). Nothing was written."),
    });
  });
});

function opened(path: string, options?: Database.Options): Database.Database {
  const db = new Database(path, options);
  onTestFinished(() => void db.close());
  return db;
}
