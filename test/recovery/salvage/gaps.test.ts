import { describe, expect, test } from "vitest";
import { HIGHEST, KeyGaps, LOWEST, RowidGaps } from "../../../src/recovery/salvage/gaps.ts";

const ranges = (gaps: RowidGaps) => gaps.list().map(({ after, upTo }) => [after?.[0] ?? null, upTo?.[0] ?? null]);

describe("the gaps of a table with rowids", () => {
  test("those that adjoin are one", () => {
    const gaps = new RowidGaps();
    gaps.add(10, 20, 3, true);
    gaps.add(20, 30, 4, true);
    gaps.add(50, 60, 5, true);
    expect(gaps.list()).toEqual([
      { after: [10n], upTo: [30n], pages: [3, 4], exact: true },
      { after: [50n], upTo: [60n], pages: [5], exact: true },
    ]);
    expect(gaps.most()).toBe(30n);
  });

  test("rows that are found after all leave what is beside them", () => {
    const gaps = new RowidGaps();
    gaps.add(LOWEST, HIGHEST, null, false);
    gaps.fill(11, 20);
    gaps.fill(21, 30);
    expect(ranges(gaps)).toEqual([
      [null, 10n],
      [30n, null],
    ]);
    expect(gaps.most()).toBeNull();
    expect(gaps.find(5, 10)).not.toBeNull();
    expect(gaps.find(10, 11)).toBeNull();
    expect(gaps.find(25, 26)).toBeNull();
  });

  test("what is known of a part of one changes nothing, and what reaches beyond it is added", () => {
    const gaps = new RowidGaps();
    gaps.add(10, 40, null, false);
    gaps.add(35, 36, 7, true);
    gaps.add(60, 70, 8, true);
    gaps.add(30, 65, 9, true);
    expect(ranges(gaps)).toEqual([
      [10n, 40n],
      [40n, 60n],
      [60n, 70n],
    ]);
    expect(gaps.find(38, 39)).not.toBeNull();
    gaps.add(0, 100, null, false);
    expect(ranges(gaps).at(0)).toEqual([0n, 10n]);
    expect(ranges(gaps).at(-1)).toEqual([70n, 100n]);
  });

  test("a gap that is filled to its ends is gone", () => {
    const gaps = new RowidGaps();
    gaps.add(10, 20, 3, true);
    gaps.fill(11, 20);
    expect(gaps.any).toBe(false);
  });
});

test("the gaps of a table WITHOUT ROWID are known by the rows beside them", () => {
  const gaps = new KeyGaps(1);
  gaps.add(7, true);
  gaps.row(["a", 1n]);
  gaps.row(["b", 2n]);
  gaps.add(8, true);
  gaps.add(9, true);
  gaps.row(["f", 2n]);
  gaps.add(10, true);
  expect(gaps.list()).toEqual([
    { after: null, upTo: ["a"], pages: [7], exact: true },
    { after: ["b"], upTo: ["f"], pages: [8, 9], exact: true },
    { after: ["f"], upTo: null, pages: [10], exact: true },
  ]);
});
