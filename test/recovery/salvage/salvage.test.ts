/** Salvage, case by case: what is in the new database, and what the report says. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { loadEngine } from "../../../src/database/open.ts";
import { createOwnTable, LEDGER } from "../../../src/database/own-tables.ts";
import { HoldfastError } from "../../../src/errors.ts";
import type { SalvageReport } from "../../../src/recovery/salvage/report.ts";
import { type SalvageOrder, salvage } from "../../../src/recovery/salvage/salvage.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";
import { rows } from "../two-databases.ts";

const engine = await loadEngine();

interface Salvaged {
  readonly db: Database.Database;
  readonly report: SalvageReport;
  readonly all: (sql: string) => unknown[];
}

function make(folder: string, ...sql: readonly string[]): string {
  const file = join(folder, "damaged.sqlite");
  const db = new Database(file);
  db.pragma("foreign_keys = OFF");
  for (const each of sql) db.exec(each);
  db.close();
  return file;
}

function run(from: string, order: Partial<SalvageOrder> = {}): Salvaged {
  const to = `${from}-new`;
  const report = salvage(engine, { from, to, ...order });
  const db = new Database(to);
  expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
  return { db, report, all: (sql) => db.prepare(sql).raw().safeIntegers().all() };
}

/** Writes over the file where the change says. */
function change(file: string, edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  edit(bytes);
  writeFileSync(file, bytes);
}

const PAGE = 4096;
const zeroPage = (file: string, page: number) =>
  change(file, (bytes) => void bytes.fill(0, (page - 1) * PAGE, page * PAGE));
const table = ({ report }: Salvaged, name: string) => report.tables.find((each) => each.table === name);
const root = (file: string, name: string): number => {
  const db = new Database(file, { readonly: true });
  const page = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(name) as number;
  db.close();
  return page;
};

const MANY = (count: number) => `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${count})`;

