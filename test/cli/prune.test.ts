import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { PruneReport, RebuildReport } from "../../src/index.ts";
import { CommandLine } from "./command-line.ts";

/** Two versions with a backup each, of which settings keep one now. */
async function two(): Promise<CommandLine> {
  const app = new CommandLine();
  await app.run(["boot", "--app-version", "1.0.0"]);
  app.release(3);
  await app.run(["boot", "--app-version", "1.1.0"]);
  app.write("settings.toml", 'db-path = "library.sqlite"', 'db-app-version = "1.1.0"', "db-backup-retention = 1");
  return app;
}

describe("holdfast prune", () => {
  test("says with --dry-run what would go and what would stay, and why", async () => {
    const app = await two();
    const before = app.everything();
    const { exitStatus, stdout } = await app.run(["prune", "--dry-run"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toMatch(
      /^holdfast prune would change .*\n\n {2}would remove {2}backups\/library-v1\.0\.0\.sqlite\n/,
    );
    expect(stdout).toMatch(/\nKept:\n {2}backups\/library-v1\.1\.0\.sqlite {2}the running version's backup\n$/);
    expect(app.everything()).toEqual(before);
  });

  test("asks, and refuses where nobody can be asked; --yes answers", async () => {
    const app = await two();
    expect((await app.run(["prune"])).exitStatus).toBe(2);
    expect(app.kept()).toHaveLength(2);
    const report = await app.json<PruneReport>("prune", "--yes");
    expect(report).toMatchObject({ exitStatus: 0, outcome: "done", actions: [{ action: "remove" }], kept: [{}] });
    expect(app.kept()).toEqual(["library-v1.1.0.sqlite"]);
  });
});

describe("holdfast rebuild-index", () => {
  test("lists the backups anew, and says what it found", async () => {
    const app = await two();
    writeFileSync(app.index(), "no index");
    expect((await app.run(["rebuild-index"])).exitStatus).toBe(2);
    const { exitStatus, stdout } = await app.run(["rebuild-index", "--yes"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toMatch(/checked +backups\/library-v1\.0\.0\.sqlite/);
    expect(stdout).toMatch(/wrote +backups\/\.library-db-index\.toml .*\n +it lists 2 backups\n/);
    expect((await app.status()).warnings).toEqual([]);
    expect(await app.json<RebuildReport>("rebuild-index", "--dry-run")).toMatchObject({
      outcome: "would-do",
      listed: [{ verified: true }, { verified: true }],
      leftOut: [],
    });
  });
});
