/** What a backup adds to what can be read of a damaged database: the rows that are lost, and none that were deleted. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { loadEngine } from "../../../src/database/open.ts";
import type { SalvageReport } from "../../../src/recovery/salvage/report.ts";
import { salvage } from "../../../src/recovery/salvage/salvage.ts";
import { rootOf } from "../../faults/damage.ts";
import { Draw } from "../../faults/mutations/draw.ts";
import { DAMAGES, flipBits, pageOneZeroed } from "./damages.ts";
import { type Original, remember } from "./judge.ts";
import type { Build } from "./library.ts";
import { backedUp, healed, MANY, PAGE, type Pair, pagesOf, zero } from "./pair.ts";
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

  test("bits are flipped anywhere, and on some pages more than one: all rows are back, as they were", () => {
    const trial = prepare(build, name);
    const hit: number[] = [];
    const damaged = flipBits(trial.subject, new Draw(`${name} any bits`), 0.2, (at) => {
      const page = Math.floor(at / trial.subject.pageSize);
      if (hit.at(-1) !== page) hit.push(page);
      return true;
    });
    expect(hit.length).toBeGreaterThan(damaged.pages.size);
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

  test("of a part of a tree that nothing leads to, its last page damaged too: a row on any of its leaves is the backup's", () => {
    const pair = backedUp(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1300)
       INSERT INTO t SELECT i, 'row ' || i || hex(zeroblob(iif(i % 50 = 0, 5000, 1900))) FROM c;`,
    );
    const t = remember(pair.file).tables.find(({ name }) => name === "t");
    const [root = 0, part = 0] = t?.interior ?? [];
    const lastLeaf = readFileSync(pair.file).readUInt32BE((part - 1) * PAGE + 8);
    const pages = pagesOf(pair.file, "t");
    const before = pages.slice(
      0,
      pages.findIndex(([leaf]) => leaf === lastLeaf),
    );
    const overflow = before.findLast((each) => each.length > 1)?.[1] as number;
    const { one, report } = healed(pair, [root, lastLeaf, overflow]);
    expect(one("SELECT count(*) FROM t")).toBe(1300);
    expect(report).toMatchObject({ healing: { rows: 2, notTaken: 0 }, lostAndFound: null });
  });

  test("a page of rows that was overwritten, and begins as one of an index now, is lost with its rows", () => {
    const pair = backedUp(T);
    const lost = pagesOf(pair.file, "t")[100]?.[0] as number;
    pair.db.close();
    const bytes = readFileSync(pair.file);
    bytes.fill("noise ", (lost - 1) * PAGE, lost * PAGE);
    bytes[(lost - 1) * PAGE] = 10;
    writeFileSync(pair.file, bytes);
    const { one, report } = healed({ ...pair, db: new Database(pair.file) }, [rootOf(pair.file, "t")]);
    expect(one("SELECT count(*) FROM t")).toBe(600);
    expect(report).toMatchObject({ healing: { notTaken: 0 }, lostAndFound: null });
    expect(report.unreadable.ranges.flat()).toContain(lost);
  });

  /** The page of a row. */
  function leafOf({ file, db }: Pair, id: number): number {
    const before = db.prepare("SELECT count(*) FROM t WHERE id < ?").pluck().get(id) as number;
    return pagesOf(file, "t")[before]?.[0] as number;
  }

  /** The leaves of an index, in its order. */
  function entriesOf(file: string, index: string): number[] {
    const bytes = readFileSync(file);
    const at = (rootOf(file, index) - 1) * PAGE;
    const cells = Array.from({ length: bytes.readUInt16BE(at + 3) }, (_, n) => bytes.readUInt16BE(at + 12 + 2 * n));
    return [...cells.map((cell) => bytes.readUInt32BE(at + cell)), bytes.readUInt32BE(at + 8)];
  }

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

  test("an index that is damaged itself tells it of all but the keys that it lacks", () => {
    const told = backedUp(INDEXED);
    told.db.exec("DELETE FROM t WHERE id = 100");
    const { one, report } = healed(told, [leafOf(told, 100), entriesOf(told.file, "t_u").at(-1) as number]);
    expect(one("SELECT count(*) FROM t")).toBe(599);
    expect(report.healing).toMatchObject({ notTaken: 1 });

    const untold = backedUp(INDEXED);
    untold.db.exec("DELETE FROM t WHERE id = 100");
    const both = healed(untold, [leafOf(untold, 100), ...entriesOf(untold.file, "t_u")]);
    expect(both.one("SELECT count(*) FROM t")).toBe(600);
  });

  test("and of a row that is in use, wherever it stood when the backup was taken", () => {
    const pair = backedUp(`CREATE TABLE other (x); INSERT INTO other VALUES (zeroblob(80000)); ${INDEXED}`);
    pair.db.exec("DROP TABLE other; VACUUM");
    const lost = [rootOf(pair.file, "t"), leafOf(pair, 100), entriesOf(pair.file, "t_u").at(-1) as number];
    const { one, report } = healed(pair, lost);
    expect(one("SELECT count(*) FROM t")).toBe(600);
    expect(report).toMatchObject({ healing: { notTaken: 0 }, lostAndFound: null });
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
