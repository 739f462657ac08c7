import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { exitStatusOf, exitStatusOfThrown, OK, STATUS_OF, USAGE } from "../../src/cli/exit-status.ts";
import { type ErrorCode, HoldfastError } from "../../src/index.ts";

const source = readFileSync(new URL("../../src/errors.ts", import.meta.url), "utf8");
const codes = [...source.matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map(([, code]) => code as ErrorCode);

test("every code has an exit status", () => {
  expect(codes.length).toBeGreaterThan(15);
  expect(Object.keys(STATUS_OF).sort()).toEqual([...codes].sort());
});

test("no two codes share a status, and none has one that means something else", () => {
  const statuses = Object.values(STATUS_OF);
  expect(new Set([...statuses, OK, 1, USAGE, 70]).size).toBe(statuses.length + 4);
  for (const [code, status] of Object.entries(STATUS_OF)) {
    if (code !== "ABORTED") expect(status).toBeLessThan(126);
  }
});

test("an interruption exits as shells have it", () => {
  expect(STATUS_OF.ABORTED).toBe(130);
});

test("without an error the status is 0, and a fault of Holdfast's own is 70", () => {
  expect(exitStatusOf(undefined)).toBe(0);
  expect(exitStatusOfThrown(new HoldfastError({ code: "DISK_FULL", message: "", hint: "" }))).toBe(STATUS_OF.DISK_FULL);
  expect(exitStatusOfThrown(new TypeError("x is not a function"))).toBe(70);
});
