/** What came of a salvage: whether it is used, and how it is told. */
import { describe, expect, test } from "vitest";
import { savedOf, sentenceOf, whyNotUsed } from "../../src/launch/saved.ts";
import type { SalvagedTable, SalvageReport } from "../../src/recovery/salvage/report.ts";

const GAP = { after: [10n], upTo: [30n], pages: [7], exact: true, fromBackup: 0 };

function table(name: string, parts: Partial<SalvagedTable> = {}): SalvagedTable {
  return {
    ...{ table: name, byTree: 100, byOrphanPage: 0, fromBackup: 0, repeated: 0, setAside: 0, broken: 0 },
    ...{ gaps: [], lostAtMost: 0n, ...parts },
  };
}

function report(tables: readonly SalvagedTable[], parts: Partial<SalvageReport> = {}): SalvageReport {
  return {
    ...{ from: "/data/library.sqlite", to: "/data/new.sqlite", pages: 40, header: null, schema: "file", tables },
    layout: { pageSize: 4096, reserved: 0, encoding: "utf8" },
    ...{
      lostAndFound: null,
      unreadable: { pages: 0, ranges: [] },
      corrected: { pages: 0, ranges: [] },
      freelistDamaged: false,
      notRebuilt: [],
    },
    ...{ healing: null, missingParents: [], pagesFromLog: null, logRefused: null, ...parts },
  };
}

const healing = (parts: Partial<NonNullable<SalvageReport["healing"]>> = {}) => ({
  healing: { backup: "/b", rows: 0, notTaken: 0, leftOut: [], inBackup: 100, inResult: 100, ...parts },
});

describe("whether it is used", () => {
  test.each<[string, SalvageReport, string | null]>([
    ["all of it could be read", report([table("book")]), null],
    ["all of it, and it has no rows", report([table("book", { byTree: 0 })]), null],
    [
      "it has rows, and the backup had more, all of which are known to have been deleted",
      report([table("book")], healing({ inBackup: 5000 })),
      null,
    ],
    [
      "what the backup has more may have been lost",
      report([table("book", { gaps: [GAP] })], healing({ notTaken: 3, inBackup: 101 })),
      "it would have 100 rows, and the backup has 101",
    ],
    [
      "what the backup has more may have been lost, but there are more that are newer",
      report([table("book", { gaps: [GAP] })], healing({ notTaken: 3, inBackup: 99 })),
      null,
    ],
    [
      "a table has gaps that the backup cannot fill",
      report([table("book")], healing({ leftOut: [{ table: "tag", reason: "r" }], inBackup: 200 })),
      "it would have 100 rows, and the backup has 200",
    ],
    [
      "not one row could be read",
      report([table("book", { byTree: 0, fromBackup: 100, gaps: [GAP] })], healing()),
      "not one row of the application's could be read",
    ],
    [
      "only Holdfast's own rows could be read",
      report([table("_holdfast_stamp"), table("book", { byTree: 0, gaps: [GAP] })]),
      "not one row of the application's could be read",
    ],
    ["no table is known", report([], { schema: "none" }), "not one row of the application's could be read"],
  ])("%s", (_, found, why) => {
    expect(whyNotUsed(found)).toBe(why);
  });
});

describe("the sentence", () => {
  const AT = "2026-11-20T10:15:00.000Z";
  test.each<[string, string | null, SalvageReport, string]>([
    [
      "all of it could be read",
      "library-v1.2.0.sqlite",
      report([table("book"), table("tag", { byTree: 3, byOrphanPage: 4 })], healing()),
      "The database was corrupt and is healed: all of its 107 rows could be read; none is known to be lost.",
    ],
    [
      "some rows are the backup's, others may be lost",
      "library-v1.2.0.sqlite",
      report(
        [table("book", { fromBackup: 18, lostAtMost: 1n, gaps: [{ ...GAP, fromBackup: 18 }] })],
        healing({ rows: 18 }),
      ),
      `The database was corrupt and is healed: 100 rows of it could be read, and 18 are from library-v1.2.0.sqlite of ${AT}, in the place of pages that cannot be read; at most 1 row written after that may be lost.`,
    ],
    [
      "pages were put right by the backup",
      "library-v1.2.0.sqlite",
      report([table("book")], { ...healing(), corrected: { pages: 3, ranges: [[4, 6]] } }),
      "The database was corrupt and is healed: all of its 100 rows could be read; 3 pages in which bits were turned, or that had come to the wrong place, were put right by the backup; none is known to be lost.",
    ],
    [
      "there is no backup, and rows have no table for sure",
      null,
      report([table("book", { byTree: 1, lostAtMost: 20n, gaps: [GAP] })], {
        lostAndFound: { table: "lost_and_found", rows: 1, reasons: { r: 1 } },
      }),
      "The database was corrupt, and there is no backup that could be used: 1 row of it could be read; at most 20 rows may be lost; 1 row without a table for sure, or perhaps deleted, is in the table lost_and_found.",
    ],
    [
      "the end of a table is gone",
      null,
      report([table("book", { lostAtMost: null, gaps: [{ ...GAP, upTo: null }] })]),
      "The database was corrupt, and there is no backup that could be used: 100 rows of it could be read; how many rows are lost cannot be known.",
    ],
  ])("%s", (_, backup, found, sentence) => {
    expect(sentenceOf(savedOf(found, backup), backup && AT)).toBe(sentence);
  });
});
