import { statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { identify } from "../../src/platform/atomic-file.ts";
import { canTellLaterWrites, passTick } from "../../src/platform/clock-tick.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

function fileOf(ageMs: number, fraction: boolean): string {
  const file = join(scratchFolder(), "file");
  writeFileSync(file, "x");
  const seconds = (Date.now() - ageMs) / 1000;
  const time = fraction ? Math.floor(seconds) + 0.5 : Math.floor(seconds);
  utimesSync(file, time, time);
  return file;
}

const tells = (file: string) => canTellLaterWrites(identify(file) as NonNullable<ReturnType<typeof identify>>);

test.each<[string, number, boolean, boolean]>([
  ["of a minute ago", 60_000, true, true],
  ["of a minute ago, by a clock that knows whole seconds only", 60_000, false, true],
  ["of just now, by a clock that knows whole seconds only: it may have ticks of two", 100, false, false],
])("a later write is told from one %s: %j ms, %j → %j", (_, age, fraction, told) => {
  expect(tells(fileOf(age, fraction))).toBe(told);
});

test("a tick of the kernel's clock is waited for, also by timers that end before their time", async () => {
  const folder = scratchFolder();
  const files = Array.from({ length: 300 }, (_, index) => join(folder, `file-${index}`));
  for (const batch of [files.slice(0, 100), files.slice(100, 200), files.slice(200)]) {
    const told = await Promise.all(batch.map(untilItTells));
    expect(told).not.toContain(false);
  }
});

async function untilItTells(file: string): Promise<boolean> {
  await pause(Math.random() * 20);
  do writeFileSync(file, "x");
  while (statSync(file, { bigint: true }).mtimeNs % 1_000_000_000n === 0n);
  await passTick(file);
  return tells(file);
}

test("a coarse one is not", async () => {
  const file = fileOf(0, false);
  const begun = performance.now();
  await passTick(file);
  expect(performance.now() - begun).toBeLessThan(1500);
  expect(tells(file)).toBe(false);
});
