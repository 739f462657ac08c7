import { describe, expect, test } from "vitest";
import { currentBoot, isSameBoot } from "../../src/platform/boot.ts";

test("the machine's present run has a name that stays", () => {
  expect(currentBoot()).toMatch(/^(id:[0-9a-f-]{36}|since:\d{4}-\d\d-\d\dT.*Z)$/);
  expect(isSameBoot(currentBoot(), currentBoot())).toBe(true);
});

describe("two names are of one run", () => {
  const at = "since:2026-11-21T08:00:00.000Z";
  test.each<[string, string, boolean]>([
    ["id:1", "id:1", true],
    ["id:1", "id:2", false],
    [at, "since:2026-11-21T08:00:04.000Z", true],
    [at, "since:2026-11-21T08:00:06.000Z", false],
    [at, "since:2026-11-21T09:00:00.000Z", false],
    ["id:1", at, false],
    [at, "since:no time", false],
  ])("%s, %s: %j", (a, b, same) => {
    expect(isSameBoot(a, b)).toBe(same);
  });
});
