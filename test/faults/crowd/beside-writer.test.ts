/** A sample of the launches beside a program that writes all the time. `run-crowd.ts` has them all. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { besideWriter, hasShell, type Scene } from "./beside-writer.ts";

describe("beside a program that writes all the time, a launch opens or says who is in its way, and no row is lost", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "holdfast-writer-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each<Scene>([
    { writer: "quick", mode: "wal", errand: "nothing new" },
    { writer: "quick", mode: "delete", errand: "an upgrade" },
    { writer: "slow", mode: "delete", errand: "a downgrade" },
    ...(hasShell ? [{ writer: "shell", mode: "wal", errand: "a downgrade" } as const] : []),
  ])(
    "$writer, journal_mode $mode: $errand",
    async (scene) => {
      const found = await besideWriter(scene, folder, 1);
      expect(found.faults).toEqual([]);
      expect(found.ends).toHaveLength(1);
      expect(found.foreign).toBeGreaterThanOrEqual(3);
    },
    120_000,
  );
});
