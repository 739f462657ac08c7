import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ChangeReport, ListReport } from "../../src/index.ts";
import { query } from "../fixtures/workspace.ts";
import { CommandLine, outcomeOf } from "./command-line.ts";

async function backedUp(): Promise<CommandLine> {
  const app = new CommandLine('db-app-version = "1.0.0"');
  await app.run(["boot"]);
  query(app.path, (db) => db.exec("INSERT INTO book (title) VALUES ('Emma')"));
  return app;
}

describe("holdfast backup", () => {
  test("asks nothing, and says which file has the database's content now", async () => {
    const app = await backedUp();
    const { exitStatus, stdout, stderr } = await app.run(["backup"]);
    expect(exitStatus).toBe(0);
    expect(stderr).not.toMatch(/Error|Warning/);
    expect(stdout).toMatch(
      /^Backed up .*library\.sqlite\n\n {2}backed up {2}backups\/library-v1\.0\.0\.sqlite .* ms\n +it was asked for\n$/,
    );
    expect(app.titles(join(app.backups, "library-v1.0.0.sqlite"))).toEqual(["Emma"]);
    expect((await app.run(["backup"])).stdout).toContain("kept  backups/library-v1.0.0.sqlite");
  });

  test("gives it a label, by which list has it and restore finds it", async () => {
    const app = await backedUp();
    await app.run(["backup", "--label", "before the import"]);
    query(app.path, (db) => db.exec("INSERT INTO book (title) VALUES ('by mistake')"));
    const { files } = await app.json<ListReport>("list");
    expect(files[0]).toMatchObject({ id: "v1.0.0-2", label: "before the import", reason: "manual" });
    expect((await app.run(["restore", "before the import", "--yes"])).exitStatus).toBe(0);
    expect(app.titles()).toEqual(["Emma"]);
  });

  test("says with --dry-run what it would do", async () => {
    const app = await backedUp();
    const before = app.everything();
    expect((await app.run(["backup", "--dry-run"])).stdout).toMatch(/^Would back up .*\n\n {2}would back up\? /);
    expect(await app.json<ChangeReport>("backup", "--dry-run")).toMatchObject({ outcome: "would-do", exitStatus: 0 });
    expect(app.everything()).toEqual(before);
  });

  test("refuses a label that cannot be shown", async () => {
    const app = await backedUp();
    const { exitStatus, stderr } = await app.run(["backup", "--label", "two\nlines"]);
    expect(exitStatus).toBe(3);
    expect(stderr).toMatch(/^Error: The label .*\nTry: .*--label/m);
  });
});

describe("holdfast backup --output", () => {
  test("writes a folder that restore brings back", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"', 'db-extra = ["media"]');
    mkdirSync(join(app.folder, "media"));
    app.write("media/notes.txt", "as it was");
    await app.run(["boot"]);
    const { exitStatus, stdout, stderr } = await app.run(["backup", "--output", "out"]);
    expect(exitStatus).toBe(0);
    expect(stderr).not.toMatch(/Error|Warning/);
    expect(stdout).toMatch(/wrote {2}out\/library\.sqlite .*\n +a verified copy of the database\n/);
    expect(stdout).toMatch(/wrote {2}out\/extra\/media .*\n +1 file of media\n/);
    expect((await app.run(["backup", "--output", "out"])).exitStatus).toBe(14);
    expect((await app.run(["verify", "out"])).exitStatus).toBe(0);
    app.write("media/notes.txt", "scribbled over");
    expect((await app.run(["restore", "out", "--yes"])).exitStatus).toBe(0);
    expect(readFileSync(join(app.folder, "media/notes.txt"), "utf8")).toBe("as it was\n");
    expect((await app.json("boot")).outcome).toBe("opened");
  });

  test("leaves nothing behind after Ctrl-C", async () => {
    const app = await backedUp();
    query(app.path, (db) => db.exec("CREATE TABLE scan (bytes BLOB); INSERT INTO scan VALUES (zeroblob(150000000))"));
    const before = app.everything();
    const underWay = () => readdirSync(app.folder).filter((name) => /^\.out-backup-.*\.tmp$/.test(name));
    const started = app.start(["backup", "--output", "out", "--json"]);
    const outcome = outcomeOf(started);
    while (underWay().length === 0) await pause(5);
    started.kill("SIGINT");
    const { exitStatus, stdout } = await outcome;
    expect(exitStatus).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: "refused", error: { code: "ABORTED" } });
    expect(underWay()).toEqual([]);
    expect(app.everything()).toEqual(before);
  });
});
