/** What one damaged cell costs: its own row, and none beside it. */
import { expect, test } from "vitest";
import type { Place } from "./naive-reader.ts";
import { prepare, type Trial } from "./trial.ts";

const library = () => prepare({ rows: 700 }, "single cells");

function leavesOf({ original }: Trial, name: string): (readonly Place[])[] {
  const rows = original.tables.find((table) => table.name === name)?.rows ?? [];
  return [...Map.groupBy(rows, ({ pages }) => pages[0]).values()];
}

/** @param at whose value is changed by `by` */
function runWith(trial: Trial, at: number, by: number): ReturnType<Trial["run"]> {
  const bytes = Buffer.from(trial.subject.bytes);
  bytes[at] = (bytes[at] ?? 0) ^ by;
  return trial.run({ bytes, pages: new Set() });
}

const cellOf = (place: Place | undefined): number => place?.needed[1]?.[0] ?? Number.NaN;

test("a cell that contradicts itself does not cost the only other row of its page", () => {
  const trial = library();
  const [first] = leavesOf(trial, "book").find((rows) => rows.length === 2) ?? [];
  const { back, of, wrong, report } = runWith(trial, first?.values[0]?.[0] ?? Number.NaN, 0x20);
  expect(wrong).toEqual([]);
  expect(of - back).toBe(1);
  expect(report.tables.find(({ table }) => table === "book")).toMatchObject({ broken: 1 });
});

test("a rowid that no longer is one of its page's does not cost the row before it", () => {
  const trial = library();
  const second = leavesOf(trial, "event")
    .map((rows) => rows[1])
    // Its rowid takes two bytes, and is less by 128 without the last bit of the first.
    .find((place) => ((trial.subject.bytes[cellOf(place) + 1] ?? 0) & 0x81) === 0x81);
  const { back, of, wrong } = runWith(trial, cellOf(second) + 1, 0x01);
  expect(wrong).toEqual([]);
  expect(of - back).toBe(1);
});
