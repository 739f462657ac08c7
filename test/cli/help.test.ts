import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CommandLine } from "./command-line.ts";

describe("help", () => {
  test("names every command with its purpose", async () => {
    const { exitStatus, stdout } = await new CommandLine().run(["--help"]);
    expect(exitStatus).toBe(0);
    const commands =
      "boot plan status doctor list backup verify restore demoted merge diff recover move prune rebuild-index".split(
        " ",
      );
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} .*\\w`, "m"));
  });

  test("of a group names its commands, and of one of them its options", async () => {
    const app = new CommandLine();
    const { stdout } = await app.run(["demoted", "--help"]);
    for (const command of ["list", "restore", "merge", "remove"])
      expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
    for (const args of [
      ["demoted", "merge", "--help"],
      ["merge", "--help"],
      ["help", "merge"],
    ])
      expect((await app.run(args)).stdout).toContain("--on-conflict <what>");
  });

  test.each(["boot", "plan", "status"])(
    "of %s gives its purpose, its options with their defaults, and an example",
    async (command) => {
      const { exitStatus, stdout, stderr } = await new CommandLine().run([command, "--help"]);
      const unwrapped = stdout.replaceAll(/\s+/g, " ");
      expect(exitStatus).toBe(0);
      expect(stderr).toBe("");
      expect(stdout).toMatch(new RegExp(`^Usage: holdfast ${command} \\[options\\]\\n\\n[A-Z].*`));
      expect(unwrapped).toContain('--settings <file> the application\'s TOML settings file (default: "settings.toml")');
      expect(unwrapped).toContain(
        '--app-version <version> the running version, as in 1.3.0 (default: "db-app-version"',
      );
      expect(unwrapped).toContain("--json print one object for programs, and nothing else (default: text)");
      expect(unwrapped).toContain("--quiet print warnings and errors only, on standard error (default: off)");
      expect(stdout).toContain(`Example:\n  $ holdfast ${command}`);
    },
  );

  test("--version prints the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(await new CommandLine().run(["--version"])).toEqual({ exitStatus: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("a mistake in the command", () => {
  test.each([
    [["bot"], "Error: unknown command 'bot'"],
    [["boot", "--bogus"], "Error: unknown option '--bogus'"],
    [["boot", "--settings"], "Error: option '--settings <file>' argument missing"],
    [["boot", "settings.toml"], "Error: too many arguments for 'boot'"],
  ])("%j is told on standard error with the usage, and exits with 2", async (args, message) => {
    const { exitStatus, stdout, stderr } = await new CommandLine().run(args);
    expect(exitStatus).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(stderr).toContain("Usage: holdfast");
  });

  test("a near miss is suggested", async () => {
    expect((await new CommandLine().run(["statsu"])).stderr).toContain("(Did you mean status?)");
  });

  test("no command at all prints the usage on standard error and exits with 2", async () => {
    const { exitStatus, stdout, stderr } = await new CommandLine().run([]);
    expect([exitStatus, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Usage: holdfast [options] [command]");
  });
});