test("values of every kind come back as they were, with their rowids", () => {
  const folder = scratchFolder();
  const values = `(7, NULL, 'x'), (8, 0, 1), (9, -1, 127), (10, 128, -32769), (11, 9223372036854775807, -9223372036854775808),
    (12, 1.0, -0.0), (13, 9e999, 1e-300), (14, 140737488355328, 2147483648), (15, '', X''), (16, 'a' || char(0) || 'b', X'00FF'),
    (17, '12', CAST(X'E94142' AS TEXT)), (18, zeroblob(20000), 'ü😀')`;
  const file = make(
    folder,
    "CREATE TABLE t (a, bytes)",
    `INSERT INTO t (rowid, a, bytes) VALUES ${values}`,
    "CREATE TABLE typed (n INTEGER, r REAL, t TEXT, d NUMERIC); INSERT INTO typed VALUES (5, 5, 5, 5.5), (2.5, 1e300, 'x', 'y')",
  );
  const { db, report } = run(file);
  const before = new Database(file);
  for (const each of ["t", "typed"]) expect(rows(db, each)).toEqual(rows(before, each));
  expect(db.prepare("SELECT rowid FROM t").pluck().all()).toEqual([7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
  expect(report).toMatchObject({ lostAndFound: null, schema: "file", logRefused: null, pagesFromLog: null });
});

test("all that a schema has is there again: indexes, views, triggers, computed columns, what the header says", () => {
  const file = make(
    scratchFolder(),
    `PRAGMA user_version = 12; PRAGMA application_id = 345;
     CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE, n INT, up TEXT AS (upper(a)), len INT AS (length(a)) STORED);
     CREATE INDEX t_n ON t (n DESC) WHERE n > 5; CREATE INDEX t_expr ON t (n * 2);
     CREATE VIEW v AS SELECT a, up FROM t; CREATE TRIGGER no_z BEFORE INSERT ON t WHEN new.a = 'z' BEGIN SELECT RAISE(ABORT, 'no z'); END;
     CREATE TABLE strict_one (i INT, a ANY, b BLOB) STRICT;
     INSERT INTO t (a, n) VALUES ('one', 1), ('ten', 10); INSERT INTO strict_one VALUES (1, '2', X'03');`,
  );
  const { db, report, all } = run(file);
  const schemaOf = (each: Database.Database) =>
    each.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").all();
  expect(schemaOf(db)).toEqual(schemaOf(new Database(file)));
  expect(all("SELECT * FROM t")).toEqual([
    [1n, "one", 1n, "ONE", 3n],
    [2n, "ten", 10n, "TEN", 3n],
  ]);
  expect(all("SELECT * FROM strict_one")).toEqual([[1n, "2", Buffer.from([3])]]);
  expect(all("PRAGMA user_version")).toEqual([[12n]]);
  expect(all("PRAGMA application_id")).toEqual([[345n]]);
  expect(report.notRebuilt).toEqual([]);
});

test("rows that are older than a column have its default", () => {
  const file = make(
    scratchFolder(),
    "CREATE TABLE t (a); INSERT INTO t VALUES (1); ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'none'; INSERT INTO t VALUES (2, 'two')",
  );
  expect(run(file).all("SELECT * FROM t")).toEqual([
    [1n, "none"],
    [2n, "two"],
  ]);
});

test("an AUTOINCREMENT table still knows the rowids that it gave to rows since deleted", () => {
  const file = make(
    scratchFolder(),
    "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a); INSERT INTO t (a) VALUES (1), (2), (3); DELETE FROM t WHERE id > 1",
  );
  expect(run(file).all("SELECT name, seq FROM sqlite_sequence")).toEqual([["t", 3n]]);
});

test("full-text and spatial indexes come back with what they know", () => {
  const file = make(
    scratchFolder(),
    `CREATE VIRTUAL TABLE words USING fts5(text); CREATE VIRTUAL TABLE place USING rtree(id, x0, x1);
     INSERT INTO words VALUES ('the old man'), ('and the sea'); INSERT INTO place VALUES (1, 2, 3), (4, 5, 6);`,
  );
  const { all, report } = run(file);
  expect(all("SELECT text FROM words WHERE words MATCH 'sea'")).toEqual([["and the sea"]]);
  expect(all("SELECT id FROM place WHERE x0 > 4")).toEqual([[4n]]);
  expect(report.notRebuilt).toEqual([]);
});

test("a full-text index that has lost some of itself is made again from its text", () => {
  const folder = scratchFolder();
  const file = make(
    folder,
    `CREATE VIRTUAL TABLE words USING fts5(text);
     ${MANY(400)} INSERT INTO words SELECT 'word' || i || ' ' || hex(randomblob(40)) FROM c;`,
  );
  zeroPage(file, root(file, "words_idx"));
  const { all, report } = run(file);
  expect(all("SELECT count(*) FROM words WHERE words MATCH 'word77'")).toEqual([[1n]]);
  expect(report.notRebuilt).toEqual([]);
});

test("Holdfast's own tables are kept like all others", () => {
  const folder = scratchFolder();
  const file = make(folder, "CREATE TABLE t (a)");
  const db = new Database(file);
  createOwnTable(db, LEDGER);
  db.prepare(`INSERT INTO ${LEDGER} VALUES (1, '0001_a.sql', 'sha256:x', '2026-01-01', '1.0.0', NULL, NULL)`).run();
  db.close();
  expect(run(file).all(`SELECT name FROM ${LEDGER}`)).toEqual([["0001_a.sql"]]);
});

/** A database with a log that no checkpoint has seen, as a kill leaves it. */
function leaveLog(folder: string): string {
  const file = join(folder, "live.sqlite");
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'checkpointed')");
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.exec("INSERT INTO t VALUES (2, 'in the log')");
  db.exec("UPDATE t SET a = 'changed in the log' WHERE id = 1");
  for (const ending of ["", "-wal"]) copyFileSync(file + ending, join(folder, `damaged.sqlite${ending}`));
  db.close();
  return join(folder, "damaged.sqlite");
}

const IN_LOG = [
  [1n, "changed in the log"],
  [2n, "in the log"],
];

test("rows in the log are read as SQLite would read them", () => {
  const { all, report } = run(leaveLog(scratchFolder()));
  expect(all("SELECT * FROM t")).toEqual(IN_LOG);
  expect(report.pagesFromLog).toBe(1);
});

test("a log is read up to its last whole transaction, and no further", () => {
  const file = leaveLog(scratchFolder());
  const wal = readFileSync(`${file}-wal`);
  // The last frame is the second transaction's only one.
  change(`${file}-wal`, (bytes) => void bytes.writeUInt8(bytes.readUInt8(wal.length - 1) ^ 1, wal.length - 1));
  expect(run(file).all("SELECT * FROM t")).toEqual([
    [1n, "checkpointed"],
    [2n, "in the log"],
  ]);
});

test("a log whose head is damaged is left out, and the report says so", () => {
  const file = leaveLog(scratchFolder());
  change(`${file}-wal`, (bytes) => void bytes.writeUInt8(0, 20));
  const { all, report } = run(file);
  expect(all("SELECT * FROM t")).toEqual([[1n, "checkpointed"]]);
  expect(report.logRefused).toBe("its head is damaged");
});

test("a row that one of two overflow pages is lost of is not made up", () => {
  const file = make(
    scratchFolder(),
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'short'), (2, randomblob(9000)), (3, 'last')",
  );
  for (const page of [3, 4]) {
    const copy = `${file}-${page}`;
    copyFileSync(file, copy);
    zeroPage(copy, page);
    const salvaged = run(copy);
    expect(salvaged.all("SELECT id FROM t")).toEqual([[1n], [3n]]);
    expect(table(salvaged, "t")).toMatchObject({
      ...{ byTree: 2, broken: 1, lostAtMost: 1n },
      gaps: [{ after: [1n], upTo: [2n], exact: true }],
    });
    expect(salvaged.report.unreadable).toEqual({ pages: 1, ranges: [[page, page]] });
  }
});

