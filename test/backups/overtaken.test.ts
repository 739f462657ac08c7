import { realpathSync } from "node:fs";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readIndex } from "../../src/backups/index-file.ts";
import { type BackupOrder, takeAfter, takeBackup } from "../../src/backups/take.ts";
import { keepIndex } from "../../src/backups/upkeep.ts";
import type { Tools } from "../../src/database/check.ts";
import { loadEngine } from "../../src/database/open.ts";
import { placesOf } from "../../src/places.ts";
import { Crew } from "../../src/platform/crew.ts";
import { Workspace } from "../fixtures/workspace.ts";

let tools: Tools;
beforeAll(async () => {
  tools = { engine: await loadEngine(), crew: new Crew(new URL("../../src/worker.ts", import.meta.url), []) };
});
afterAll(() => tools.crew.dismiss());

test("a copy that was held up does not take the place of a backup that was taken meanwhile", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  const places = placesOf(realpathSync(app.path), undefined);
  const [{ databaseId = "" } = {}] = readIndex(places).index.entries;
  const order: BackupOrder = {
    places,
    databaseId,
    runningVersion: "1.0.0",
    retention: 2,
    quarantineRetention: 3,
    reason: "launch",
    now: new Date().toISOString(),
    exclusive: false,
  };
  const heldUp = await keepIndex(tools, order);
  add("Persuasion");
  const { entry } = await takeBackup(tools, order, () => {});
  add("Villette");
  await expect(takeAfter(tools, order, heldUp, () => {})).rejects.toMatchObject({
    code: "BACKUP_FAILED",
    details: { file: "library-v1.0.0.sqlite" },
  });
  expect(readIndex(places).index.entries).toEqual([entry]);
  expect((await takeBackup(tools, order, () => {})).entry.sequence).toBe(entry.sequence + 1);

  function add(title: string): void {
    const db = new Database(app.path);
    db.prepare("INSERT INTO book (title) VALUES (?)").run(title);
    db.close();
  }
});
