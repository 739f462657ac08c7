/** What a backup adds to what can be read of a damaged database: the rows that are lost, and none that were deleted. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { loadEngine } from "../../../src/database/open.ts";
import type { SalvageReport } from "../../../src/recovery/salvage/report.ts";
import { salvage } from "../../../src/recovery/salvage/salvage.ts";
import { Draw } from "../../faults/mutations/draw.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";
import { DAMAGES, flipBits, pageOneZeroed } from "./damages.ts";
import { type Original, remember } from "./judge.ts";
import type { Build } from "./library.ts";
import { bytesOfValues, prepare, prepareChanged } from "./trial.ts";

const engine = await loadEngine();

const BUILDS: Readonly<Record<string, Build>> = {
  "pages of 4096 bytes": { rows: 700 },
  "pages of 512 bytes, auto-vacuum": { rows: 400, pageSize: 512, autoVacuum: "full", withFreePages: true },
  "pages of 1024 bytes, UTF-16be": { rows: 400, pageSize: 1024, encoding: "UTF-16be", withFreePages: true },
};

describe.each(Object.entries(BUILDS))("%s", (name, build) => {
  test.each([...Object.entries(DAMAGES), ["page 1 is zero", pageOneZeroed] as const])(
    "%s: with a backup of the same rows, all of them are back",
    (kind, damage) => {
      const trial = prepare(build, name);
      const outcome = trial.run(damage(trial.subject, new Draw(`${name} ${kind}`)), { backup: trial.file });
      expect(outcome).toMatchObject({ missing: [], wrong: [], back: outcome.of, integrity: "ok" });
      const { healing, tables } = outcome.report;
      expect(healing).toMatchObject({ notTaken: 0, leftOut: [], inBackup: healing?.inResult });
      expect(healing?.rows).toBe(tables.reduce((sum, { gaps }) => sum + gaps.reduce((n, g) => n + g.fromBackup, 0), 0));
    },
  );

  test("bits are flipped, but in no value: all rows are back", () => {
    const trial = prepare(build, name);
    const inValue = bytesOfValues(trial);
    const damaged = flipBits(trial.subject, new Draw(`${name} bits`), 0.4, (at) => inValue[at] === 0);
    const outcome = trial.run(damaged, { backup: trial.file });
    expect(outcome).toMatchObject({ missing: [], wrong: [], back: outcome.of, integrity: "ok" });
  });

  test("bits are flipped, one a page and anywhere: all rows are back, as they were", () => {
    const trial = prepare(build, name);
    const hit = new Map<number, number>();
    const damaged = flipBits(trial.subject, new Draw(`${name} any bits`), 0.2, (at) => {
      const page = Math.floor(at / trial.subject.pageSize);
      if (!hit.has(page)) hit.set(page, at);
      return hit.get(page) === at;
    });
    const outcome = trial.run(damaged, { backup: trial.file });
    expect(outcome).toMatchObject({ missing: [], wrong: [], back: outcome.of, integrity: "ok" });
    expect(outcome.report.corrected.pages).toBe(damaged.pages.size);
  });

  test.each([...Object.entries(DAMAGES), ["page 1 is zero", pageOneZeroed] as const])(
    "%s: with a backup from before rows were changed and deleted, only what is lost comes from it",
    (kind, damage) => {
      const { trial, backup } = prepareChanged(build, name);
      const damaged = damage(trial.subject, new Draw(`${name} ${kind}`));
      const outcome = trial.run(damaged, { backup });
      const missing = outcome.report.freelistDamaged ? expect.any(Array) : [];
      expect(outcome).toMatchObject({ missing, integrity: "ok" });
      expect(strayRows(outcome, trial.original, remember(backup), damaged.pages)).toEqual([]);
    },
  );
});

/**
 * Rows that are not as they were last, and have no right to be there: a row of the backup may stand in for one that is
 * lost, and one that was deleted from a page that is lost cannot be known to be.
 */
