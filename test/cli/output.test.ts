import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { STATUS_OF } from "../../src/cli/exit-status.ts";
import { renderThrown } from "../../src/cli/render-error.ts";
import { CommandLine } from "./command-line.ts";

const ESCAPE = "\u{1B}";

describe("colour", () => {
  test("is off when the output is piped", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    writeFileSync(app.path, "no database");
    for (const command of ["boot", "plan", "status"]) {
      const { stdout, stderr } = await app.run([command]);
      expect(stdout + stderr).not.toContain(ESCAPE);
    }
  });

  test("is on when it is asked for", async () => {
    const { stdout } = await new CommandLine().run(["status"], { FORCE_COLOR: "1" });
    expect(stdout).toContain(ESCAPE);
  });

  test("takes no room in aligned columns", async () => {
    const app = new CommandLine();
    const plain = await app.run(["status"]);
    const coloured = await app.run(["status"], { FORCE_COLOR: "1" });
    expect(stripVTControlCharacters(coloured.stdout)).toBe(plain.stdout);
  });
});

describe("--quiet", () => {
  test("prints nothing when there is nothing to say", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    for (const command of ["boot", "plan", "status"]) {
      expect(await app.run([command, "--quiet"])).toEqual({ exitStatus: 0, stdout: "", stderr: "" });
    }
  });

  test("prints warnings on standard error", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    await app.run(["boot"]);
    writeFileSync(app.index(), "no index");
    const { exitStatus, stdout, stderr } = await app.run(["boot", "--quiet"]);
    expect([exitStatus, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(new RegExp(`^Warning: The index ${app.index()} could not be used .*\\n$`));
  });

  test("prints errors on standard error, and nothing else", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    writeFileSync(app.path, "no database");
    const { exitStatus, stdout, stderr } = await app.run(["boot", "--quiet"]);
    expect([exitStatus, stdout]).toEqual([STATUS_OF.NO_USABLE_BACKUP, ""]);
    expect(stderr).toMatch(/^Error: .+\nTry: .+\n$/);
  });
});

describe("--json", () => {
  test.each([
    [["prune", "--json"], "nobody can be asked here"],
    [["backup", "--lable", "x", "--json"], "unknown option '--lable'"],
    [["mend", "--json"], "unknown command 'mend'"],
  ])("%j prints an object for what is no error of Holdfast's too", async (args, message) => {
    const { exitStatus, stdout } = await new CommandLine('db-app-version = "1.0.0"').run(args);
    expect(exitStatus).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      outcome: "refused",
      error: { code: "USAGE", message: expect.stringContaining(message), hint: expect.any(String), details: {} },
    });
  });
});

describe("what comes out of files", () => {
  test("cannot speak to the terminal", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    app.release({ [`0001_${ESCAPE}[31mred.sql`]: "CREATE TABEL book (id);" });
    const { stdout, stderr } = await app.run(["boot"]);
    expect(stdout + stderr).not.toContain(ESCAPE);
    expect(stderr).toContain("0001_\u{FFFD}[31mred.sql");
  });
});

describe("a reader that has seen enough", () => {
  test("neither stops the launch nor brings a stack", async () => {
    const app = new CommandLine('db-app-version = "1.0.0"');
    const started = app.start(["boot"]);
    started.stdout?.destroy();
    const [exitStatus] = await once(started, "exit");
    expect(exitStatus).toBe(0);
    expect(started.stderr?.read()).toBeNull();
    expect((await app.status()).backups).toHaveLength(1);
  });
});

describe("an error that was not foreseen", () => {
  const error = new TypeError("x is not a function");

  test("asks for a report, and shows no stack", () => {
    expect(renderThrown(error)).toBe(
      "Error: x is not a function\nThis is a fault of Holdfast's: please report it. Set HOLDFAST_DEBUG=1 to see where it happened.\n",
    );
  });

  test("shows the stack when it is asked for", () => {
    process.env.HOLDFAST_DEBUG = "1";
    try {
      expect(renderThrown(error)).toContain("\n    at ");
    } finally {
      delete process.env.HOLDFAST_DEBUG;
    }
  });
});

describe("before the runtime is known to do", () => {
  test("nothing is loaded that needs more than Node's own modules", () => {
    const seen = new Set<string>();
    const visit = (url: URL): void => {
      if (seen.has(url.href)) return;
      seen.add(url.href);
      const source = readFileSync(url, "utf8");
      for (const [, specifier = ""] of source.matchAll(/^(?:import|export) (?!type )[^;]*?from "(.+?)";/gms)) {
        if (specifier.startsWith(".")) visit(new URL(specifier, url));
        else expect(specifier).toMatch(/^node:/);
      }
    };
    visit(new URL("../../src/cli/main.ts", import.meta.url));
    expect(seen.size).toBeGreaterThan(3);
  });
});