test("where two rows lead to the same overflow page, neither is believed, and both are in lost and found", () => {
  const file = make(
    scratchFolder(),
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, randomblob(9000)), (2, randomblob(9000)), (3, 'last')",
  );
  // Pages 3 and 4 are the first row's, 5 and 6 the second's.
  change(file, (bytes) => {
    expect([bytes.readUInt32BE(2 * PAGE), bytes.readUInt32BE(4 * PAGE)]).toEqual([4, 6]);
    bytes.writeUInt32BE(6, 2 * PAGE);
  });
  const salvaged = run(file);
  expect(salvaged.all("SELECT id FROM t")).toEqual([[3n]]);
  expect(table(salvaged, "t")).toMatchObject({ broken: 2, gaps: [{ upTo: [2n] }] });
  expect(salvaged.report.lostAndFound?.reasons).toEqual({ "t: a page that it goes on to is another's as well": 2 });
});

test("a value that ends in zeros, page after page, is whole", () => {
  const file = make(
    scratchFolder(),
    "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(30000)), (CAST(X'01' || zeroblob(20000) AS BLOB))",
  );
  expect(run(file).all("SELECT length(a) FROM t")).toEqual([[30000n], [20001n]]);
});

test("only an index is damaged: no row is lost, and the index is made anew", () => {
  const file = make(
    scratchFolder(),
    `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX t_a ON t (a); ${MANY(2000)} INSERT INTO t SELECT i, 'value ' || i FROM c`,
  );
  zeroPage(file, root(file, "t_a"));
  const salvaged = run(file);
  expect(table(salvaged, "t")).toMatchObject({ byTree: 2000, gaps: [], lostAtMost: 0n });
  expect(salvaged.all("SELECT id FROM t WHERE a = 'value 1234'")).toEqual([[1234n]]);
  expect(salvaged.report.lostAndFound).toBeNull();
});

test("leaves without their root are told apart by the rowids that each table lacks", () => {
  const fill = (name: string, from: number) =>
    `CREATE TABLE ${name} (id INTEGER PRIMARY KEY, a TEXT); ${MANY(2000)} INSERT INTO ${name} SELECT ${from} + i, '${name} ' || i FROM c;`;
  const file = make(scratchFolder(), fill("first", 0), fill("second", 1_000_000));
  zeroPage(file, root(file, "first"));
  const salvaged = run(file);
  expect(table(salvaged, "first")).toMatchObject({ byTree: 0, byOrphanPage: 2000 });
  expect(table(salvaged, "second")).toMatchObject({ byTree: 2000, byOrphanPage: 0 });
  expect(salvaged.all("SELECT count(*) FROM first WHERE a LIKE 'first %'")).toEqual([[2000n]]);
});

