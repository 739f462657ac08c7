/** Files that nobody would think of: salvage ends on each, with a database that is sound and rows that were there. */
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Draw } from "../../faults/mutations/draw.ts";
import type { Damaged } from "./damages.ts";
import type { Build } from "./library.ts";
import { prepare, type Trial } from "./trial.ts";

const BUILDS: readonly Build[] = [
  { rows: 250, pageSize: 512, withFreePages: true },
  { rows: 300, pageSize: 1024, autoVacuum: "full", withFreePages: true },
  { rows: 250 },
];
const FILES = 80;
const MOST_MS = 10_000;

/** One change, noted in `hit`. */
type Change = (bytes: Buffer, pageSize: number, draw: Draw, hit: (page: number) => void) => void;

const page = (bytes: Buffer, pageSize: number, draw: Draw) => draw.below(bytes.length / pageSize);

/** Changes after which nothing looks like a row that was not one. */
const COARSE: readonly Change[] = [
  (bytes, size, draw, hit) => {
    const at = page(bytes, size, draw);
    bytes.fill(0, at * size, (at + 1) * size);
    hit(at + 1);
  },
  (bytes, size, draw, hit) => {
    const at = page(bytes, size, draw);
    draw.bytes(size).copy(bytes, at * size);
    hit(at + 1);
  },
  // The head of a page: its type, its first free block, its number of cells, where they begin, its last child.
  (bytes, size, draw, hit) => {
    const at = page(bytes, size, draw);
    const value = draw.pick([0, 1, 0xff, 0x7fff, 0xffff, 0x8000]);
    // Others begin with the number of the next page, and then there are values.
    const isTree = [2, 5, 10, 13].includes(bytes[at * size] ?? 0);
    bytes.writeUInt16BE(value, at * size + draw.pick(isTree ? [0, 1, 3, 5] : [0, 1]));
    hit(at + 1);
  },
  // The head of the file, but not what an application keeps in it.
  (bytes, _, draw, hit) => {
    bytes[draw.pick([0, 15, 16, 17, 18, 20, 21, 24, 28, 31, 32, 35, 36, 39, 44, 47, 52, 55, 56, 59])] = draw.below(256);
    hit(1);
  },
];

const SCRIBBLE: Change = (bytes, size, draw, hit) => {
  const length = 1 + draw.below(64);
  const at = draw.below(bytes.length - length);
  draw.bytes(length).copy(bytes, at);
  hit(Math.floor(at / size) + 1);
  hit(Math.floor((at + length - 1) / size) + 1);
};

const COPY: Change = (bytes, size, draw, hit) => {
  const from = page(bytes, size, draw);
  const to = page(bytes, size, draw);
  bytes.copyWithin(to * size, from * size, (from + 1) * size);
  hit(to + 1);
};

function mutate({ subject: { bytes, pageSize } }: Trial, draw: Draw, changes: readonly Change[]): Damaged {
  const changed = Buffer.from(bytes);
  const pages = new Set<number>();
  for (let left = 1 + draw.below(5); left > 0; left--) {
    draw.pick(changes)(changed, pageSize, draw, (hit) => void pages.add(hit));
  }
  if (draw.below(8) > 0) return { bytes: changed, pages };
  const length = draw.below(changed.length);
  for (let at = Math.floor(length / pageSize); at < changed.length / pageSize; at++) pages.add(at + 1);
  return { bytes: changed.subarray(0, length), pages };
}

test.each(BUILDS)(
  "no page that was lost, and no head that was changed, makes a row that was not there: %o",
  (build) => {
    const trial = prepare(build, "coarse");
    for (let n = 0; n < FILES; n++) {
      const name = `coarse ${JSON.stringify(build)} ${n}`;
      const damaged = mutate(trial, new Draw(name), COARSE);
      const { missing, wrong, integrity, report } = trial.run(damaged, n % 2 === 0 ? { donor: trial.file } : {});
      expect({ wrong, integrity }, name).toEqual({ wrong: [], integrity: "ok" });
      if (n % 2 === 0 && !report.freelistDamaged) expect(missing, name).toEqual([]);
    }
  },
);

test.each(BUILDS)("whatever the bytes are, it ends, and the result is sound: %o", (build) => {
  const trial = prepare(build, "anything");
  for (let n = 0; n < FILES; n++) {
    const name = `anything ${JSON.stringify(build)} ${n}`;
    const begun = performance.now();
    const damaged = mutate(trial, new Draw(name), [...COARSE, SCRIBBLE, COPY]);
    const { integrity } = trial.run(damaged, { deleted: n % 3 === 0, ...(n % 2 === 0 ? { donor: trial.file } : {}) });
    expect(integrity, name).toBe("ok");
    expect(performance.now() - begun, name).toBeLessThan(MOST_MS);
  }
});

test("a donor may be as damaged as the file itself", () => {
  const trial = prepare({ rows: 200, pageSize: 1024 }, "donor");
  for (let n = 0; n < 20; n++) {
    const draw = new Draw(`donor ${n}`);
    const donor = prepareDonor(trial, mutate(trial, draw, [...COARSE, SCRIBBLE]).bytes, n);
    const { integrity } = trial.run(mutate(trial, draw, COARSE), { donor });
    expect(integrity).toBe("ok");
  }
});

function prepareDonor({ file }: Trial, bytes: Buffer, n: number): string {
  const donor = `${file}-donor-${n}`;
  writeFileSync(donor, bytes);
  return donor;
}
