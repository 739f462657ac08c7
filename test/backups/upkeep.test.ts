import { realpathSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readIndex, writeIndex } from "../../src/backups/index-file.ts";
import { keepIndex, type UpkeepOrder } from "../../src/backups/upkeep.ts";
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

test("a listed backup that nobody could verify yet is verified once, and the index says so", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  const places = placesOf(realpathSync(app.path), undefined);
  const { index } = readIndex(places);
  const [entry] = index.entries;
  writeIndex(places, { ...index, entries: index.entries.map((each) => ({ ...each, verifiedAt: null })) });
  const order: UpkeepOrder = {
    places,
    databaseId: entry?.databaseId ?? "",
    runningVersion: "1.0.0",
    retention: 2,
    quarantineRetention: 3,
    now: "2026-12-01T10:15:00.000Z",
  };
  await keepIndex(tools, order);
  expect(readIndex(places).index.entries).toEqual([{ ...entry, verifiedAt: order.now }]);
});
