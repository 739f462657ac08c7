import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { parentsFirst } from "../../src/recovery/order.ts";
import { readTables } from "../../src/recovery/tables.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";
import { databaseOf } from "./two-databases.ts";

const keysOf = (sql: string) =>
  [...readTables(databaseOf(sql)).tables.values()][0]?.keys.map(({ primary, columns, collations }) => [
    primary ? "primary" : "unique",
    columns.join(),
    collations.join(),
  ]);

test.each([
  ["CREATE TABLE t (id INTEGER PRIMARY KEY)", [["primary", "id", "BINARY"]]],
  ["CREATE TABLE t (id INT PRIMARY KEY)", [["primary", "id", "BINARY"]]],
  ["CREATE TABLE t (id INTEGER PRIMARY KEY DESC)", [["primary", "id", "BINARY"]]],
  ["CREATE TABLE t (a, b COLLATE NOCASE, PRIMARY KEY (b, a)) WITHOUT ROWID", [["primary", "b,a", "NOCASE,BINARY"]]],
  [
    "CREATE TABLE t (a UNIQUE, b, id INTEGER PRIMARY KEY, UNIQUE (b, a))",
    [
      ["primary", "id", "BINARY"],
      ["unique", "a", "BINARY"],
      ["unique", "b,a", "BINARY,BINARY"],
    ],
  ],
  ["CREATE TABLE t (a); CREATE UNIQUE INDEX u ON t (a) WHERE a > 1", []],
  ["CREATE TABLE t (a, b); CREATE UNIQUE INDEX u ON t (a, lower(b)); CREATE INDEX i ON t (a)", []],
])("keys of %s", (sql, expected) => {
  expect(keysOf(sql)).toEqual(expected);
});

test("the rowid is a column of type INTEGER alone", () => {
  const rowidOf = (columns: string) => readTables(databaseOf(`CREATE TABLE t (${columns})`)).tables.get("t");
  expect(rowidOf("id INTEGER PRIMARY KEY")).toMatchObject({ rowidColumn: "id", rowidName: "rowid" });
  expect(rowidOf("id INT PRIMARY KEY")).toMatchObject({ rowidColumn: null, rowidName: "rowid" });
  expect(rowidOf("rowid TEXT, oid TEXT")).toMatchObject({ rowidColumn: null, rowidName: "_rowid_" });
  expect(rowidOf("rowid, oid, _ROWID_")).toMatchObject({ rowidName: null });
});

test("virtual tables and what belongs to them are left out, with the reason; views and SQLite's own are no tables", () => {
  const db = databaseOf(
    `CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIEW v AS SELECT 1;
     CREATE TABLE _holdfast_stamp (a); CREATE TABLE pragma_table_list (schema, name, type);
     CREATE VIRTUAL TABLE words USING fts5 (x); CREATE VIRTUAL TABLE "places" USING rtree (id, a, b);`,
  );
  const { tables, leftOut } = readTables(db);
  expect([...tables.keys()]).toEqual(["t", "pragma_table_list"]);
  const reasonOf = (name: string) => leftOut.find(({ table }) => table === name)?.reason;
  expect(reasonOf("words")).toBe("a full-text index: its own triggers or its 'rebuild' command keep it");
  expect(reasonOf("places")).toBe("a spatial index: the application keeps it");
  expect(reasonOf("words_data")).toBe("it belongs to a virtual table, which alone keeps it");
  expect(leftOut.length).toBe(10);
});

test("tables that may belong to a virtual table whose module is not loaded are left out too", () => {
  const path = join(scratchFolder(), "vectors.sqlite");
  const made = new Database(path);
  const vectors = () => ({ columns: ["x"], *rows() {} });
  made.table("vectors", vectors as never);
  made.exec("CREATE VIRTUAL TABLE near USING vectors; CREATE TABLE near_chunks (a); CREATE TABLE nearby (a)");
  made.close();
  const db = new Database(path, { readonly: true });
  const { tables, leftOut } = readTables(db);
  db.close();
  expect([...tables.keys()]).toEqual(["nearby"]);
  expect(leftOut).toEqual([
    { table: "near", reason: "a virtual table of the module vectors: the application keeps it" },
    { table: "near_chunks", reason: "it may belong to the virtual table near, whose module is not loaded" },
  ]);
});

test.each([
  ["children after parents", "a → b → c", "c b a"],
  ["as given where nothing refers", "a, b, c", "a b c"],
  ["itself", "b → a → a", "a b"],
  ["a circle begins with the first", "a → b → c → a", "a c b"],
  ["a table outside", "a → z", "a"],
])("order: %s", (_, graph, expected) => {
  const names = [...new Set(graph.match(/[a-c]/g))];
  const references = graph.split(" → ").flatMap((name, at, all) => (all[at + 1] ? [[name, all[at + 1]]] : []));
  const schema = names.map((name) => {
    const parents = references.filter(([from]) => from === name).map(([, to], at) => `p${at} REFERENCES ${to}`);
    return `CREATE TABLE ${name} (${["id INTEGER PRIMARY KEY", ...parents].join()})`;
  });
  const { tables } = readTables(databaseOf(...schema));
  const ordered = parentsFirst([...tables.values()].map((table) => ({ table })));
  expect(ordered.map(({ table }) => table.name).join(" ")).toBe(expected);
});
