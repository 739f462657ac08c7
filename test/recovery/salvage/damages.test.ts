/** What comes back of damaged databases: every row that lies whole on pages that were left alone, and no other. */
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { Draw } from "../../faults/mutations/draw.ts";
import { DAMAGES, flipBits, pageOneZeroed } from "./damages.ts";
import { type Build, SCHEMA } from "./library.ts";
import { bytesOfValues, prepare, type Trial } from "./trial.ts";

const BUILDS: Readonly<Record<string, Build>> = {
  "pages of 4096 bytes": { rows: 700 },
  "pages of 512 bytes, auto-vacuum": { rows: 400, pageSize: 512, autoVacuum: "full", withFreePages: true },
  "pages of 65536 bytes, UTF-16le": { rows: 700, pageSize: 65536, encoding: "UTF-16le" },
  "pages of 1024 bytes, UTF-16be, incremental vacuum": {
    rows: 400,
    pageSize: 1024,
    encoding: "UTF-16be",
    autoVacuum: "incremental",
    withFreePages: true,
  },
  "with free pages": { rows: 700, withFreePages: true },
};

describe.each(Object.entries(BUILDS))("%s", (name, build) => {
  test("undamaged: all of it comes back", () => {
    const trial = prepare(build, name);
    const outcome = trial.run({ bytes: trial.subject.bytes, pages: new Set() });
    expect(outcome).toMatchObject({ missing: [], wrong: [], back: outcome.of, integrity: "ok" });
    expect(outcome.report).toMatchObject({ lostAndFound: null, notRebuilt: [], unreadable: { pages: 0 } });
    expect(outcome.report.tables.every(({ gaps, broken }) => gaps.length === 0 && broken === 0)).toBe(true);
  });

  test.each(Object.entries(DAMAGES))("%s", (kind, damage) => {
    const trial = prepare(build, name);
    const outcome = trial.run(damage(trial.subject, new Draw(`${name} ${kind}`)), { donor: donorOf(trial) });
    // Where the list of free pages was cut off as well, what nothing leads to may have been deleted.
    const missing = outcome.report.freelistDamaged ? expect.any(Array) : [];
    expect(outcome).toMatchObject({ missing, wrong: [], integrity: "ok" });
    expect(outcome.back).toBeGreaterThan(0);
  });

  test.each([
    ["a backup", ({ file }: Trial) => file],
    ["an empty database", donorOf],
  ])("page 1 is zero: with %s as a donor, every row is back in its own table", (_, donor) => {
    const trial = prepare(build, name);
    const outcome = trial.run(pageOneZeroed(trial.subject, new Draw(name)), { donor: donor(trial) });
    expect(outcome).toMatchObject({ missing: [], wrong: [], back: outcome.of, integrity: "ok" });
  });

  test("bits are flipped, but in no value: whatever else they hit, no row is wrong", () => {
    const trial = prepare(build, name);
    const inValue = bytesOfValues(trial);
    const damaged = flipBits(trial.subject, new Draw(`${name} bits`), 0.4, (at) => inValue[at] === 0);
    const outcome = trial.run(damaged, { donor: donorOf(trial) });
    expect(outcome).toMatchObject({ missing: [], wrong: [], integrity: "ok" });
    // Damage to one cell costs none of the others: far fewer rows are lost than lie on those pages.
    expect(outcome.of - outcome.back).toBeLessThan(2 * damaged.pages.size);
  });

  test("bits are flipped in 5 % of the pages: only rows whose values were hit can be wrong", () => {
    const trial = prepare(build, name);
    const inValue = bytesOfValues(trial);
    let hits = 0;
    const count = (at: number) => {
      if (inValue[at] === 1) hits++;
      return true;
    };
    const damaged = flipBits(trial.subject, new Draw(`${name} any bits`), 0.05, count);
    const outcome = trial.run(damaged, { donor: donorOf(trial) });
    expect(outcome).toMatchObject({ missing: [], integrity: "ok" });
    expect(outcome.wrong.length).toBeLessThanOrEqual(hits);
  });
});

/** As an application has it that runs its migrations on an empty database. */
function donorOf({ file }: Trial): string {
  const donor = `${file}-donor`;
  const db = new Database(donor);
  db.exec(SCHEMA);
  db.close();
  return donor;
}

test("page 1 is zero, and nobody knows the schema: all rows are in lost and found, as .recover puts them there", () => {
  const trial = prepare({ rows: 300 }, "alone");
  const { report, back } = trial.run(pageOneZeroed(trial.subject, new Draw("alone")));
  expect(back).toBe(0);
  expect(report).toMatchObject({ schema: "none", tables: [], header: null });
  const rows = trial.original.tables.reduce((sum, table) => sum + table.rows.length, 0);
  expect(report.lostAndFound?.rows).toBeGreaterThanOrEqual(rows);
});

test("what is reported agrees with what was found", () => {
  const trial = prepare({ rows: 700 }, "report");
  const damaged = DAMAGES["5 % of the pages are zero"](trial.subject, new Draw("report"));
  const { report, back } = trial.run(damaged);
  expect(report.tables.reduce((sum, { byTree, byOrphanPage }) => sum + byTree + byOrphanPage, 0)).toBe(back);
  const listed = report.unreadable.ranges.flatMap(([from, to]) =>
    Array.from({ length: to - from + 1 }, (_, n) => from + n),
  );
  expect(new Set(listed)).toEqual(damaged.pages);
  for (const table of trial.original.tables.filter(({ withoutRowid }) => !withoutRowid)) {
    const gaps = report.tables.find((each) => each.table === table.name)?.gaps ?? [];
    for (const [at, { pages }] of table.rows.entries()) {
      if (!pages.some((page) => damaged.pages.has(page))) continue;
      const rowid = BigInt(table.shown[at]?.key ?? "");
      const within = gaps.some(({ after, upTo }) => {
        return (after === null || rowid > Number(after[0])) && (upTo === null || rowid <= Number(upTo[0]));
      });
      expect(within, `${table.name} ${rowid} is lost and in no gap`).toBe(true);
    }
  }
});