test("leaves that may be of either of two tables are of none, and lost and found names both", () => {
  const fill = (name: string) =>
    `CREATE TABLE ${name} (id INTEGER PRIMARY KEY, a TEXT); ${MANY(2000)} INSERT INTO ${name} SELECT i, '${name} ' || i FROM c;`;
  const file = make(scratchFolder(), fill("first"), fill("second"));
  const roots = [root(file, "first"), root(file, "second")];
  for (const page of roots) zeroPage(file, page);
  const { all, report } = run(file);
  expect(all("SELECT (SELECT count(*) FROM first), (SELECT count(*) FROM second)")).toEqual([[0n, 0n]]);
  expect(report.lostAndFound).toMatchObject({ table: "lost_and_found", rows: 4000 });
  expect(Object.keys(report.lostAndFound?.reasons ?? {})).toEqual(["it may be of first or second"]);
  expect(all("SELECT nfield, id, c0, c1 FROM lost_and_found WHERE c1 = 'first 7'")).toEqual([
    [2n, 7n, null, "first 7"],
  ]);
});

test("leaves of a table whose definition is lost are not given to another that has such rows", () => {
  const fill = (name: string) =>
    `CREATE TABLE ${name} (id INTEGER PRIMARY KEY, a TEXT); ${MANY(2000)} INSERT INTO ${name} SELECT i, '${name} ' || i FROM c;`;
  const file = make(scratchFolder(), fill("first"), fill("second"));
  const copy = `${file}-donor`;
  copyFileSync(file, copy);
  const roots = [root(file, "first"), root(file, "second")];
  change(file, (bytes) => void bytes.write("CREATF", bytes.indexOf("CREATE TABLE second")));
  for (const page of roots) zeroPage(file, page);
  const alone = run(file);
  expect(alone.all("SELECT count(*) FROM first")).toEqual([[0n]]);
  expect(alone.report.lostAndFound?.rows).toBe(4000);
  const again = `${file}-again`;
  copyFileSync(file, again);
  const { all } = run(again, { donor: copy });
  expect(all("SELECT (SELECT count(*) FROM first), (SELECT count(*) FROM second)")).toEqual([[2000n, 2000n]]);
});

test("an index is not taken for a table WITHOUT ROWID, nor the table for an index", () => {
  const folder = scratchFolder();
  const schema = `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX t_a ON t (a);
    CREATE TABLE loan (day TEXT, book INT, reader TEXT, PRIMARY KEY (day, book)) WITHOUT ROWID;`;
  const file = make(
    folder,
    schema,
    `${MANY(2000)} INSERT INTO t SELECT i, 'value ' || i FROM c; ${MANY(2000)} INSERT INTO loan SELECT 'day ' || i % 7, i, 'reader' FROM c`,
  );
  mkdirSync(join(folder, "donor"));
  // Another order of the tables, and so other roots.
  const donor = make(
    join(folder, "donor"),
    "CREATE TABLE other (x)",
    ...schema
      .split(";")
      .slice(0, -1)
      .reverse()
      .filter((each) => !each.includes("INDEX")),
    "CREATE INDEX t_a ON t (a)",
  );
  zeroPage(file, 1);
  const { all, report } = run(file, { donor });
  expect(all("SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM loan)")).toEqual([[2000n, 2000n]]);
  expect(report).toMatchObject({ lostAndFound: null, schema: "donor" });
});

test("a backup as donor tells which is which, by the rows that both have", () => {
  const folder = scratchFolder();
  const fill = (name: string) =>
    `CREATE TABLE ${name} (id INTEGER PRIMARY KEY, a TEXT); ${MANY(2000)} INSERT INTO ${name} SELECT i, '${name} ' || i FROM c;`;
  const file = make(folder, fill("first"), fill("second"));
  const donor = join(folder, "backup.sqlite");
  copyFileSync(file, donor);
  for (const name of ["first", "second"]) zeroPage(file, root(donor, name));
  const { all, report } = run(file, { donor });
  expect(all("SELECT count(*) FROM first WHERE a LIKE 'first %'")).toEqual([[2000n]]);
  expect(all("SELECT count(*) FROM second WHERE a LIKE 'second %'")).toEqual([[2000n]]);
  expect(report.lostAndFound).toBeNull();
});

