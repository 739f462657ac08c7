import { expect, test } from "vitest";
import { RowidSet } from "../../../src/recovery/salvage/rowid-set.ts";
import { Draw } from "../../faults/mutations/draw.ts";

test("has what was added and nothing else, however many, in any order, and between questions", () => {
  const draw = new Draw("rowids");
  const set = new RowidSet();
  const known = new Set<number | bigint>();
  expect([set.size, set.has(0)]).toEqual([0, false]);
  for (let n = 0; n < 5000; n++) {
    const rowid = n % 100 === 0 ? 2n ** 60n + BigInt(draw.below(40)) : draw.below(8000) - 4000;
    set.add(rowid);
    known.add(rowid);
    if (n % 1000 === 0) expect(set.size).toBe(known.size);
  }
  expect([set.size, set.added]).toEqual([known.size, known.size]);
  for (let rowid = -4100; rowid < 4100; rowid++) expect(set.has(rowid)).toBe(known.has(rowid));
  for (let n = 0n; n < 50n; n++) expect(set.has(2n ** 60n + n)).toBe(known.has(2n ** 60n + n));
});
