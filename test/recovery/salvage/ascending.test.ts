import { expect, test } from "vitest";
import { ascending } from "../../../src/recovery/salvage/ascending.ts";

const keptOf = (values: readonly (number | bigint)[], ok = values.map(() => 1)) => {
  const kept = ascending(values, Uint8Array.from(ok), values.length);
  return kept && values.filter((_, at) => kept[at] === 1);
};

test.each([
  ["in order", [1, 2, 5, 2n ** 60n], null],
  ["one too high", [1, 2, 67, 4, 5], [1, 2, 4, 5]],
  ["one too low", [10, 11, 2, 13, 14], [10, 11, 13, 14]],
  ["the first is wrong", [90, 2, 3, 4], [2, 3, 4]],
  ["the last is wrong", [2, 3, 4, 1], [2, 3, 4]],
  ["either of two may be the wrong one: neither is believed", [1, 2, 5, 5, 9], [1, 2, 9]],
  ["the second of two leaves no room for the first", [1, 2, 2, 4], [1, 2, 4]],
  ["the first of two leaves no room for the second", [1n, 3, 3, 4], [1n, 3, 4]],
  ["one that is in order leaves no room for what stands before it", [10, 11, 12, 11, 14], [10, 11, 12, 14]],
  ["nothing tells which", [2, 1], []],
  ["no values", [], null],
])("of rowids of which %s", (_, values, kept) => {
  expect(keptOf(values)).toEqual(kept);
});

test("values that cannot be read do not count", () => {
  expect(keptOf([1, 99, 3], [1, 0, 1])).toBeNull();
});