test("rows that were deleted stay deleted, unless they are asked for: then they are in lost and found", () => {
  const file = make(
    scratchFolder(),
    `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); ${MANY(2000)} INSERT INTO t SELECT i, 'value ' || i FROM c;
     DELETE FROM t WHERE id BETWEEN 500 AND 1500`,
  );
  const plain = run(file);
  expect(plain.all("SELECT count(*) FROM t")).toEqual([[999n]]);
  expect(plain.report.lostAndFound).toBeNull();
  const copy = `${file}-again`;
  copyFileSync(file, copy);
  const asked = run(copy, { deleted: true });
  expect(asked.all("SELECT count(*) FROM t")).toEqual([[999n]]);
  expect(Object.keys(asked.report.lostAndFound?.reasons ?? {})).toEqual(["deleted from t"]);
  expect(asked.all("SELECT id FROM lost_and_found WHERE c1 = 'value 1000'")).toEqual([[1000n]]);
});

test("rows on freed pages stay deleted too where the root of their table is gone", () => {
  const file = make(
    scratchFolder(),
    `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); ${MANY(2000)} INSERT INTO t SELECT i, 'value ' || i FROM c;
     DELETE FROM t WHERE id BETWEEN 500 AND 1500`,
  );
  zeroPage(file, root(file, "t"));
  const salvaged = run(file);
  expect(salvaged.all("SELECT count(*) FROM t")).toEqual([[999n]]);
  expect(salvaged.report.freelistDamaged).toBe(false);
});

test("where the list of free pages is gone as well, nobody can tell: those rows are in lost and found", () => {
  const file = make(
    scratchFolder(),
    `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); ${MANY(2000)} INSERT INTO t SELECT i, 'value ' || i FROM c;
     DELETE FROM t WHERE id BETWEEN 500 AND 1500`,
  );
  const trunk = readFileSync(file).readUInt32BE(32);
  for (const page of [root(file, "t"), trunk]) zeroPage(file, page);
  const { all, report } = run(file);
  expect(all("SELECT count(*) FROM t")).toEqual([[0n]]);
  expect(report.freelistDamaged).toBe(true);
  const [reason] = Object.keys(report.lostAndFound?.reasons ?? {});
  expect(reason).toBe("it may have been deleted from t: the list of free pages is damaged");
});

test("a row that breaks a unique index, for a bit of it was flipped, is set aside", () => {
  const file = make(
    scratchFolder(),
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE UNIQUE INDEX t_a ON t (a); INSERT INTO t VALUES (1, 'xa'), (2, 'xb'), (3, 'xc')",
  );
  // 'xc' becomes 'xb'.
  change(file, (bytes) => void bytes.write("xb", bytes.indexOf("xc", PAGE)));
  const { all, report } = run(file);
  expect(all("SELECT id FROM t")).toEqual([[1n], [2n]]);
  expect(all("SELECT id, c1 FROM lost_and_found")).toEqual([[3n, "xb"]]);
  expect(Object.keys(report.lostAndFound?.reasons ?? {})).toEqual([
    "another row of t has its values in the unique index t_a",
  ]);
});

test("a row whose rowid was changed into another's is set aside, and so is the one that it cannot be told from", () => {
  const file = make(
    scratchFolder(),
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (4, 'four'), (5, 'five')",
  );
  // The cell of row 5 begins with its size and its rowid.
  change(file, (bytes) => void bytes.writeUInt8(4, bytes.indexOf("five", PAGE) - 4));
  const { all, report } = run(file);
  expect(all("SELECT * FROM t")).toEqual([
    [1n, "one"],
    [2n, "two"],
  ]);
  expect(report.lostAndFound?.reasons).toEqual({ "t: its rowid is out of order on its page": 2 });
});

test("foreign keys without a parent are listed, not mended", () => {
  const file = make(
    scratchFolder(),
    "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1), (2), (3)",
  );
  const { all, report } = run(file);
  expect(all("SELECT count(*) FROM c")).toEqual([[3n]]);
  expect(report.missingParents).toEqual([{ table: "c", parent: "p", rows: 2 }]);
});

test("the head of the file is damaged, its pages are not", () => {
  const file = make(
    scratchFolder(),
    "PRAGMA page_size = 1024",
    `CREATE TABLE t (a TEXT); ${MANY(500)} INSERT INTO t SELECT 'é ' || i FROM c`,
  );
  change(file, (bytes) => void bytes.fill(0xa5, 0, 100));
  const { all, report } = run(file);
  expect(all("SELECT count(*) FROM t")).toEqual([[500n]]);
  expect(report).toMatchObject({
    header: null,
    layout: { pageSize: 1024, reserved: 0, encoding: "utf8" },
    schema: "file",
  });
});

