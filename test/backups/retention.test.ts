import { describe, expect, test } from "vitest";
import type { IndexEntry } from "../../src/backups/index-file.ts";
import { applyRetention } from "../../src/backups/retention.ts";
import { indexEntry } from "../fixtures/index-entry.ts";

const RUNNING = /^the running version's backup$/;
const NEWEST = /^the newest verified backup$/;
const HIGHEST = /^among the \d+ highest versions$/;
const SURPLUS = /^beyond the \d+ that db-backup-retention keeps, the lowest version first$/;
const OFF = /^backups are turned off, and none is removed$/;

/** An entry, and what becomes of it and why. */
type Fate = readonly [IndexEntry, "keep" | "remove", RegExp];

function retains(limit: number, running: string | null, fates: readonly Fate[]): void {
  for (const entries of [fates, [...fates].reverse()]) {
    const judged = applyRetention(
      entries.map(([entry]) => entry),
      limit,
      running,
    );
    expect(judged).toHaveLength(fates.length);
    for (const [entry, fate, reason] of fates) {
      const found = judged.find((each) => each.entry === entry);
      expect([entry.file, found?.keep ? "keep" : "remove"]).toEqual([entry.file, fate]);
      expect(found?.reason).toMatch(reason);
    }
  }
}

const of = (version: string | null, sequence: number, parts: Partial<IndexEntry> = {}) =>
  indexEntry({ version, sequence, ...parts });

describe("how many are kept", () => {
  test("as many as the limit: none goes", () => {
    retains(2, "1.3.0", [
      [of("1.2.0", 1), "keep", HIGHEST],
      [of("1.3.0", 2), "keep", RUNNING],
    ]);
  });

  test("one beyond the limit: the lowest version goes", () => {
    retains(2, "1.3.0", [
      [of("1.1.0", 1), "remove", SURPLUS],
      [of("1.2.0", 2), "keep", HIGHEST],
      [of("1.3.0", 3), "keep", RUNNING],
    ]);
  });

  test("several beyond the limit", () => {
    retains(3, "2.0.0", [
      [of("1.1.0", 1), "remove", SURPLUS],
      [of("1.2.0", 2), "remove", SURPLUS],
      [of("1.3.0", 3), "keep", HIGHEST],
      [of("1.4.0", 4), "keep", HIGHEST],
      [of("2.0.0", 5), "keep", RUNNING],
    ]);
  });

  test("the limit is named in the reason", () => {
    const reasons = applyRetention([of("1.0.0", 1), of("1.1.0", 2), of("1.2.0", 3)], 2, "1.2.0").map(
      (each) => each.reason,
    );
    expect(reasons).toEqual([
      "the running version's backup",
      "among the 2 highest versions",
      "beyond the 2 that db-backup-retention keeps, the lowest version first",
    ]);
  });

  test("0 turns backups off, and those that exist stay", () => {
    retains(0, "1.3.0", [
      [of("1.1.0", 1), "keep", OFF],
      [of("1.2.0", 2, { verifiedAt: null }), "keep", OFF],
      [of("1.3.0", 3, { label: "before the move" }), "keep", OFF],
    ]);
  });

  test("no backups: nothing to judge", () => {
    expect(applyRetention([], 2, "1.0.0")).toEqual([]);
  });
});

describe("which version is the lowest", () => {
  test("by precedence, not by spelling", () => {
    retains(2, null, [
      [of("1.9.0", 1), "remove", SURPLUS],
      [of("1.10.0", 2), "keep", HIGHEST],
      [of("1.11.0", 3), "keep", NEWEST],
    ]);
  });

  test("a prerelease is below its release", () => {
    retains(2, null, [
      [of("1.2.0-beta.2", 1), "remove", SURPLUS],
      [of("1.2.0", 2), "keep", HIGHEST],
      [of("1.3.0", 3), "keep", NEWEST],
    ]);
  });

  test("builds of one version are told apart", () => {
    retains(2, null, [
      [of("1.2.0+1", 1), "remove", SURPLUS],
      [of("1.2.0+2", 2), "keep", HIGHEST],
      [of("1.3.0", 3), "keep", NEWEST],
    ]);
  });

  test("one without a stamp is the lowest of all", () => {
    retains(2, "1.0.0", [
      [of(null, 1), "remove", SURPLUS],
      [of("0.0.1", 2), "keep", HIGHEST],
      [of("1.0.0", 3), "keep", RUNNING],
    ]);
  });

  test("though it is the last that was taken", () => {
    retains(2, "1.0.0", [
      [of(null, 9, { verifiedAt: null }), "remove", SURPLUS],
      [of("0.0.1", 2), "keep", HIGHEST],
      [of("1.0.0", 3), "keep", RUNNING],
    ]);
  });

  test("within a version the older one goes", () => {
    retains(2, "1.3.0", [
      [of("1.2.0", 1, { file: "library-v1.2.0-2.sqlite" }), "remove", SURPLUS],
      [of("1.2.0", 2), "keep", HIGHEST],
      [of("1.3.0", 3), "keep", RUNNING],
    ]);
  });
});