function strayRows(
  { result, report }: { result: string; report: SalvageReport },
  last: Original,
  before: Original,
  lost: ReadonlySet<number>,
): string[] {
  const now = remember(result);
  return now.tables.flatMap(({ name, shown }) => {
    const [rowsLast, rowsBefore] = [placed(last, name), placed(before, name)];
    const exactGaps = report.tables.find(({ table }) => table === name)?.gaps.filter(({ exact }) => exact) ?? [];
    return shown.flatMap(({ key, row }) => {
      const [atLast, earlier] = [rowsLast.get(key), rowsBefore.get(key)];
      if (name.startsWith("sqlite_") || name === "lost_and_found" || atLast?.row === row) return [];
      const isOfBackup = earlier?.row === row;
      const isLost = atLast ? onAny(atLast.pages, lost) : onAny(earlier?.pages ?? [], lost) || exactGaps.length > 0;
      return isOfBackup && isLost ? [] : [`${name} ${key}: ${row.slice(0, 200)}`];
    });
  });
}

const onAny = (pages: readonly number[], lost: ReadonlySet<number>) => pages.some((page) => lost.has(page));

function placed(original: Original, table: string): Map<string, { row: string; pages: readonly number[] }> {
  const found = original.tables.find(({ name }) => name === table);
  const pairs = found?.shown.map(({ key, row }, at) => [key, { row, pages: found.rows[at]?.pages ?? [] }] as const);
  return new Map(pairs);
}

