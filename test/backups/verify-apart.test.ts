import { copyFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readIndex } from "../../src/backups/index-file.ts";
import { verifyApart } from "../../src/backups/verify.ts";
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

test("a backup that is made to be checked for hours is told from a sound one, and this process goes on", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  const places = placesOf(realpathSync(app.path), undefined);
  const [entry] = readIndex(places).index.entries;
  if (!entry) throw new Error("there is no backup");
  const made = { ...entry, file: "library-v0.9.0.sqlite", sha256: null };
  const path = join(places.backups, made.file);
  copyFileSync(join(places.backups, entry.file), path);
  const db = new Database(path);
  db.exec(
    `PRAGMA ignore_check_constraints = ON;
     CREATE TABLE t (x CHECK (length(replace(hex(zeroblob(10000000)), '0', 'ab')) + x > 0));
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO t SELECT i FROM n`,
  );
  db.close();
  const limit = { time: 3000, memory: 2 ** 40 };
  expect(await verifyApart(tools, { places, entry: made, app: null }, limit)).toEqual({
    ok: false,
    kind: "damaged",
    reason: "its check was cut off, for it took far too much time",
  });
  expect(await verifyApart(tools, { places, entry, app: null })).toMatchObject({ ok: true, sha256: entry.sha256 });
});

test("a launch verifies backups that no index lists, and goes on with them", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  rmSync(app.index());
  const report = await app.launch("1.0.1");
  expect(report.warnings).toEqual([]);
  const places = placesOf(realpathSync(app.path), undefined);
  const listed = readIndex(places).index.entries;
  expect(listed.map(({ file }) => file).sort()).toEqual(["library-v1.0.0.sqlite", "library-v1.0.1.sqlite"]);
  for (const { verifiedAt } of listed) expect(verifiedAt).not.toBeNull();
});
