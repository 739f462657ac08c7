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

  test.each([
    ["a no", "n\n"],
    ["an empty line", "\n"],
    ["anything else", "yesterday\n"],
    ["the end of the input", null],
    ["Ctrl-C", CTRL_C],
  ])("does nothing after %s", async (_, answer) => {
    const app = await application();
    const before = app.snapshot();
    const terminal = new PseudoTerminal(app, ...args);
    await terminal.sees(QUESTION);
    if (answer === null) terminal.hangUp();
    else terminal.type(answer);
    expect(await terminal.ended()).toBe(130);
    expect(terminal.screen).toMatch(
      answer === CTRL_C ? /Error: .*aborted: it was interrupted/ : /Error: The answer was no/,
    );
    expect(app.snapshot()).toEqual(before);
    expect(app.temporaries()).toEqual([]);
  });

  test("does not ask when it was told yes beforehand", async () => {
    const app = await application();
    const terminal = new PseudoTerminal(app, ...args, "--yes");
    expect(await terminal.ended()).toBe(0);
    expect(terminal.shown).not.toContain(QUESTION);
    expect(app.titles()).toEqual(after);
  });
});
