import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CommandLine } from "./command-line.ts";

test("rebuild-index names a damaged backup as it was, and then what it is called", async () => {
  const app = new CommandLine('db-app-version = "1.0.0"');
  await app.run(["boot"]);
  appendFileSync(join(app.backups, "library-v1.0.0.sqlite"), "x");
  const planned = await app.run(["rebuild-index", "--dry-run"]);
  expect(planned.stdout).toMatch(/ {2}would quarantine {2}backups\/library-v1\.0\.0\.sqlite\n +it is damaged: /);
  const { stdout } = await app.run(["rebuild-index", "--yes"]);
  expect(stdout).toMatch(/ {2}quarantined {2}backups\/library-v1\.0\.0\.sqlite /);
  expect(stdout).toMatch(/set aside as library-\d{8}T\d{6}Z-corrupt\.sqlite/);
});
