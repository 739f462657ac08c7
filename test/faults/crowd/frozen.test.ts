/** A process that stands still (SIGSTOP) is not gone: nobody breaks what it holds, and it goes on when it is let. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { AppProcess } from "../../fixtures/app-process.ts";
import { MIGRATIONS, Workspace } from "../../fixtures/workspace.ts";

const FREEZING = {
  "0001_books.sql": MIGRATIONS["0001_books.sql"],
  "0002_frozen.mjs": `export function up(db) {
    db.exec("CREATE TABLE author (name TEXT)");
    process.kill(process.pid, "SIGSTOP");
  }`,
};

describe.skipIf(process.platform !== "linux")("a process that is frozen", () => {
  test("in the middle of its launch: others are told that a launch is under way, and it completes", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0", ["Emma"]);
    const frozen = new AppProcess(app.release(FREEZING), "2.0.0");
    await until(() => stateOf(frozen.process.pid) === "T");
    const before = app.snapshot();
    for (const version of ["2.0.0", "1.0.0"]) {
      const error = await app.refusal(version);
      expect(error.code).toBe("DB_LOCKED");
      expect(error.message).toBe(`For 0.3 s ${app.path} was held by another launch, or by several in turn.`);
    }
    expect(app.snapshot()).toEqual(before);
    frozen.process.kill("SIGCONT");
    expect(await frozen.hear()).toMatchObject({ ok: true, actions: expect.arrayContaining(["migrate"]) });
    expect(await frozen.order("close")).toMatchObject({ ok: true });
    expect(app.titles()).toEqual(["Emma"]);
  });

  test("with the database open: others open beside it, what needs it alone is refused, and it goes on", async () => {
    const app = new Workspace().release(1);
    const frozen = new AppProcess(app, "1.0.0");
    await frozen.hear();
    await frozen.order("backup");
    await frozen.order({ exec: "BEGIN IMMEDIATE; INSERT INTO book (title) VALUES ('Emma')" });
    frozen.process.kill("SIGSTOP");
    const beside = await app.guard("1.0.0");
    expect(beside.db.prepare("SELECT title FROM book").all()).toEqual([]);
    await beside.close();
    const error = await app.release(2).refusal("2.0.0");
    expect(error.code).toBe("DB_IN_USE");
    expect(error.message).toContain(`${app.path} is open in another process`);
    frozen.process.kill("SIGCONT");
    expect(await frozen.order({ exec: "COMMIT" })).toMatchObject({ ok: true });
    expect(await frozen.order("close")).toMatchObject({ ok: true });
    expect(app.titles()).toEqual(["Emma"]);
  });

  test("at work behind an application: that one runs on; once it is killed, a launch is told what it waits for", async () => {
    const app = new Workspace().release(1);
    await app.launch("1.0.0");
    const library = await app.guard("1.0.0");
    library.db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
                     INSERT INTO book (title) SELECT hex(randomblob(500000)) FROM n`);
    await library.close({ backup: "abandon" });
    const running = new AppProcess(app, "1.0.0");
    // It holds its lock by the time that its copy is there.
    await until(() => app.temporaries().some((file) => file.includes("-backup-")));
    const child = childOf(running.process.pid);
    process.kill(child, "SIGSTOP");
    try {
      expect(await running.hear()).toMatchObject({ ok: true });
      expect(await running.order({ exec: "INSERT INTO book (title) VALUES ('Emma')" })).toMatchObject({ ok: true });
      await running.kill();
      const error = await app.refusal("1.0.0");
      expect(error.code).toBe("DB_IN_USE");
      expect(error.message).toBe(`The backup of an application that has ended is still at work on ${app.path}.`);
    } finally {
      process.kill(child, "SIGCONT");
    }
    await app.launch("1.0.0", [], { lockTimeout: "10s" });
    expect(app.titles()).toHaveLength(61);
    expect(app.temporaries()).toEqual([]);
  });
});

/** `T`: stopped. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function stateOf(pid: number | undefined): string | undefined {
  return /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
}

function childOf(pid: number | undefined): number {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  const [child] = children;
  if (child === undefined) throw new Error(`${pid} has no child`);
  return Number(child);
}

async function until(isSo: () => boolean): Promise<void> {
  for (let n = 0; !isSo(); n++) {
    if (n > 10_000) throw new Error("it never came to that");
    await pause(1);
  }
}
