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

test.each([
  ["less", 0x04],
  ["more", 0],
])("a key of an interior page that says %s than it did costs no row", (_, bit) => {
  const trial = library();
  const { bytes, pageSize } = trial.subject;
  const root = ((trial.original.tables.find(({ name }) => name === "event")?.interior[0] ?? 0) - 1) * pageSize;
  const count = bytes.readUInt16BE(root + 3);
  // Behind the number of the child, in two bytes.
  const keys = Array.from({ length: count }, (_, n) => root + bytes.readUInt16BE(root + 12 + 2 * n) + 5);
  const at = keys.find((key) => ((bytes[key] ?? 0) & 0x84) === bit && ((bytes[key - 1] ?? 0) & 0x80) !== 0);
  const { back, of, wrong, report } = runWith(trial, at ?? Number.NaN, 0x04);
  expect(wrong).toEqual([]);
  expect(back).toBe(of);
  expect(report.lostAndFound).toBeNull();
});

test.each([
  ["a leaf", "event", 0],
  ["an interior page", "event", 1],
  ["a leaf of a table without rowids", "loan", 0],
  ["an interior page of a table without rowids", "loan", 1],
])("a bit of what says that a page is %s costs no row", (_, name, isInterior) => {
  const trial = library();
  const page = isInterior
    ? trial.original.tables.find((table) => table.name === name)?.interior[0]
    : leavesOf(trial, name)[3]?.[0]?.pages[0];
  for (const bit of [0x01, 0x02, 0x04, 0x08, 0x80]) {
    const { back, of, wrong } = runWith(trial, ((page ?? 0) - 1) * trial.subject.pageSize, bit);
    expect(wrong).toEqual([]);
    expect(back, `bit ${bit}`).toBe(of);
  }
});

test("a rowid that is one of another page now does not cost the only other row of its page", () => {
  const trial = library();
  const rowids = leavesOf(trial, "book")
    .filter((rows) => rows.length === 2)
    .map(([first]) => cellOf(first) + 1)
    // It takes two bytes, behind the size of the payload in one or two.
    .map((at) => ((trial.subject.bytes[at - 1] ?? 0) < 0x80 ? at + 1 : at + 2));
  const at = rowids.find((each) => ((trial.subject.bytes[each] ?? 0) & 0xc0) === 0);
  const { back, of, wrong } = runWith(trial, at ?? Number.NaN, 0x40);
  expect(wrong).toEqual([]);
  expect(of - back).toBe(1);
});

test("a pointer to where no cell begins costs its own row only, whatever lies there", () => {
  const trial = prepare({ rows: 700, withFreePages: true }, "pointers");
  const [pointer] = leavesOf(trial, "event")[2]?.[5]?.needed[0] ?? [];
  for (let bit = 0; bit < 12; bit++) {
    const { back, of, wrong } = runWith(trial, (pointer ?? Number.NaN) + 1 - (bit >> 3), 1 << (bit & 7));
    expect(wrong).toEqual([]);
    expect(of - back, `bit ${bit}`).toBeLessThanOrEqual(1);
  }
});

test("a page of zeros with a bit in it is not the end of a value", () => {
  const trial = library();
  const { bytes, pageSize } = trial.subject;
  const row = leavesOf(trial, "book")
    .flat()
    .find(({ values }) => values.length > 1 && (values.at(-1)?.[1] ?? 0) - (values.at(-1)?.[0] ?? 0) > 1000);
  const page = row?.pages.at(-1) ?? Number.NaN;
  const damaged = Buffer.from(bytes);
  damaged.fill(0, (page - 1) * pageSize, page * pageSize);
  damaged[(page - 1) * pageSize + 700] = 0x10;
  const { back, of, wrong } = trial.run({ bytes: damaged, pages: new Set([page]) });
  expect(wrong).toEqual([]);
  expect(of - back).toBe(1);
});
