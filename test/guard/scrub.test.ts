/** Backups are read again from time to time: bits rot where nobody looks. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { query, Workspace } from "../fixtures/workspace.ts";

const DAY = 86_400_000;
const inDays = (days: number) => ({ now: () => new Date(Date.now() + days * DAY) });
const CHECKED_ANYWAY = { integrityInterval: "9999d" } as const;

async function twoBackups(): Promise<Workspace> {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"], CHECKED_ANYWAY);
  await app.release(2).launch("2.0.0", [], CHECKED_ANYWAY);
  await app.launch("2.0.0", [], CHECKED_ANYWAY);
  return app;
}

function flipBit(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
  const { length } = bytes;
  writeFileSync(file, bytes);
  expect(readFileSync(file)).toHaveLength(length);
}

const scrubbed = ({ actions }: Awaited<ReturnType<Workspace["launch"]>>) =>
  actions.filter(({ reason }) => /read again/.test(reason)).map(({ file }) => file?.split("/").at(-1));

describe("a launch", () => {
  test("reads no backup again before half of db-scrub-interval is over", async () => {
    const app = await twoBackups();
    expect((await app.launch("2.0.0", [], CHECKED_ANYWAY, inDays(14))).actions).toEqual([]);
  });

  test("reads one again after half of it, and all that are due, so that each has its turn", async () => {
    const app = await twoBackups();
    const first = scrubbed(await app.launch("2.0.0", [], CHECKED_ANYWAY, inDays(16)));
    const second = scrubbed(await app.launch("2.0.0", [], CHECKED_ANYWAY, inDays(16)));
    expect([...first, ...second].sort()).toEqual(["library-v1.0.0.sqlite", "library-v2.0.0.sqlite"]);
    expect(scrubbed(await app.launch("2.0.0", [], CHECKED_ANYWAY, inDays(16)))).toEqual([]);
    const late = scrubbed(await app.launch("2.0.0", [], CHECKED_ANYWAY, inDays(60)));
    expect(late.sort()).toEqual(["library-v1.0.0.sqlite", "library-v2.0.0.sqlite"]);
  });

  test("finds the rotten one, reports it, sets it aside and replaces it", async () => {
    const app = await twoBackups();
    const file = join(app.backups, "library-v2.0.0.sqlite");
    const { size } = readFileSync(file) && { size: readFileSync(file).length };
    flipBit(file);
    const report = await app.launch("2.0.0", [], CHECKED_ANYWAY, inDays(60));
    expect(report.warnings.join("\n")).toMatch(/library-v2\.0\.0\.sqlite was set aside as library-.*-corrupt\.sqlite/);
    expect(report.actions.map(({ action }) => action)).toContain("back-up");
    expect(app.titles(file)).toEqual(["Emma"]);
    expect(query(file, (db) => db.pragma("integrity_check", { simple: true }))).toBe("ok");
    expect(readFileSync(file).length).toBe(size);
    expect(app.kept().filter((name) => name.includes("corrupt"))).toHaveLength(1);
  });

  test("never restores from a rotten one that an older version left", async () => {
    const app = await twoBackups();
    flipBit(join(app.backups, "library-v1.0.0.sqlite"));
    await app.launch("2.0.0", [], CHECKED_ANYWAY, inDays(60));
    expect(app.kept()).not.toContain("library-v1.0.0.sqlite");
    expect((await app.release(1).refusal("1.0.0")).code).toBe("DOWNGRADE_WITHOUT_BACKUP");
  });
});
