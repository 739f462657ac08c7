/** Tables, columns, indexes and triggers may have any name: none is ever taken for SQL, an option or a line of output. */
import { readdirSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { CommandLine } from "../cli/command-line.ts";
import { Workspace } from "../fixtures/workspace.ts";

const ESCAPE = "\u{1B}";
const NAMES = [
  `a"b'c;DROP TABLE book;--`,
  "x]y`z[",
  "line\nError: it is all lost\nTry: rm -rf",
  `${ESCAPE}]0;title\u0007${ESCAPE}[2J${ESCAPE}[31m`,
  "\u009B31m",
  "\u202Egnp.exe",
  "--json",
  "$1",
  "?1",
  "2",
  "-1",
  "0x10",
  "_rowid_",
  "main.book",
  "%s%n",
  "../../up",
  "row 1 missing from index, page 3",
  "x".repeat(300_000),
];

/** Of all names: a table, a column, an index and a trigger; a row without a parent, and one that breaks a CHECK. */
function odd(path: string): void {
  const db = new Database(path);
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  db.pragma("foreign_keys = OFF");
  db.pragma("ignore_check_constraints = ON");
  for (const [n, name] of NAMES.entries()) {
    const [table, column, index, trigger] = [name, name, `${name} i`, `${name} t`].map(quoted);
    db.exec(
      `CREATE TABLE ${table} (id INTEGER PRIMARY KEY, ${column} REFERENCES ${table}(id), CHECK (${column} > ${n}));
       CREATE INDEX ${index} ON ${table} (${column});
       CREATE TRIGGER ${trigger} AFTER DELETE ON ${table} BEGIN SELECT 1; END;
       INSERT INTO ${table} VALUES (1, -7)`,
    );
  }
  db.close();
}

test("a database full of odd names is checked, backed up, migrated and restored", async () => {
  const app = new Workspace().release(1);
  odd(app.path);
  const adopted = await app.launch("1.0.0", ["Emma"]);
  expect(adopted.actions.map(({ action }) => action)).toEqual(["check", "back-up", "migrate", "stamp", "back-up"]);
  expect(adopted.warnings.filter((warning) => warning.includes("row without a parent"))).toHaveLength(NAMES.length);
  for (const warning of adopted.warnings) expect(warning.length).toBeLessThan(2000);
  await app.release(2).launch("1.1.0");
  writeFileSync(app.path, "no database any more");
  const restored = await app.launch("1.1.0");
  expect(restored.actions.map(({ action }) => action)).toContain("restore");
  expect(app.titles()).toEqual(["Emma"]);
  expect(readdirSync(app.folder)).not.toContain("up");
});

test("the command line prints none of them as it is", async () => {
  const app = new CommandLine('db-app-version = "1.0.0"');
  odd(app.path);
  for (const command of ["plan", "boot", "status"]) {
    const { stdout, stderr } = await app.run([command]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/);
    expect(stdout + stderr).not.toMatch(/^Error: it is all lost/m);
  }
});

test("nor does the logger of an application", async () => {
  const app = new Workspace().release(1);
  odd(app.path);
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const library = await app.guard(
    "1.0.0",
    { backupMode: "blocking" },
    { logger: { info: log, warn: log, error: log } },
  );
  await library.close();
  expect(lines.some((line) => line.includes("without a parent"))).toBe(true);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
  for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001F\u007F-\u009F\u202A-\u202E]/);
});
