import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { STATUS_OF } from "../../src/cli/exit-status.ts";
import type { VerifyReport } from "../../src/index.ts";
import { CommandLine } from "./command-line.ts";

describe("holdfast verify", () => {
  test("says of each backup that it is sound", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    expect((await app.run(["verify"])).stdout).toContain("nothing: there is no backup");
    await app.run(["boot"]);
    const { exitStatus, stdout, stderr } = await app.run(["verify"]);
    expect(exitStatus).toBe(0);
    expect(stderr).not.toMatch(/Error|Warning/);
    expect(stdout).toMatch(/Verified {2}v1\.0\.0 {2}1\.0\.0 {2}sound {2}its bytes are those recorded\n$/);
    expect(await app.json<VerifyReport>("verify", "v1.0.0")).toMatchObject({ outcome: "sound", files: [{ ok: true }] });
  });

  test("tells a damaged one by its exit status, in words and in JSON", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    appendFileSync(join(app.backups, "library-v1.0.0.sqlite"), "x");
    const { exitStatus, stdout, stderr } = await app.run(["verify"]);
    expect(exitStatus).toBe(STATUS_OF.DB_CORRUPT);
    expect(stdout).toMatch(
      /v1\.0\.0 {2}1\.0\.0 {2}damaged {2}its bytes are not those recorded\n +its bytes do not match/,
    );
    expect(stderr).toMatch(/^Error: v1\.0\.0 is damaged: .*\nTry: .*holdfast backup\n$/m);
    const report = await app.json<VerifyReport>("verify", "--all");
    expect(report).toMatchObject({ outcome: "damaged", exitStatus, error: { code: "DB_CORRUPT" } });
  });

  test("says nothing of the version of what it cannot read, and counts where there are several", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    const text = await app.run(["verify", "settings.toml"]);
    expect(text.stdout).not.toContain("unstamped");
    await app.run(["backup", "--label", "kept"]);
    appendFileSync(join(app.backups, "library-v1.0.0.sqlite"), "x");
    const { stderr } = await app.run(["verify"]);
    expect(stderr).toMatch(/^Error: 1 of 2 files is damaged, first v1\.0\.0: /m);
  });

  test("of the database itself names what reads it", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    const { exitStatus, stderr } = await app.run(["verify", "library.sqlite"]);
    expect([exitStatus, stderr]).toEqual([5, expect.stringContaining("holdfast recover --dry-run reads all of it")]);
    expect((await app.run(["recover", "--dry-run"])).stdout).toMatch(/^Sound /);
  });

  test("of a device says that it is none", async () => {
    const { stderr } = await new CommandLine().run(["verify", "/dev/null"]);
    expect(stderr).toContain("/dev/null is neither a file nor a folder");
  });
});
