import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ChangeReport, ListReport } from "../../src/index.ts";
import { query } from "../fixtures/workspace.ts";
import { CommandLine } from "./command-line.ts";

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
    expect([exitStatus, stderr]).toEqual([0, ""]);
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
    expect(stderr).toMatch(/^Error: The label .*\nTry: .*--label/);
  });
});
