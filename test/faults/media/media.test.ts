/** A sample of the trials on small disks, the same each time, and the proof that the harness would see a loss. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guard } from "../../../src/index.ts";
import { flowsNamed, setStage } from "../campaign.ts";
import { FLOWS, type Flow } from "../flows.ts";
import { sample } from "../sample.ts";
import { runMedia } from "./campaign.ts";
import { amountsFor, squeeze } from "./full-disk.ts";
import { type DiskKind, SmallDisk, whyNot } from "./small-disk.ts";

const SEED = 20_261_121;
const TRIALS = 6;
const HALF_OF_A_COPY = amountsFor(20_480)[3] ?? 0;

const without = { tmpfs: whyNot("tmpfs"), ext4: whyNot("ext4") };
const because = (kind: DiskKind) => (without[kind] === null ? "" : ` (skipped: no ${kind} here: ${without[kind]})`);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-media-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(without.tmpfs !== null)(`on a full disk${because("tmpfs")}`, () => {
  test(`${TRIALS} trials of ${TRIALS} flows: refused as DISK_FULL or open, and nothing is lost`, async () => {
    expect(await sampled(["squeeze", "links"], "tmpfs", TRIALS)).toEqual([]);
  });

  test.each(["index-lost", "missing"])(
    "%s, with neither links nor room for a copy: a backup that cannot be looked at is no damaged one",
    async (name) => {
      const found = await onDisk(async (disk) =>
        squeeze(await stageOf(name), disk, { when: "before", amount: HALF_OF_A_COPY, links: false }),
      );
      expect(found.faults).toEqual([]);
      expect(found.ends.at(-1)).toBe("opened");
    },
  );

  test("a check behind the application that finds no room for its copy says so, and the backup is judged apart", async () => {
    await onDisk(async (disk) => {
      mkdirSync(join(disk.data, "migrations"), { recursive: true });
      writeFileSync(join(disk.data, "migrations", "0001_books.sql"), "CREATE TABLE book (title TEXT);");
      const path = join(disk.data, "library.sqlite");
      const settings = { path, migrations: join(disk.data, "migrations") };
      await (await guard(settings, { appVersion: "1.0.0" })).close();
      const db = new Database(path);
      db.pragma("journal_mode = DELETE");
      db.close();
      await (await guard(settings, { appVersion: "1.0.0" })).close();
      disk.fill(64 << 10);
      // All pages are due again, and the backup is of this very content.
      const library = await guard(settings, { appVersion: "1.0.0", now: () => new Date(Date.now() + 8 * 86_400_000) });
      const backup = await library.backup;
      await library.close();
      expect(backup.warnings.join()).toMatch(/^The database could not be checked: .* MiB free, and a copy .* needs/);
      expect(backup).toMatchObject({ result: expect.stringMatching(/^(skipped|unchanged)$/) });
      expect(backup.error).toBeUndefined();
    });
  });

  test("control: old backups that are removed to make room are missed", async () => {
    const spoiled = new URL("./control/make-room-first.ts", import.meta.url).href;
    const found = await onDisk(async (disk) =>
      squeeze(await stageOf("backup", spoiled), disk, { when: "before", amount: HALF_OF_A_COPY, links: true }),
    );
    expect(found.faults).toContain("the backup library-v1.0.0.sqlite, which was good, is gone");
  });
});

describe.skipIf(without.ext4 !== null)(`on a small disk with a journal, and one that fails${because("ext4")}`, () => {
  test("with room for less than the -shm, and blocks smaller than a page: refused as DISK_FULL, and nobody crashes", async () => {
    const found = await onDisk(
      async (disk) => squeeze(await stageOf("after-a-kill"), disk, { when: "before", amount: 10_240, links: true }),
      "ext4",
    );
    expect(found.faults).toEqual([]);
    expect(found.ends).toEqual(["DISK_FULL", "DISK_FULL", "opened"]);
  });

  test("3 trials: what was flushed is there after the repair", async () => {
    expect(await sampled(["read-only"], "ext4", 3)).toEqual([]);
  });

  test("a database that was closed cleanly can still be read, and a launch that would write says what is amiss", async () => {
    await onDisk(async (disk) => {
      mkdirSync(disk.data);
      const path = join(disk.data, "library.sqlite");
      const settings = { path, migrations: false } as const;
      const first = await guard(settings, { appVersion: "1.0.0" });
      first.db.exec("CREATE TABLE book (title TEXT); INSERT INTO book VALUES ('Emma')");
      await first.close();
      disk.flush();
      disk.turnReadOnly();

      const refused = guard(settings, { appVersion: "1.0.0" });
      await expect(refused).rejects.toMatchObject({ code: "DB_READ_ONLY", details: { path } });
      const library = await guard(settings, { appVersion: "1.0.0", readonly: true });
      expect(library.db.prepare("SELECT title FROM book").pluck().all()).toEqual(["Emma"]);
      await library.close();
      // It could not be unmounted while anything of it is open.
      disk.mend();
      await (await guard(settings, { appVersion: "1.0.0" })).close();
    }, "ext4");
  });
});

async function sampled(only: readonly string[], kind: DiskKind, limit: number): Promise<readonly string[]> {
  const told: string[] = [];
  const tally = await runMedia({
    flows: sample(FLOWS, limit, SEED),
    folder: mkdtempSync(join(folder, "sample-")),
    ...{ only, kinds: [kind], during: 1, lasting: 0, limit, seed: SEED, jobs: 2 },
    tell: (line) => told.push(line),
  });
  expect(tally.tried).toBe(limit);
  return told;
}

async function stageOf(name: string, preload: string | null = null): ReturnType<typeof setStage> {
  const [flow] = flowsNamed(name) as [Flow];
  return await setStage(flow, mkdtempSync(join(folder, "stage-")), preload);
}

async function onDisk<T>(task: (disk: SmallDisk) => Promise<T>, kind: DiskKind = "tmpfs"): Promise<T> {
  const disk = new SmallDisk(kind, folder);
  try {
    return await task(disk);
  } finally {
    disk.remove();
  }
}
