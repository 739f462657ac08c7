/** Pages that a backup shows to be damaged, though each is a page like any other. */
import { readFileSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { rootOf } from "../../faults/damage.ts";
import { backedUp, healed, MANY, PAGE, type Pair, pagesOf } from "./pair.ts";

describe("one bit of a page is not as the backup has it", () => {
  const TYPED = `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, done INT, at REAL); CREATE TABLE u (v);
    ${MANY} INSERT INTO t SELECT i, 'row ' || i || hex(zeroblob(20)), 2, i + 0.5 FROM c; INSERT INTO u VALUES ('x');`;

  test.each<[string, (pair: Pair) => void, string, unknown]>([
    [
      "of a text",
      ({ db }) => void db.exec("UPDATE t SET v = 'p' || substr(v, 2) WHERE id = 300"),
      "v",
      `pow 300${"00".repeat(20)}`,
    ],
    ["of an integer", ({ db }) => void db.exec("UPDATE t SET done = 3 WHERE id = 300"), "done", 3],
  ])("%s, as the application may have changed it, and other rows are newer: it stays", (_, change, column, value) => {
    const pair = backedUp(TYPED);
    pair.db.exec("INSERT INTO u VALUES ('newer than the backup')");
    change(pair);
    const lost = pagesOf(pair.file, "t")[0]?.[0] as number;
    const { one, report } = healed(pair, [lost]);
    expect(one(`SELECT ${column} FROM t WHERE id = 300`)).toBe(value);
    expect(report.corrected.pages).toBe(0);
    expect(one("SELECT count(*) FROM u")).toBe(2);
  });

  test("of what no application writes: it is read as the backup has it, whatever is newer", () => {
    const pair = backedUp(TYPED);
    pair.db.exec("INSERT INTO u VALUES ('newer than the backup')");
    pair.db.close();
    const bytes = readFileSync(pair.file);
    const [first, , , , , , , , , other] = [...new Set(pagesOf(pair.file, "t").flat())];
    // The first pointer to a cell.
    bytes[((other ?? 2) - 1) * PAGE + 9] = (bytes[((other ?? 2) - 1) * PAGE + 9] ?? 0) ^ 4;
    writeFileSync(pair.file, bytes);
    const { one, report } = healed({ ...pair, db: new Database(pair.file) }, [first as number]);
    expect(one("SELECT count(*) FROM t")).toBe(600);
    expect(report.corrected.pages).toBe(1);
    expect(one("SELECT count(*) FROM u")).toBe(2);
  });

  test("of an integer, and nothing was written since", () => {
    const pair = backedUp(TYPED);
    pair.db.close();
    const bytes = readFileSync(pair.file);
    const at = bytes.indexOf("row 300") + `row 300${"00".repeat(20)}`.length;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(pair.file, bytes);
    const { one, report } = healed({ ...pair, db: new Database(pair.file) }, [
      pagesOf(pair.file, "t")[0]?.[0] as number,
    ]);
    expect(one("SELECT done FROM t WHERE id = 300")).toBe(2);
    expect(report.corrected.pages).toBe(1);
  });
});

test("a few bits are not as the backup has them, and no other page differs: the application may have changed them", () => {
  const pair = backedUp(
    `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, done INT); ${MANY} INSERT INTO t SELECT i, 'row ' || i, 5 FROM c;`,
  );
  pair.db.exec("UPDATE t SET done = 6 WHERE id = 300");
  const { one, report } = healed(pair, [pagesOf(pair.file, "t")[0]?.[0] as number]);
  expect(one("SELECT done FROM t WHERE id = 300")).toBe(6);
  expect(report.corrected.pages).toBe(0);
});

describe("a page came to the wrong place", () => {
  const KEYED = `CREATE TABLE t (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID; CREATE TABLE u (v);
    ${MANY} INSERT INTO t SELECT 'key ' || i || hex(zeroblob(40)), i FROM c; INSERT INTO u VALUES ('x');`;
  const block = (bytes: Buffer, page: number) => bytes.subarray((page - 1) * PAGE, page * PAGE);
  const first = ([page]: readonly (number | undefined)[]) => page as number;

  function swap(bytes: Buffer, a: number, b: number): void {
    const before = Buffer.from(block(bytes, a));
    block(bytes, b).copy(block(bytes, a));
    before.copy(block(bytes, b));
  }

  /** @param change what happens to two pages, once nobody has it open */
  function healedAfter(pair: Pair, [a, b]: readonly number[], change: (bytes: Buffer, a: number, b: number) => void) {
    pair.db.close();
    const bytes = readFileSync(pair.file);
    change(bytes, a as number, b as number);
    writeFileSync(pair.file, bytes);
    return healed({ ...pair, db: new Database(pair.file) }, []);
  }

  test.each<[string, (bytes: Buffer, a: number, b: number) => void]>([
    ["two have changed places", swap],
    ["one stands in the place of another as well", (bytes, a, b) => void block(bytes, a).copy(block(bytes, b))],
  ])("%s: each is read as the backup has it", (_, change) => {
    const pair = backedUp(KEYED);
    pair.db.exec("INSERT INTO u VALUES ('newer than the backup')");
    const { one, report } = healedAfter(pair, [...new Set(pagesOf(pair.file, "t").flat())], change);
    expect(one("SELECT count(*) || ' ' || sum(b) FROM t")).toBe("600 180300");
    expect(one("SELECT count(*) FROM u")).toBe(2);
    expect(report.corrected.pages).toBeGreaterThan(0);
  });

  test("two leaves of tables that look alike, to one of which something was written since: that is there too", () => {
    const pair = backedUp(
      `${KEYED} CREATE TABLE s (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID;
       INSERT INTO s SELECT 'other ' || a, b FROM t;`,
    );
    const leaves = [first(pagesOf(pair.file, "t")[300] ?? []), first(pagesOf(pair.file, "s")[300] ?? [])];
    pair.db.exec("UPDATE s SET b = 1000 + b WHERE b IN (SELECT b FROM t ORDER BY a LIMIT 1 OFFSET 300)");
    const { one, report } = healedAfter(pair, leaves, swap);
    expect(one("SELECT count(*) || ' ' || sum(b) FROM t")).toBe("600 180300");
    expect(one("SELECT count(*) || ' ' || sum(b) FROM s")).toBe("600 181300");
    expect(report).toMatchObject({ corrected: { pages: 2 }, healing: { rows: 0 }, lostAndFound: null });
  });

  test("the first pages of two tables, one of which has grown since: both lead to their own rows", () => {
    const pair = backedUp(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE u (id INTEGER PRIMARY KEY, v);
       ${MANY} INSERT INTO t SELECT i, 'of t ' || hex(zeroblob(40)) FROM c;
       ${MANY} INSERT INTO u SELECT i, 'of u ' || hex(zeroblob(40)) FROM c;`,
    );
    pair.db.exec(`${MANY} INSERT INTO u SELECT i + 600, 'of u, and newer' FROM c;`);
    const { one, report } = healedAfter(pair, [rootOf(pair.file, "t"), rootOf(pair.file, "u")], swap);
    expect(one("SELECT count(*) FROM t WHERE v LIKE 'of t%'")).toBe(600);
    expect(one("SELECT count(*) FROM u WHERE v LIKE 'of u%'")).toBe(1200);
    expect(report).toMatchObject({ corrected: { pages: 2 }, healing: { rows: 0 } });
  });

  test("two pages that values go on to: each value is whole again, though other rows are newer", () => {
    const long = (character: string) => `hex(zeroblob(6000)) || '${character}'`;
    const pair = backedUp(`${KEYED} CREATE TABLE w (v); INSERT INTO w VALUES (${long("a")}), (${long("b")});`);
    pair.db.exec("INSERT INTO u VALUES ('newer than the backup')");
    const overflow = pagesOf(pair.file, "w").map((pages) => pages[1] as number);
    const { all, one } = healedAfter(pair, overflow, swap);
    expect(all("SELECT length(v), substr(v, -1) FROM w")).toEqual([
      [12001, "a"],
      [12001, "b"],
    ]);
    expect(one("SELECT count(*) FROM u")).toBe(2);
  });

  test("a table was copied and changed since: what it had stands elsewhere, and its own rows stay", () => {
    const [t, s] = ["t", "s"].map((name) => `CREATE TABLE ${name} (a TEXT PRIMARY KEY, b INT) WITHOUT ROWID;`);
    const pair = backedUp(
      `${t} ${MANY} INSERT INTO t SELECT printf('key %02d', i), i FROM c LIMIT 20;
       CREATE TABLE u (v); INSERT INTO u VALUES ('x'); CREATE TABLE x AS SELECT * FROM t;
       PRAGMA secure_delete = ON; DROP TABLE x;`,
    );
    pair.db.exec(`${s} INSERT INTO s SELECT * FROM t; UPDATE t SET b = b + 1000;`);
    const { one, report } = healed(pair, [first(pagesOf(pair.file, "u")[0] ?? [])]);
    expect(one("SELECT sum(b) FROM t")).toBe(20210);
    expect(one("SELECT sum(b) FROM s")).toBe(210);
    expect(report.corrected.pages).toBe(0);
  });

  test("SQLite has brought a table to the place of one that was dropped: it stays there", () => {
    const pair = backedUp(
      `PRAGMA auto_vacuum = FULL; CREATE TABLE a (v); CREATE TABLE b (v); CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
       ${MANY} INSERT INTO t SELECT i, 'row ' || i || hex(zeroblob(40)) FROM c; CREATE TABLE u (v); INSERT INTO u VALUES (1);`,
    );
    const before = rootOf(pair.file, "u");
    pair.db.exec(`DROP TABLE a; CREATE TABLE d (id INTEGER PRIMARY KEY, v TEXT);
      ${MANY} INSERT INTO d SELECT i, 'another ' || i || hex(zeroblob(40)) FROM c;`);
    expect(rootOf(pair.file, "u")).not.toBe(before);
    const { one, report } = healed(pair, [pagesOf(pair.file, "t")[300]?.[0] as number]);
    expect(one("SELECT count(*) FROM t WHERE v LIKE 'row%'")).toBe(600);
    expect(one("SELECT count(*) FROM d WHERE v LIKE 'another%'")).toBe(600);
    expect(report.corrected.pages).toBe(0);
  });
});

test("a page that SQLite has freed since, and whose rows stand on another now, is no damage", () => {
  const pair = backedUp(
    `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); ${MANY} INSERT INTO t SELECT i, 'row ' || i || hex(zeroblob(700)) FROM c;`,
  );
  pair.db.exec("DELETE FROM t WHERE id % 19 = 0 OR id BETWEEN 100 AND 150");
  const { one, report } = healed(pair, []);
  expect(one("SELECT count(*) FROM t")).toBe(520);
  expect(report.corrected.pages).toBe(0);
});

test("a row that was replaced by another of the same content is no damage, though its rowid differs in one bit", () => {
  const pair = backedUp(
    `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); WITH RECURSIVE c(i) AS (SELECT 2 UNION ALL SELECT i + 2 FROM c WHERE i < 60)
     INSERT INTO t SELECT i, hex(zeroblob(1800)) FROM c;`,
  );
  pair.db.exec("UPDATE t SET id = id + 1 WHERE id = 20; UPDATE t SET v = 'short' WHERE id = 40");
  const { one, report } = healed(pair, []);
  expect(one("SELECT group_concat(id) FROM t WHERE id BETWEEN 18 AND 22")).toBe("18,21,22");
  expect(report.corrected.pages).toBe(0);
});
