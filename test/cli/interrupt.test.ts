import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { query } from "../fixtures/workspace.ts";
import { CommandLine, outcomeOf } from "./command-line.ts";

const VERSION = 'db-app-version = "1.0.0"';

/** A migration that tells by a file that it has begun, and takes its time. */
const slow = (seconds: number): Record<string, string> => ({
  "0001_slow.mjs": `
    import { writeFileSync } from "node:fs";
    import { setTimeout as pause } from "node:timers/promises";
    export async function up(db) {
      db.exec("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)");
      writeFileSync(new URL("../begun", import.meta.url), "");
      await pause(${seconds * 1000});
    }`,
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

describe("Ctrl-C", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "as %s in a first launch exits with 130, and leaves a whole database or none, and no temporaries",
    async (signal) => {
      const app = new CommandLine(VERSION).release(slow(1));
      const started = app.start(["boot"]);
      const outcome = outcomeOf(started);
      await until(() => existsSync(join(app.folder, "begun")));
      started.kill(signal);
      const { exitStatus, stderr } = await outcome;
      expect(exitStatus).toBe(130);
      expect(stderr).toContain("Stopping where nothing is lost; press Ctrl-C again to stop at once.\n");
      expect(app.temporaries()).toEqual([]);
      if (existsSync(app.path)) {
        expect(query(app.path, (db) => db.pragma("integrity_check", { simple: true }))).toBe("ok");
      }
    },
  );

  test("during a restore point says ABORTED, leaves the database as it was, and no temporaries", async () => {
    const app = new CommandLine(VERSION).release(1);
    await app.run(["boot"]);
    query(app.path, (db) => db.exec("CREATE TABLE scan (bytes BLOB); INSERT INTO scan VALUES (zeroblob(150000000))"));
    const before = app.snapshot()["library.sqlite"];
    app.release(2);
    const started = app.start(["boot", "--json", "--app-version", "1.1.0"]);
    const outcome = outcomeOf(started);
    await until(() => readdirSync(app.backups).some((file) => file.endsWith(".tmp")));
    started.kill("SIGINT");
    const { exitStatus, stdout, stderr } = await outcome;
    expect([exitStatus, stderr]).toEqual([130, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: "refused", error: { code: "ABORTED" } });
    expect(app.temporaries()).toEqual([]);
    expect(app.snapshot()["library.sqlite"]).toBe(before);
    expect((await app.json("plan")).found).toEqual({ state: "healthy", version: "1.0.0", layout: "behind" });
  });

  test("while the launch waits for its backup abandons that, and nothing of it is left", async () => {
    const app = new CommandLine(VERSION);
    await app.launch("1.0.0");
    query(app.path, (db) => db.exec("CREATE TABLE scan (bytes BLOB); INSERT INTO scan VALUES (zeroblob(150000000))"));
    const before = app.kept();
    const started = app.start(["boot", "--json"]);
    const outcome = outcomeOf(started);
    await until(() => readdirSync(app.backups).some((file) => file.endsWith(".tmp")));
    started.kill("SIGINT");
    const { exitStatus, stdout } = await outcome;
    expect(exitStatus).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: "opened", actions: [{ action: "check" }] });
    expect(app.temporaries()).toEqual([]);
    expect(app.kept()).toEqual(before);
  });

  test("pressed twice stops at once, and the next launch goes on", async () => {
    const app = new CommandLine(VERSION).release(slow(60));
    const started = app.start(["boot"]);
    const outcome = outcomeOf(started);
    await until(() => existsSync(join(app.folder, "begun")));
    started.kill("SIGINT");
    started.stderr?.once("data", () => started.kill("SIGINT"));
    expect((await outcome).exitStatus).toBe(130);
    expect(existsSync(app.path)).toBe(false);
    app.release(2);
    expect((await app.json("boot")).outcome).toBe("opened");
    expect(app.temporaries()).toEqual([]);
  });
});