test("a header that has a wrong bit in what it says of the pages is not believed", () => {
  const file = make(
    scratchFolder(),
    `CREATE TABLE t (a TEXT); ${MANY(1000)} INSERT INTO t SELECT 'value ' || i FROM c; CREATE TABLE u (b); INSERT INTO u VALUES (1)`,
  );
  // Of bytes that each page keeps free at its end, then of the auto-vacuum that makes pages into maps of others.
  for (const [at, value] of [
    [20, 32],
    [55, 8],
  ] as const) {
    const copy = `${file}-${at}`;
    copyFileSync(file, copy);
    change(copy, (bytes) => void bytes.writeUInt8(value, at));
    const { report } = run(copy);
    expect(report.layout.reserved).toBe(0);
    expect(report.tables.map(({ byTree }) => byTree)).toEqual([1000, 1]);
  }
});

test("an empty file, and one of rubbish, give an empty database", () => {
  const folder = scratchFolder();
  for (const [name, bytes] of [
    ["empty", Buffer.alloc(0)],
    ["short", Buffer.from("SQLite format 3\0")],
    ["rubbish", Buffer.alloc(50_000, 0x5a)],
    ["zeros", Buffer.alloc(50_000)],
  ] as const) {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    const { report } = run(file);
    expect(report).toMatchObject({ tables: [], schema: "none", lostAndFound: null });
  }
});

test("a file that stands where the result is to go is left alone", () => {
  const file = make(scratchFolder(), "CREATE TABLE t (a)");
  const to = `${file}-new`;
  writeFileSync(to, "somebody's");
  expect(() => salvage(engine, { from: file, to })).toThrow(HoldfastError);
  expect(readFileSync(to, "utf8")).toBe("somebody's");
});

test("the damaged file is not written to, and nothing is left beside it or the result", () => {
  const folder = scratchFolder();
  const file = leaveLog(folder);
  truncateSync(file, PAGE * 2 - 10);
  const before = [readFileSync(file), readFileSync(`${file}-wal`)];
  run(file).db.close();
  expect([readFileSync(file), readFileSync(`${file}-wal`)]).toEqual(before);
  for (const ending of ["-journal", "-shm", "-new-wal", "-new-shm", "-new-journal"]) {
    expect(existsSync(file + ending)).toBe(false);
  }
});

test("progress is told as pages: all are looked at, then read", () => {
  const file = make(scratchFolder(), `CREATE TABLE t (a TEXT); ${MANY(500)} INSERT INTO t SELECT 'value ' || i FROM c`);
  const told: { done: number; total: number }[] = [];
  const { pages } = salvage(engine, { from: file, to: `${file}-new` }, (progress) => void told.push(progress));
  expect(told.at(-1)).toEqual({ done: 2 * pages, total: 2 * pages });
});

test("a program was cut off in a transaction: its journal is rolled back, and the damaged file stays as it is", () => {
  const folder = scratchFolder();
  const live = join(folder, "live.sqlite");
  const db = new Database(live);
  db.exec(
    `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); ${MANY(400)} INSERT INTO t SELECT i, 'before' || hex(zeroblob(50)) FROM c`,
  );
  db.pragma("cache_size = 1");
  db.exec("BEGIN; UPDATE t SET v = 'after' || substr(v, 7)");
  const file = join(folder, "cut-off.sqlite");
  for (const ending of ["", "-journal"]) copyFileSync(live + ending, file + ending);
  db.exec("ROLLBACK");
  db.close();
  expect(readFileSync(file).includes("after")).toBe(true);
  zeroPage(file, 3);
  const [found, journal] = [readFileSync(file), readFileSync(`${file}-journal`)];
  const { all, report } = run(file);
  // The page that was zeroed is in the journal as well, as nearly all are.
  expect(all("SELECT substr(v, 1, 6), count(*) FROM t GROUP BY 1")).toEqual([["before", 400n]]);
  expect(report).toMatchObject({ from: file, unreadable: { pages: 0 } });
  expect(readFileSync(file).equals(found)).toBe(true);
  expect(readFileSync(`${file}-journal`).equals(journal)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual([
    "cut-off.sqlite",
    "cut-off.sqlite-journal",
    "cut-off.sqlite-new",
    "live.sqlite",
  ]);
});
