import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BEFORE_PRINT, PRINTED } from "../../src/sample/catalogue.ts";

const PROGRAM = join(import.meta.dirname, "../../src/sample/main.ts");

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-sample-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function start(...args: string[]): { status: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { cwd: folder, encoding: "utf8" });
  return { status, out: stdout, error: stderr };
}

interface Content {
  readonly version: unknown;
  readonly books: unknown;
  readonly percent: unknown;
  readonly tables: readonly unknown[];
}

function look(...path: string[]): Content {
  const db = new Database(join(folder, "data", ...path), { readonly: true });
  try {
    const value = (sql: string) => db.prepare(sql).pluck().get();
    return {
      version: value("SELECT app_version FROM _holdfast_stamp"),
      books: value("SELECT count(*) FROM books"),
      percent: value("SELECT sum(percent) FROM reading_progress"),
      tables: db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all(),
    };
  } finally {
    db.close();
  }
}

function backups(): string[] {
  return readdirSync(join(folder, "data", "backups")).filter((name) => /^library.*\.sqlite$/.test(name));
}

const EVERY_BOOK = PRINTED.length + BEFORE_PRINT.length;
const EVERY_VERSION = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"];

describe("the first launch", () => {
  test("grows the library release by release, and leaves a backup of each", () => {
    const { status, out, error } = start();
    expect({ status, error }).toEqual({ status: 0, error: "" });
    expect(out).toContain("There is no library yet.");
    expect([...out.matchAll(/^--- Release (\S+):/gm)].map((match) => match[1])).toEqual(EVERY_VERSION);
    expect(out).toContain(`${EVERY_BOOK} books by`);
    expect(out).toMatch(/Oldest: {4}The Persians by Aeschylus \(472 BCE\)\n +Oresteia by Aeschylus \(458 BCE\)\n/);
    expect(out).toContain("Read now:  Moby-Dick by Herman Melville, up to 60 %");
    expect(out).toContain('Search:    "war" is in War and Peace; The War of the Worlds');

    expect(look("library.sqlite")).toMatchObject({ version: "1.4.0", books: EVERY_BOOK, percent: 60 });
    expect(backups()).toEqual(EVERY_VERSION.map((version) => `library-v${version}.sqlite`));
    for (const file of backups()) expect(out).toContain(file);
    expect(look("backups", "library-v1.1.0.sqlite")).toMatchObject({ books: PRINTED.length, percent: 15 });
  });

  test("goes no further than the version asked for", () => {
    const { status, out } = start("--app-version", "1.1.0");
    expect(status).toBe(0);
    expect([...out.matchAll(/^--- Release (\S+):/gm)].map((match) => match[1])).toEqual(["1.0.0", "1.1.0"]);
    expect(look("library.sqlite")).toMatchObject({ version: "1.1.0", books: PRINTED.length });
  });
});

describe("later launches", () => {
  test("a second one finds the library and reads on", () => {
    start();
    const { status, out, error } = start();
    expect({ status, error }).toEqual({ status: 0, error: "" });
    expect([...out.matchAll(/^--- Release (\S+):/gm)].map((match) => match[1])).toEqual(["1.4.0"]);
    expect(out).toContain(`${EVERY_BOOK} books by`);
    expect(out).toContain("authors, 0 of them new");
    expect(out).toContain("Read last: Moby-Dick by Herman Melville, up to 60 %");
    expect(out).toContain("Read now:  Moby-Dick by Herman Melville, up to 75 %");
    expect(look("library.sqlite").percent).toBe(75);
  });

  test("when a book is finished the next one is begun", () => {
    start();
    for (let launch = 0; launch < 3; launch++) start();
    expect(start().out).toContain("Read now:  Pride and Prejudice by Jane Austen, up to 15 %");
  });

  test("a downgrade restores the older release's backup and sets the newer library aside; the way up works again", () => {
    start();
    const newest = look("library.sqlite");

    const down = start("--app-version", "1.1.0");
    expect({ status: down.status, error: down.error }).toEqual({ status: 0, error: "" });
    expect(down.out).toContain(`${PRINTED.length} books by`);
    expect(down.out).toContain("Oldest:    The Prince by Niccolò Machiavelli (1532)");
    expect(down.out).not.toContain("Covers:");
    expect(look("library.sqlite")).toMatchObject({ version: "1.1.0", books: PRINTED.length, percent: 30 });
    expect(look("library.sqlite").tables).not.toContain("covers");
    expect(look("backups", "library-v1.4.0-demoted.sqlite")).toEqual(newest);

    const up = start();
    expect({ status: up.status, error: up.error }).toEqual({ status: 0, error: "" });
    expect(up.out).toContain(`${BEFORE_PRINT.length} of them new`);
    expect(up.out).toContain("Read last: Moby-Dick by Herman Melville, up to 30 %");
    expect(look("library.sqlite")).toMatchObject({ version: "1.4.0", books: EVERY_BOOK, percent: 45 });
    expect(look("library.sqlite").tables).toEqual(expect.arrayContaining(["covers", "book_titles"]));
    expect(look("backups", "library-v1.4.0-demoted.sqlite")).toEqual(newest);
  });

  test("a library that is gone is restored from its newest backup", () => {
    start();
    start();
    rmSync(join(folder, "data", "library.sqlite"));
    const { status, out } = start();
    expect(status).toBe(0);
    expect(out).not.toContain("There is no library yet.");
    expect(look("library.sqlite")).toMatchObject({ version: "1.4.0", books: EVERY_BOOK });
  });
});

describe("what cannot be done", () => {
  test.each([
    { args: ["--app-version", "9.9.9"], says: "There is no release 9.9.9 of the sample library." },
    { args: ["--app-version"], says: "--app-version" },
    { args: ["--colour"], says: "--colour" },
    { args: ["1.1.0"], says: "1.1.0" },
  ])("$args: a clear error, and nothing is made", ({ args, says }) => {
    const { status, out, error } = start(...args);
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(error).toMatch(/^Error: .*\nTry: .*1\.0\.0, 1\.1\.0, 1\.2\.0, 1\.3\.0, 1\.4\.0\n$/);
    expect(error).toContain(says);
    expect(existsSync(join(folder, "data"))).toBe(false);
  });

  test("a refusal of Holdfast's says what happened and what helps", () => {
    start("--app-version", "1.0.0");
    start();
    rmSync(join(folder, "data", "backups"), { recursive: true });
    const { status, error } = start("--app-version", "1.0.0");
    expect(status).toBe(1);
    expect(error).toMatch(/^Error: .*no backup fits 1\.0\.0.*\nTry: Install version 1\.4\.0 or later again\.\n$/);
    expect(look("library.sqlite").version).toBe("1.4.0");
  });
});
