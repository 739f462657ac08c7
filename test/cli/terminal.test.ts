import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { query } from "../fixtures/workspace.ts";
import { CommandLine } from "./command-line.ts";
import { CTRL_C, PseudoTerminal, whyNoTerminal } from "./pseudo-terminal.ts";

const VERSION = 'db-app-version = "1.0.0"';
const QUESTION = "Go on? [y/N] ";

/** Two rows in the database, one of them in its backup; and another database with a third. */
async function application(): Promise<CommandLine & { other: string }> {
  const app = Object.assign(new CommandLine(VERSION, 'db-backup-min-interval = "1d"'), { other: "" });
  await app.launch("1.0.0", ["Emma"]);
  await app.launch("1.0.0");
  await app.launch("1.0.0", ["Persuasion"], { backupMinInterval: "1d" });
  app.other = join(app.folder, "other.sqlite");
  copyFileSync(app.path, app.other);
  query(app.other, (db) => {
    db.pragma("journal_mode = DELETE");
    db.exec("INSERT INTO book VALUES (3, 'Villette')");
  });
  return app;
}

const TITLES = ["Emma", "Persuasion"];
const COMMANDS = [
  {
    name: "restore",
    args: ["restore", "latest"],
    plan: "would restore  from backups/library-v1.0.0.sqlite",
    after: ["Emma"],
  },
  {
    name: "merge",
    args: ["merge", "other.sqlite"],
    plan: "would merge    book\r\n                 1 row new",
    after: [...TITLES, "Villette"],
  },
] as const;

const why = whyNoTerminal();
if (why !== null) console.warn(`What is to be seen at a terminal is not tested: ${why}.`);

describe.skipIf(why !== null).each(COMMANDS)("holdfast $name at a terminal", ({ args, plan, after }) => {
  test("says what is going to be done, and does it after a yes", async () => {
    const app = await application();
    const terminal = new PseudoTerminal(app, ...args);
    await terminal.sees(QUESTION);
    expect(terminal.shown).toContain(`would change ${app.path}`);
    expect(terminal.shown).toContain(plan);
    expect(app.titles()).toEqual(TITLES);
    terminal.type("y\n");
    expect(await terminal.ended()).toBe(0);
    expect(app.titles()).toEqual(after);
    expect(terminal.screen).toContain("has changed");
  });

  test("does nothing after a no, an empty line, anything else, the end of the input and Ctrl-C", async () => {
    const app = await application();
    const before = app.snapshot();
    for (const answer of ["n\n", "\n", "yesterday\n", null, CTRL_C]) {
      const terminal = new PseudoTerminal(app, ...args);
      await terminal.sees(QUESTION);
      if (answer === null) terminal.hangUp();
      else terminal.type(answer);
      const why = `after ${JSON.stringify(answer)}`;
      expect(await terminal.ended(), why).toBe(130);
      expect(terminal.screen, why).toMatch(
        answer === CTRL_C ? /Error: .*aborted: it was interrupted/ : /Error: The answer was no/,
      );
      expect(app.snapshot(), why).toEqual(before);
      expect(app.temporaries(), why).toEqual([]);
    }
  });

  test("does not ask when it was told yes beforehand", async () => {
    const app = await application();
    const terminal = new PseudoTerminal(app, ...args, "--yes");
    expect(await terminal.ended()).toBe(0);
    expect(terminal.shown).not.toContain(QUESTION);
    expect(app.titles()).toEqual(after);
  });
});

/** So much that what is done with it takes seconds. */
async function large(): Promise<CommandLine & { other: string }> {
  const app = await application();
  query(app.other, (db) =>
    db.exec(
      "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n LIMIT 300000) INSERT INTO book SELECT i, 'x' FROM n",
    ),
  );
  query(app.path, (db) => db.exec("CREATE TABLE scan (bytes BLOB); INSERT INTO scan VALUES (zeroblob(200000000))"));
  await app.launch("1.0.0");
  return app;
}

/** A bar with something in it. */
const BAR = /\[#+-+\] +\d+ %/;

describe.skipIf(why !== null)("long work at a terminal", () => {
  const LONG = [
    { name: "merge", args: ["merge", "other.sqlite", "--yes"], during: /merging book +\[#+-+\] +\d+ %/ },
    {
      name: "restore",
      args: ["restore", "latest", "--yes"],
      during: /verifying the copy of library-v1.0.0.sqlite +\[[#-]+\] +\d+ %/,
    },
  ] as const;

  test.each(LONG)(
    "$name is given up after Ctrl-C, and nothing is changed; left alone, it is done",
    async ({ args, during }) => {
      const app = await large();
      const before = app.snapshot();
      const stopped = new PseudoTerminal(app, ...args);
      await stopped.sees(during);
      stopped.type(CTRL_C);
      expect(await stopped.ended()).toBe(130);
      expect(stopped.screen).toContain("Stopping where nothing is lost");
      expect(stopped.screen).toMatch(/Error: .*was aborted: it was interrupted \(SIGINT\)/);
      expect(stopped.screen).not.toMatch(BAR);
      expect(app.temporaries()).toEqual([]);
      expect(app.titles()).toEqual(TITLES);
      const after = app.snapshot();
      expect(Object.keys(after)).toEqual(Object.keys(before));
      expect(after["library.sqlite"]).toBe(before["library.sqlite"]);

      const whole = new PseudoTerminal(app, ...args);
      await whole.sees(during);
      expect(await whole.ended()).toBe(0);
      expect(whole.screen).toContain("has changed");
      // The bar is gone when it is over.
      expect(whole.screen).not.toMatch(BAR);
    },
  );
});

describe.each(COMMANDS)("holdfast $name without a terminal", ({ args, after }) => {
  test("is refused where nobody can be asked, and nothing is changed", async () => {
    const app = await application();
    const before = app.snapshot();
    const { exitStatus, stdout, stderr } = await app.run(args);
    expect([exitStatus, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("nobody can be asked here; nothing was changed.");
    expect(stderr).toContain("Try: --dry-run says what would be done, and --yes does it.");
    expect(app.snapshot()).toEqual(before);
  });

  test("says what it would do with --dry-run, and does nothing", async () => {
    const app = await application();
    const before = app.snapshot();
    const { exitStatus, stdout } = await app.run([...args, "--dry-run"]);
    expect([exitStatus, stdout]).toEqual([0, expect.stringContaining(`would change ${app.path}`)]);
    expect(app.snapshot()).toEqual(before);
  });

  test("does it with --yes, and prints one object with --json", async () => {
    const app = await application();
    expect(await app.json(...args, "--yes")).toMatchObject({ exitStatus: 0, outcome: "done", database: app.path });
    expect(app.titles()).toEqual(after);
  });
});
