import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { merge, move, type ProgressEvent, restore } from "../../src/index.ts";
import { query, Workspace } from "../fixtures/workspace.ts";

/** Large enough for its tables to be checked side by side, which is when each of them is told. */
async function large(): Promise<Workspace> {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  query(app.path, (db) => db.exec("CREATE TABLE scan (bytes BLOB); INSERT INTO scan VALUES (zeroblob(40000000))"));
  await app.launch("1.0.0");
  return app;
}

/** What is said of each kind of work that tells how far it is, in the order in which it begins. */
function told(events: readonly ProgressEvent[]): string[] {
  const works = events.filter(({ done, total }) => done !== undefined && total !== undefined);
  return [...new Set(works.map(({ kind, message, unit }) => `${kind} ${unit}: ${message.replace(/: .*/, "")}`))];
}

test("a restore tells how far verifying, copying and checking are", async () => {
  const app = await large();
  const events: ProgressEvent[] = [];
  await restore(app.settings(), "latest", { appVersion: "1.0.0", onEvent: (event) => events.push(event) });
  expect(told(events)).toEqual([
    "verify bytes: verifying library-v1.0.0.sqlite",
    "verify tables: verifying library-v1.0.0.sqlite",
    "copy bytes: copying library-v1.0.0.sqlite",
    "verify bytes: verifying the copy of library-v1.0.0.sqlite",
    "check tables: checking the copy",
  ]);
  const size = statSync(join(app.backups, "library-v1.0.0.sqlite")).size;
  for (const { done = 0, total = 0, unit } of events) {
    expect(done).toBeLessThanOrEqual(total);
    if (unit === "bytes") expect(total).toBe(size);
  }
});

test("a move tells how many bytes of all are copied", async () => {
  const app = await large();
  const events: ProgressEvent[] = [];
  await move(app.settings(), join(app.folder, "elsewhere"), {
    appVersion: "1.0.0",
    onEvent: (event) => events.push(event),
  });
  const copies = events.filter(({ kind }) => kind === "copy");
  expect(new Set(copies.map(({ total }) => total)).size).toBe(1);
  expect(copies.map(({ done = 0 }) => done)).toEqual(copies.map(({ done = 0 }) => done).toSorted((a, b) => a - b));
  expect(copies.at(-1)?.done).toBeGreaterThan(40_000_000);
});

test("a merge tells how far its restore point is", async () => {
  const app = await large();
  const other = await large();
  query(app.path, (db) => db.exec("INSERT INTO book VALUES (2, 'Persuasion')"));
  query(other.path, (db) => db.exec("INSERT INTO book VALUES (3, 'Villette')"));
  const events: ProgressEvent[] = [];
  await merge(app.settings(), other.path, {
    appVersion: "1.0.0",
    tables: ["book"],
    onEvent: (event) => events.push(event),
  });
  expect(told(events)).toEqual([
    "verify tables: verifying library.sqlite",
    "back-up pages: the last state before the merge",
    "check tables: checking the backup",
  ]);
});