describe("what always stays", () => {
  test("the running version's, though it is the lowest", () => {
    retains(2, "1.1.0", [
      [of("1.1.0", 3), "keep", RUNNING],
      [of("1.2.0", 1), "remove", SURPLUS],
      [of("1.3.0", 2), "keep", HIGHEST],
    ]);
  });

  test("the newest verified, though it is the lowest and another is running", () => {
    retains(1, "1.3.0", [
      [of("1.1.0", 9), "keep", NEWEST],
      [of("1.2.0", 8), "remove", SURPLUS],
      [of("1.3.0", 7), "keep", RUNNING],
    ]);
  });

  test("a newer one that was never verified does not take its place", () => {
    retains(1, null, [
      [of("1.1.0", 1), "keep", NEWEST],
      [of("1.2.0", 2, { verifiedAt: null }), "remove", SURPLUS],
      [of("1.3.0", 3, { verifiedAt: null }), "remove", SURPLUS],
    ]);
  });

  test("limit 1: one backup, the running version's, which is the newest", () => {
    retains(1, "1.3.0", [
      [of("1.2.0", 1), "remove", SURPLUS],
      [of("1.3.0", 2), "keep", RUNNING],
    ]);
  });

  test("the running version has none yet: the newest is not given up for it", () => {
    retains(1, "2.0.0", [
      [of("1.2.0", 1), "remove", SURPLUS],
      [of("1.3.0", 2), "keep", NEWEST],
    ]);
  });

  test("a labelled one is a person's: it stays, and takes no place from the others", () => {
    retains(2, "1.3.0", [
      [of("1.0.0", 1, { label: "before the move" }), "keep", /^labelled "before the move"$/],
      [of("1.1.0", 2), "remove", SURPLUS],
      [of("1.2.0", 3), "keep", HIGHEST],
      [of("1.3.0", 4), "keep", RUNNING],
    ]);
  });
});

describe("the rules that users of such a system know: 2 by default, the oldest go first", () => {
  test("three launches of three versions leave the last two", () => {
    const [first, second, third] = [of("1.2.0", 1), of("1.3.0", 2), of("1.4.0", 3)];
    retains(2, "1.3.0", [
      [first, "keep", HIGHEST],
      [second, "keep", RUNNING],
    ]);
    retains(2, "1.4.0", [
      [first, "remove", SURPLUS],
      [second, "keep", HIGHEST],
      [third, "keep", RUNNING],
    ]);
  });

  test("lowering the setting from 4 to 2 removes the two oldest", () => {
    retains(2, "1.4.0", [
      [of("1.1.0", 1), "remove", SURPLUS],
      [of("1.2.0", 2), "remove", SURPLUS],
      [of("1.3.0", 3), "keep", HIGHEST],
      [of("1.4.0", 4), "keep", RUNNING],
    ]);
  });

  test("after a downgrade the older version's backup is kept beside the newer's", () => {
    retains(2, "1.2.0", [
      [of("1.2.0", 3), "keep", RUNNING],
      [of("1.3.0", 2), "keep", HIGHEST],
    ]);
  });
});

test("the entries handed in keep their order", () => {
  const entries = [of("1.1.0", 1), of("1.3.0", 3), of("1.2.0", 2)];
  const before = [...entries];
  applyRetention(entries, 1, "1.3.0");
  expect(entries).toEqual(before);
});
