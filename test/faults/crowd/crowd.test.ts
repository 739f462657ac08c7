/** A sample of the crowds, and the proof that the harness would see two at once, and a loss. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CROWDS, type Crowd, gather } from "./crowd.ts";
import { judge } from "./judge.ts";

const MEMBERS = 6;
const SECONDS = 2;
/** On a machine that has much else to do; an idle one needs some seconds. */
const MOST_TIME = 180_000;

describe("processes that launch the same database at once and are killed at random", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "holdfast-crowd-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(CROWDS.map((crowd) => [crowd.name, crowd] as const))(
    "%s: never two at work alone, never a deadlock, never a lost row",
    async (_, crowd) => {
      const found = await gather(crowd, folder, { members: MEMBERS, seconds: SECONDS });
      expect(found.faults).toEqual([]);
      expect(found.opened).toBeGreaterThanOrEqual(MEMBERS);
      expect(found.alone).toBeGreaterThan(0);
      expect(found.committed.length).toBeGreaterThan(0);
      expect(found.kills).toBeGreaterThanOrEqual(MEMBERS);
    },
    MOST_TIME,
  );

  test(
    "control: a lock that keeps nobody out is seen",
    async () => {
      const preload = new URL("./control/no-lock.ts", import.meta.url).href;
      const { faults } = await gather(named("one layout, three versions"), folder, {
        members: MEMBERS,
        seconds: 3,
        preload,
      });
      expect(faults.join("\n")).toMatch(/worked alone while/);
    },
    MOST_TIME,
  );

  test(
    "control: a row that is deleted afterwards is seen",
    async () => {
      const { faults } = await gather(named("one layout, three versions"), folder, {
        members: 3,
        seconds: 1,
        afterwards(database) {
          const db = new Database(database);
          db.exec("DELETE FROM book WHERE id = (SELECT max(id) FROM book)");
          db.close();
        },
      });
      expect(faults.filter((fault) => !fault.startsWith("LOST: 1 rows"))).toEqual([]);
      expect(faults).toHaveLength(1);
    },
    MOST_TIME,
  );
});

function named(name: string): Crowd {
  const crowd = CROWDS.find((each) => each.name === name);
  if (!crowd) throw new Error(`no crowd ${name}`);
  return crowd;
}

describe("the log of a crowd", () => {
  const limits = { refusals: ["DB_LOCKED"], lockTimeoutMs: 1000, launchMs: 5000, silenceMs: 3000 };
  const line = (pid: number, at: number, what: "letGo" | "closing" | "closed") => ({ pid, at, what });
  const begun = (pid: number, at: number) => ({ pid, at, what: "begun", version: "1.0.0" }) as const;
  const alone = (pid: number, at: number) => ({ pid, at, what: "alone", doing: "check" }) as const;
  const opened = (pid: number, at: number) => ({ pid, at, what: "opened", blockedMs: 1 }) as const;
  const killed = (pid: number, at: number) => ({ pid, at, what: "killed" }) as const;

  test("one after the other is as it should be, also after a kill", () => {
    const log = [begun(1, 0), begun(2, 1), alone(1, 2), killed(1, 3), alone(2, 4), opened(2, 5), line(2, 6, "closing")];
    expect(judge(log, limits)).toMatchObject({ launches: 2, opened: 1, alone: 2, kills: 1, faults: [] });
  });

  test("one that works alone within another's work, or beside an open application, is not", () => {
    const log = [
      begun(1, 0),
      begun(2, 1),
      alone(1, 2),
      alone(2, 3),
      alone(1, 4),
      opened(1, 5),
      alone(2, 6),
      opened(2, 7),
    ];
    expect(judge(log, limits).faults).toEqual([
      "2 worked alone while 1 had it open",
      "1 worked alone while 2 had it open",
    ]);
    const late = [begun(1, 0), opened(1, 1), begun(2, 2), alone(2, 3), line(1, 4, "closing")];
    expect(judge(late, limits).faults).toEqual(["2 worked alone while 1 had it open"]);
  });

  test("one that let go of the lock before it was refused is in nobody's way, one that was killed with it is not either", () => {
    const refused = { pid: 1, at: 4, what: "refused", code: "DB_LOCKED", message: "…" } as const;
    const gone = [begun(1, 0), alone(1, 1), line(1, 2, "letGo"), begun(2, 2), alone(2, 3), { ...refused, at: 2000 }];
    expect(judge(gone, limits)).toMatchObject({ launches: 2, alone: 2, refusals: { DB_LOCKED: 1 }, faults: [] });
    const held = [begun(1, 0), alone(1, 1), begun(2, 2), alone(2, 3), killed(1, 4)];
    expect(judge(held, limits).faults).toEqual(["2 worked alone while 1 did"]);
  });

  test("a launch that takes for ever, a refusal before its time, and a standstill are told", () => {
    const slow = [begun(1, 0), alone(1, 1), alone(1, 2999), alone(1, 5500), opened(1, 6000)];
    expect(judge(slow, limits).faults).toEqual(["a launch of 1 took 6000 ms"]);
    const refused = { pid: 1, at: 900, what: "refused", code: "DB_LOCKED", message: "…" } as const;
    expect(judge([begun(1, 0), refused], limits).faults).toEqual([
      "1 was refused DB_LOCKED after 900 ms, before its patience was over",
    ]);
    expect(judge([begun(1, 0), opened(1, 1), line(1, 3500, "closed")], limits).faults).toEqual([
      "nobody got anywhere for 3499 ms",
    ]);
  });
});
