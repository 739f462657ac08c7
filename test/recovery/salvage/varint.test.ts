import { describe, expect, test } from "vitest";
import { beside, rowidVarint, smallVarint, varintLength } from "../../../src/recovery/salvage/varint.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

describe("a varint", () => {
  test.each([
    ["00", 1, 0],
    ["7f", 1, 127],
    ["81 00", 2, 128],
    ["82 2c", 2, 300],
    ["ff 7f", 2, 16383],
    ["81 80 00", 3, 16384],
    ["bf ff ff ff ff ff 7f", 7, 2 ** 48 - 1],
    ["c0 80 80 80 80 80 80 00", 8, 2n ** 55n],
    ["8f ff ff ff ff ff ff ff ff", 9, 2n ** 61n - 1n],
    ["ff ff ff ff ff ff ff ff ff", 9, -1],
    ["ff ff ff ff ff ff ff ff 80", 9, -128],
    ["c0 80 80 80 80 80 80 80 00", 9, -(2n ** 63n)],
    ["bf ff ff ff ff ff ff ff ff", 9, 2n ** 63n - 1n],
  ])("%s is %i bytes long and says %s", (hex, length, value) => {
    expect(varintLength(bytes(hex), 0, bytes(hex).length)).toBe(length);
    expect(rowidVarint(bytes(hex), 0, length)).toBe(value);
  });

  test.each([["81"], [""], ["ff ff ff ff ff ff ff ff"]])("%j goes on beyond what is there", (hex) => {
    expect(varintLength(bytes(hex), 0, bytes(hex).length)).toBe(0);
  });

  test("a size of more than seven bytes is none that any file could have", () => {
    expect(smallVarint(bytes("c0 80 80 80 80 80 80 00"), 0, 8)).toBe(Number.POSITIVE_INFINITY);
  });

  test("the rowid beside another is exact beyond what a number can hold", () => {
    expect(beside(5, 1)).toBe(6);
    expect(beside(Number.MAX_SAFE_INTEGER, 1)).toBe(2n ** 53n);
    expect(beside(2n ** 53n, -1)).toBe(Number.MAX_SAFE_INTEGER);
    expect(beside(Number.NEGATIVE_INFINITY, 1)).toBe(Number.NEGATIVE_INFINITY);
  });
});
