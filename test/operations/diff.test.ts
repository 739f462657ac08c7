import { copyFileSync, linkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diff, type ProgressEvent } from "../../src/index.ts";
import { CommandLine } from "../cli/command-line.ts";
import { leaveHotJournal, makeForeign } from "../faults/damage.ts";
import { AppProcess } from "../fixtures/app-process.ts";
import { refused } from "../fixtures/refusal.ts";
import { query } from "../fixtures/workspace.ts";

const VERSION = 'db-app-version = "1.0.0"';

/** A backup with one row; the database has changed it since, and has another. */
async function changed(): Promise<CommandLine> {
  const app = new CommandLine(VERSION);
  await app.launch("1.0.0", ["Emma", "Persuasion"]);
  await app.launch("1.0.0");
  query(app.path, (db) =>
    db.exec(`UPDATE book SET title = 'Emma, 2nd edition' WHERE id = 1; DELETE FROM book WHERE id = 2;
             INSERT INTO book VALUES (3, 'Villette'), (4, 'Shirley'); CREATE TABLE shelf (name TEXT)`),
  );
  return app;
}

describe("diff", () => {
  test("tells what a backup has that the database has not, and the other way about", async () => {
    const app = await changed();
    const report = await diff(app.settings(), "v1.0.0");
    expect(report).toMatchObject({
      database: app.path,
      left: { id: null, path: app.path },
      right: { id: "v1.0.0", path: join(app.backups, "library-v1.0.0.sqlite") },
      equal: false,
      tablesOnlyLeft: [{ table: "shelf", rows: 0 }],
      tablesOnlyRight: [],
      warnings: [],
    });
    expect(report.tables.find(({ table }) => table === "book")).toEqual({
      table: "book",
      key: ["id"],
      same: 0,
      added: 1,
      removed: 2,
      changed: 1,
      samples: {
        added: [{ id: 2, title: "Persuasion" }],
        removed: [
          { id: 3, title: "Villette" },
          { id: 4, title: "Shirley" },
        ],
        changed: [{ key: { id: 1 }, columns: [{ column: "title", left: "Emma, 2nd edition", right: "Emma" }] }],
      },
    });
  });

  test("names the file that is no database", async () => {
    const app = await changed();
    const text = join(app.folder, "settings.toml");
    for (const [left, right] of [
      [text, undefined],
      ["v1.0.0", text],
      [text, "v1.0.0"],
    ] as const) {
      expect(await refused(diff(app.settings(), left, right))).toMatchObject({
        code: "DB_CORRUPT",
        message: `SQLite found damage while reading ${text}: file is not a database. Nothing was written.`,
      });
    }
    expect(await app.run(["diff", "settings.toml"])).toMatchObject({ exitStatus: 20 });
  });

  test("changes nothing, also while the application runs", async () => {
    const app = await changed();
    const before = app.snapshot();
    await diff(app.settings(), "v1.0.0");
    expect(app.snapshot()).toEqual(before);
    const running = new AppProcess(app, "1.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    await running.order("backup");
    await running.order({ exec: "INSERT INTO book (title) VALUES ('beside')" });
    const { tables } = await diff(app.settings(), "v1.0.0", undefined, { tables: ["book"] });
    expect(tables).toMatchObject([{ table: "book", added: 0, removed: 1 }]);
    expect(app.temporaries()).toEqual([]);
    expect(await running.order({ exec: "INSERT INTO book (title) VALUES ('still there')" })).toMatchObject({
      ok: true,
    });
  });

  test("compares two files with each other", async () => {
    const app = await changed();
    const other = join(app.folder, "other.sqlite");
    copyFileSync(app.path, other);
    const report = await diff(app.settings(), other, "v1.0.0", { samples: 0 });
    expect(report).toMatchObject({ left: { id: other }, right: { id: "v1.0.0" }, equal: false });
    expect(report.tables.find(({ table }) => table === "book")).toMatchObject({
      added: 1,
      removed: 2,
      samples: { added: [], removed: [], changed: [] },
    });
    expect(await diff(app.settings(), "v1.0.0", "v1.0.0")).toMatchObject({ equal: true });
  });

  test("does not take for content what a kill left half written", async () => {
    const app = await changed();
    const other = join(app.folder, "other.sqlite");
    makeForeign(other, ["Emma, 2nd edition"]);
    leaveHotJournal(other);
    const before = app.snapshot();
    const { tables } = await diff(app.settings(), other);
    expect(tables).toMatchObject([{ table: "book", same: 1, added: 0, removed: 2, changed: 0 }]);
    expect(app.snapshot()).toEqual(before);
  });

  test("tells how far it is", async () => {
    const app = await changed();
    query(app.path, (db) =>
      db.exec(
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n LIMIT 40000) INSERT INTO book SELECT i, 'x' FROM n",
      ),
    );
    const events: ProgressEvent[] = [];
    await diff(app.settings(), "v1.0.0", undefined, { onEvent: (event) => events.push(event) });
    expect(events).toContainEqual({
      kind: "compare",
      message: "comparing book",
      done: expect.any(Number),
      total: 40_005,
      unit: "rows",
    });
  });

  test("is ended by its signal", async () => {
    const app = await changed();
    const signal = AbortSignal.abort(new Error("enough"));
    expect(await refused(diff(app.settings(), "v1.0.0", undefined, { signal }))).toMatchObject({ code: "ABORTED" });
    expect(app.temporaries()).toEqual([]);
  });

  test("does not compare the database with itself under another name", async () => {
    const app = await changed();
    linkSync(app.path, join(app.folder, "same.sqlite"));
    const error = await refused(diff(app.settings(), join(app.folder, "same.sqlite")));
    expect(error).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("is the database itself") });
  });

  test("names the tables that there are when it is asked for another", async () => {
    const app = await changed();
    const error = await refused(diff(app.settings(), "v1.0.0", undefined, { tables: ["bok"] }));
    expect(error).toMatchObject({ code: "NOT_FOUND", hint: expect.stringContaining("book") });
  });
});

describe("holdfast diff", () => {
  test("calls each side by its name", async () => {
    const app = await changed();
    const { stdout, exitStatus } = await app.run(["diff", "v1.0.0"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toBe(`the database and v1.0.0 differ

  the database  ${app.path}
  v1.0.0        ${join(app.backups, "library-v1.0.0.sqlite")}
  shelf         the table is in the database only, with 0 rows
  book          1 row only in v1.0.0, 2 rows only in the database, 1 row with other values, 0 rows the same
                only in v1.0.0: id 2, title "Persuasion"
                only in the database: id 3, title "Villette"
                only in the database: id 4, title "Shirley"
                id 1: title is "Emma" in v1.0.0, "Emma, 2nd edition" in the database
  author        0 rows, the same in both
`);
  });

  test("prints one object, in which equal says it", async () => {
    const app = await changed();
    expect(await app.json("diff", "v1.0.0", "--tables", "author")).toMatchObject({ exitStatus: 0, equal: true });
    expect(await app.json("diff", "v1.0.0", "--tables", "author,book", "--samples", "1")).toMatchObject({
      exitStatus: 0,
      equal: false,
      tables: [{ samples: { removed: [{ title: "Villette" }] } }, {}],
    });
    expect((await app.run(["diff", "v1.0.0", "--samples", "-1"])).stderr).toContain(
      "--samples is to be a whole number",
    );
    expect((await app.run(["diff", "v1.0.0", "--tables", ""])).stderr).toContain("--tables names no table");
    expect((await app.run(["diff", "--help"])).stdout).toContain("The exit status is 0");
  });
});
