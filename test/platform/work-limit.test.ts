import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { Child } from "../../src/platform/child.ts";
import { limitFor } from "../../src/platform/work-limit.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const NO_LIMIT = { time: 600_000, memory: 2 ** 40 };

function child(): Child {
  const started = new Child(new URL("../../src/worker.ts", import.meta.url));
  onTestFinished(() => started.stop());
  return started;
}

function database(sql: string): string {
  const path = join(scratchFolder(), "library.sqlite");
  const db = new Database(path);
  db.pragma("ignore_check_constraints = ON");
  db.exec(sql);
  db.close();
  return path;
}

function order(path: string): Record<string, unknown> {
  return { path, scope: "alone", check: "full", scratch: `${path}.look`, beside: false };
}

async function refusal(promise: Promise<unknown>): Promise<HoldfastError> {
  const error = await promise.then(
    () => new Error("it was not refused"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof HoldfastError) return error;
  throw error;
}

const ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n";
const SLOW = "length(replace(hex(zeroblob(3000000)), '0', 'ab'))";
const LARGE = "length(hex(zeroblob(40000000)))";

describe("a check is cut off", () => {
  test.each<[string, string]>([
    ["constraint", `CREATE TABLE t (x CHECK (${SLOW} + x > 0))`],
    ["computed column", `CREATE TABLE t (x, y INT NOT NULL AS (${SLOW} + x))`],
    ["index over an expression", `CREATE TABLE t (x); CREATE INDEX i ON t (${SLOW} + x)`],
  ])("at its limit of processor time, where the %s of every row takes long", async (_, schema) => {
    const path = database(`${schema}; INSERT INTO t (x) ${ROWS.replace("100000", "3")}`);
    // Only now so many rows that a check of them takes hours.
    const db = new Database(path);
    db.unsafeMode();
    db.pragma("writable_schema = ON");
    db.prepare("UPDATE sqlite_schema SET sql = replace(sql, ?, 'abs(x)') WHERE name IN ('t', 'i')").run(SLOW);
    db.close();
    const filled = new Database(path);
    filled.exec(`INSERT INTO t (x) ${ROWS}`);
    filled.unsafeMode();
    filled.pragma("writable_schema = ON");
    filled.prepare("UPDATE sqlite_schema SET sql = replace(sql, 'abs(x)', ?) WHERE name IN ('t', 'i')").run(SLOW);
    filled.close();
    const error = await refusal(child().run("examine", order(path), { limit: { ...NO_LIMIT, time: 1500 } }));
    expect(error.code).toBe("CHECK_IMPOSSIBLE");
    expect(error.message).toContain("far more processor time than files of this size need");
    expect(error.details).toEqual({ job: "examine", limit: "time" });
  });

  test.runIf(process.platform === "linux")("at its limit of memory", async () => {
    const columns = Array.from({ length: 4 }, (_, n) => `c${n} TEXT AS (hex(zeroblob(60000000 + ${n})) || x)`);
    const path = database(
      `CREATE TABLE t (x, ${columns.join()}, CHECK (c0 || c1 > c2 || c3)); INSERT INTO t (x) VALUES (1)`,
    );
    const error = await refusal(child().run("examine", order(path), { limit: { ...NO_LIMIT, memory: 250 << 20 } }));
    expect(error.details).toEqual({ job: "examine", limit: "memory" });
    expect(error.message).toContain("far more memory than files of this size need");
  });

  test("not when it stays below both, and the next one has all of its time again", async () => {
    const path = database(`CREATE TABLE t (x CHECK (${LARGE} + x > 0)); INSERT INTO t VALUES (1)`);
    const worker = child();
    for (let n = 0; n < 3; n++) {
      const limit = { time: 20_000, memory: 3 * 2 ** 30 };
      expect(await worker.run("examine", order(path), { limit })).toMatchObject({ verdict: { kind: "sound" } });
    }
  });
});

test("a large file may take long, a small one not", () => {
  const [small, large] = [limitFor(100 << 10), limitFor(50 * 2 ** 30)];
  expect(small.time).toBeLessThan(2 * 60_000);
  expect(large.time).toBeGreaterThan(12 * 3_600_000);
  expect(small.memory).toBeGreaterThanOrEqual(2 ** 30);
});
