import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { BTreePage } from "../../../src/recovery/salvage/b-tree-page.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";

/** Page 2 of a database: a leaf with rows, of which some are deleted. */
function leaf(rows = 20): BTreePage {
  const file = join(scratchFolder(), "one.sqlite");
  const db = new Database(file);
  db.pragma("page_size = 1024");
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
  for (let n = 1; n <= rows; n++) db.prepare("INSERT INTO t VALUES (?, ?)").run(n, `value ${n}`);
  db.exec("DELETE FROM t WHERE id IN (3, 12, 20)");
  db.close();
  const page = new BTreePage(1024, 1024);
  readFileSync(file).copy(page.bytes, 0, 1024, 2048);
  return page;
}

const rowids = (page: BTreePage) =>
  Array.from({ length: page.count }, (_, cell) => (page.ok[cell] === 1 ? page.rowid[cell] : null));
const ALL = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19];

test("a page as SQLite writes it is sound", () => {
  const page = leaf();
  expect(page.parse(2)).toBe(true);
  expect(page.sound).toBe(true);
  expect(rowids(page)).toEqual(ALL);
});

test.each([1, 2, 4, 8, 16, 32, 64])(
  "a bit more or less in the number of cells neither hides rows nor brings any back (%i)",
  (bit) => {
    const page = leaf();
    page.bytes[4] = (page.bytes[4] ?? 0) ^ bit;
    page.parse(2);
    expect(page.sound).toBe(true);
    expect(rowids(page)).toEqual(ALL);
  },
);

test("no single bit in the head, the pointers or the cells' own heads makes it look whole with other rows", () => {
  const page = leaf();
  page.parse(2);
  const whole = Buffer.from(page.bytes);
  const places = [
    ...Array(8 + 2 * page.count).keys(),
    ...Array.from({ length: page.count }, (_, n) => page.start[n] ?? 0),
  ];
  for (const at of places) {
    for (let bit = 0; bit < 8; bit++) {
      whole.copy(page.bytes);
      page.bytes[at] = (page.bytes[at] ?? 0) ^ (1 << bit);
      if (!page.parse(2) || page.type !== 13 || !page.sound) continue;
      // Two pointers that changed places, or the count that was put right.
      expect(
        rowids(page).toSorted((a, b) => Number(a) - Number(b)),
        `bit ${bit} of byte ${at}`,
      ).toEqual(ALL);
    }
  }
});

test("a cell that runs into another is not believed, the other is", () => {
  const page = leaf();
  page.parse(2);
  const fourth = page.start[3] as number;
  page.bytes[fourth] = (page.bytes[fourth] ?? 0) + 7;
  page.parse(2);
  expect(page.sound).toBe(false);
  expect(rowids(page)).toEqual([1, 2, 4, null, ...ALL.slice(4)]);
});

test("where the end of a page was lost, so are the cells that reach into it", () => {
  const page = leaf(60);
  page.parse(2);
  const before = rowids(page).filter((_, cell) => (page.end[cell] ?? 0) <= 1024 - 256);
  page.bytes.fill(0, 1024 - 256);
  page.parse(2);
  expect(page.sound).toBe(false);
  expect(before.length).toBeGreaterThan(0);
  expect(rowids(page).filter((rowid) => rowid !== null)).toEqual(before);
});

test.each([0, 1, 3, 4, 6, 14, 255])("a page of type %i is none of a tree", (type) => {
  const page = leaf();
  page.bytes[0] = type;
  expect(page.parse(2)).toBe(false);
});