describe("case by case", () => {
  const PAGE = 4096;

  interface Pair {
    readonly file: string;
    readonly backup: string;
    readonly db: Database.Database;
  }

  /** A database that has been backed up, open for what happens afterwards. */
  function backedUp(sql: string): Pair {
    const folder = scratchFolder();
    const [file, backup] = [join(folder, "library.sqlite"), join(folder, "backup.sqlite")];
    const db = new Database(file);
    db.exec(sql);
    db.close();
    copyFileSync(file, backup);
    return { file, backup, db: new Database(file) };
  }

  function zero(file: string, pages: readonly number[]): void {
    const bytes = readFileSync(file);
    for (const page of pages) bytes.fill(0, (page - 1) * PAGE, page * PAGE);
    writeFileSync(file, bytes);
  }

  function rootOf(file: string, name: string): number {
    const db = new Database(file, { readonly: true });
    try {
      return db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(name) as number;
    } finally {
      db.close();
    }
  }

  function pagesOf(file: string, table: string): readonly number[][] {
    const found = remember(file).tables.find(({ name }) => name === table);
    return found?.rows.map(({ pages }) => [...pages]) ?? [];
  }

  function healed({ file, backup, db }: Pair, lost: readonly number[]) {
    db.close();
    zero(file, lost);
    const to = `${file}-healed`;
    const report = salvage(engine, { from: file, to, backup });
    const result = new Database(to);
    expect(result.pragma("integrity_check", { simple: true })).toBe("ok");
    return {
      report,
      all: (sql: string) => result.prepare(sql).raw().all(),
      one: (sql: string) => result.prepare(sql).pluck().get(),
    };
  }

  const MANY = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 600)";
  const T = `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); ${MANY} INSERT INTO t SELECT i, 'row ' || i || hex(zeroblob(40)) FROM c;`;

  test("a page of rows: the report names the gap, and how many of the backup's rows fill it", () => {
    const pair = backedUp(T);
    const pages = pagesOf(pair.file, "t");
    const lost = pages[100]?.[0] as number;
    const rows = pages.filter(([page]) => page === lost).length;
    const { report, one } = healed(pair, [lost]);
    expect(one("SELECT count(*) FROM t")).toBe(600);
    const [t] = report.tables;
    expect(t).toMatchObject({ table: "t", byTree: 600 - rows, fromBackup: rows, lostAtMost: 0n });
    expect(t?.gaps).toMatchObject([{ pages: [lost], exact: true, fromBackup: rows }]);
    expect(report.healing).toEqual({
      ...{ backup: pair.backup, rows, notTaken: 0, leftOut: [], inBackup: 600, inResult: 600 },
    });
  });

  test("a row that is readable stays as it is, whatever the backup says of it", () => {
    const pair = backedUp(T);
    pair.db.exec("UPDATE t SET v = 'new' || substr(v, 4) WHERE id % 2 = 0");
    const lost = pagesOf(pair.file, "t")[100]?.[0] as number;
    const { report, one } = healed(pair, [lost]);
    const fromBackup = report.tables[0]?.fromBackup ?? 0;
    expect(one("SELECT count(*) FROM t WHERE v LIKE 'new%'")).toBe(300 - Math.floor(fromBackup / 2));
  });

  test("rows that were deleted before the page above them was lost stay deleted, and are in lost and found", () => {
    const pair = backedUp(T);
    pair.db.exec("DELETE FROM t WHERE id BETWEEN 200 AND 400");
    const { report, one } = healed(pair, [rootOf(pair.file, "t")]);
    expect(one("SELECT count(*) FROM t")).toBe(399);
    expect(report.healing).toMatchObject({ rows: 0, notTaken: 201 });
    expect(
      one(
        "SELECT count(*) FROM lost_and_found WHERE reason = 't: only the backup has it, and it may have been deleted since'",
      ),
    ).toBe(201);
  });

  const INDEXED = `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, u INT);
    ${MANY} INSERT INTO t SELECT i, hex(zeroblob(40)), i FROM c; CREATE UNIQUE INDEX t_u ON t (u);`;

  test("an index tells which rows of a lost page had been deleted, and how many are lost for good", () => {
    const pair = backedUp(INDEXED);
    const pages = pagesOf(pair.file, "t");
    const lost = pages[99]?.[0] as number;
    const ids = pages.flatMap(([page], at) => (page === lost ? [at + 1] : []));
    const [first = 0, second = 0] = ids;
    pair.db.exec(`DELETE FROM t WHERE id IN (${first}, ${second}); INSERT INTO t VALUES (${first}, 'anew', -1)`);
    const { one, report } = healed(pair, [lost]);
    expect(one("SELECT count(*) FROM t")).toBe(599);
    expect(one(`SELECT count(*) FROM t WHERE id = ${second}`)).toBe(0);
    expect(report.tables[0]).toMatchObject({ fromBackup: ids.length - 1, lostAtMost: 0n });
    expect(report.healing).toMatchObject({ notTaken: 0 });
  });

  test("without that, a row whose values have gone to a newer one is not brought back beside it", () => {
    const pair = backedUp(INDEXED);
    pair.db.exec("DELETE FROM t WHERE id = 100; INSERT INTO t VALUES (1000, 'the newer one', 100)");
    const lost = pagesOf(pair.file, "t")[99]?.[0] as number;
    const { one, all, report } = healed(pair, [lost, rootOf(pair.file, "t_u")]);
    expect(all("SELECT id, v FROM t WHERE u = 100")).toEqual([[1000, "the newer one"]]);
    expect(one("SELECT count(*) FROM t")).toBe(600);
    expect(report.healing).toMatchObject({ notTaken: 1 });
  });

  test("without a backup, an index tells how many rows are lost, also at the end of a table", () => {
    const { file, db } = backedUp(INDEXED);
    db.exec("DELETE FROM t WHERE id % 10 = 0");
    db.close();
    const places = pagesOf(file, "t");
    const last = places.at(-1)?.[0] as number;
    const rows = places.filter(([page]) => page === last).length;
    zero(file, [last]);
    const { tables } = salvage(engine, { from: file, to: `${file}-salvaged` });
    expect(tables[0]).toMatchObject({ byTree: 540 - rows, lostAtMost: BigInt(rows) });
  });

  test("a table whose columns are others in the backup gets none of its rows", () => {
    const pair = backedUp(T);
    pair.db.exec("ALTER TABLE t ADD COLUMN more TEXT");
    const lost = pagesOf(pair.file, "t")[100]?.[0] as number;
    const { report } = healed(pair, [lost]);
    expect(report.healing).toMatchObject({
      rows: 0,
      leftOut: [{ table: "t", reason: "its columns are others in the backup" }],
    });
    expect(report.tables[0]?.gaps).toMatchObject([{ fromBackup: 0 }]);
  });

  test("keys of several columns, in any order and collation, and text that is no UTF-8", () => {
    const pair =
      backedUp(`CREATE TABLE t (a TEXT, b INT, c BLOB, v, PRIMARY KEY (a COLLATE NOCASE DESC, b, c)) WITHOUT ROWID;
      ${MANY} INSERT INTO t SELECT char(65 + i % 3 + 32 * (i % 2)), i % 5, CAST(i AS BLOB), CAST(X'E941' AS TEXT) || hex(zeroblob(30)) FROM c;`);
    const before = pair.db.prepare("SELECT a, b, c, hex(v) FROM t").raw().all();
    const pages = [...new Set(pagesOf(pair.file, "t").flat())];
    for (const lost of pages) {
      const { all, report } = healed({ ...pair, file: copyOf(pair.file) }, [lost]);
      expect(all("SELECT a, b, c, hex(v) FROM t")).toEqual(before);
      expect(report.healing?.rows).toBeGreaterThan(0);
    }
  });

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

  describe("a page came to the wrong place", () => {
    const block = (bytes: Buffer, page: number) => bytes.subarray((page - 1) * PAGE, page * PAGE);

    test.each<[string, (bytes: Buffer, a: number, b: number) => void]>([
      [
        "two have changed places",
        (bytes, a, b) => {
          const first = Buffer.from(block(bytes, a));
          block(bytes, b).copy(block(bytes, a));
          first.copy(block(bytes, b));
        },
      ],
      ["one stands in the place of another as well", (bytes, a, b) => void block(bytes, a).copy(block(bytes, b))],
    ])("%s: each is read as the backup has it", (_, change) => {
      const pair = backedUp(
        `CREATE TABLE t (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID; CREATE TABLE u (v);
         ${MANY} INSERT INTO t SELECT 'key ' || i || hex(zeroblob(40)), i FROM c; INSERT INTO u VALUES ('x');`,
      );
      pair.db.exec("INSERT INTO u VALUES ('newer than the backup')");
      const [a, b] = [...new Set(pagesOf(pair.file, "t").flat())];
      pair.db.close();
      const bytes = readFileSync(pair.file);
      change(bytes, a as number, b as number);
      writeFileSync(pair.file, bytes);
      const { one, report } = healed({ ...pair, db: new Database(pair.file) }, []);
      expect(one("SELECT count(*) || ' ' || sum(b) FROM t")).toBe("600 180300");
      expect(one("SELECT count(*) FROM u")).toBe(2);
      expect(report.corrected.pages).toBeGreaterThan(0);
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

  test("only an index is damaged: it is made anew, and nothing is missing", () => {
    const pair = backedUp(`${T} CREATE INDEX t_v ON t (v);`);
    const root = rootOf(pair.file, "t_v");
    const { report, one } = healed(pair, [root, root + 1]);
    expect(one("SELECT count(*) FROM t INDEXED BY t_v WHERE v > ''")).toBe(600);
    expect(report.tables[0]).toMatchObject({ byTree: 600, gaps: [] });
    expect(report.healing).toMatchObject({ rows: 0, notTaken: 0 });
  });

  let copies = 0;

  function copyOf(file: string): string {
    const copy = `${file}-${copies++}`;
    copyFileSync(file, copy);
    return copy;
  }
});
