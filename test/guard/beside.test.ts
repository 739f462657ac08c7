import { linkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { AppProcess } from "../fixtures/app-process.ts";
import { Workspace } from "../fixtures/workspace.ts";

describe("a second guard() in the same process", () => {
  test.each([
    ["under its own name", (app: Workspace) => app.path],
    ["through a symbolic link", (app: Workspace) => linked(app, symlinkSync)],
    ["through a hard link", (app: Workspace) => linked(app, linkSync)],
  ])("%s is refused, and the first one's locks stay", async (_, other) => {
    const app = new Workspace().release(1);
    const first = await app.guard("1.0.0");
    await first.backup;
    expect((await app.refusal("1.0.0", { path: other(app) })).code).toBe("DB_IN_USE");
    const beside = new AppProcess(app.release(2), "2.0.0");
    expect(await beside.hear()).toMatchObject({ ok: false, code: "DB_IN_USE" });
    await first.close();
    const again = await app.guard("2.0.0");
    await again.close();
  });
});

function linked(app: Workspace, link: (from: string, to: string) => void): string {
  const other = join(app.folder, "other.sqlite");
  link(app.path, other);
  return other;
}

describe("beside a running application", () => {
  test("a launch of the same release opens at once, without check or backup", async () => {
    const app = new Workspace().release(1);
    const running = new AppProcess(app, "1.0.0");
    expect(await running.hear()).toMatchObject({ ok: true });
    await running.order("backup");
    await running.order({ exec: "INSERT INTO book (title) VALUES ('Emma')" });
    const library = await app.guard("1.0.0");
    expect(library.report.actions).toEqual([]);
    expect((await library.backup).result).toBe("skipped");
    expect(library.db.prepare("SELECT title FROM book").pluck().all()).toEqual(["Emma"]);
    await library.close();
    expect(await running.order({ exec: "INSERT INTO book (title) VALUES ('Persuasion')" })).toMatchObject({ ok: true });
    expect(await running.order("close")).toMatchObject({ ok: true });
    expect(app.titles()).toEqual(["Emma", "Persuasion"]);
  });

  test("a launch that needs the database alone waits, and is then refused", async () => {
    const app = new Workspace().release(1);
    const running = new AppProcess(app, "1.0.0");
    await running.hear();
    const error = await app.release(2).refusal("2.0.0");
    expect(error.code).toBe("DB_IN_USE");
    expect(error.message).toContain("1 migration is pending");
  });

  test("a launch that needs the database alone goes on as soon as the other one leaves", async () => {
    const app = new Workspace().release(1);
    const running = new AppProcess(app, "1.0.0");
    await running.hear();
    await running.order("backup");
    const waiting = app
      .release(2)
      .guard("2.0.0", { lockTimeout: "30s" }, { onEvent: ({ kind }) => kind === "wait" && running.kill() });
    const library = await waiting;
    expect(library.report.actions.map((each) => each.action)).toContain("migrate");
    await library.close();
  });
});

test("two launches at once run one pipeline after the other", async () => {
  const app = new Workspace().release(1);
  const both = [
    new AppProcess(app, "1.0.0", { lockTimeout: "30s" }),
    new AppProcess(app, "1.0.0", { lockTimeout: "30s" }),
  ];
  const outcomes = await Promise.all(both.map((each) => each.hear()));
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
  const created = outcomes.filter(({ actions }) => actions?.includes("create"));
  expect(created).toHaveLength(1);
});

test("a launch while another one is under way is refused DB_LOCKED when it takes too long", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0");
  const lock = new Database(join(app.folder, ".library-lock.sqlite"));
  lock.exec("BEGIN EXCLUSIVE");
  expect((await app.refusal("1.0.0")).code).toBe("DB_LOCKED");
  lock.close();
});

test("a foreign program that holds the database makes a migration wait, then refuse: never corruption", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0");
  const before = new Database(app.path);
  before.exec("BEGIN IMMEDIATE; INSERT INTO book (title) VALUES ('theirs')");
  const error = await app.release(2).refusal("2.0.0");
  expect(error.code).toBe("DB_IN_USE");
  before.exec("COMMIT");
  before.close();
  await app.launch("2.0.0");
  expect(app.titles()).toEqual(["theirs"]);
});

test("a foreign program that holds the newer database keeps a downgrade from replacing it", async () => {
  const app = new Workspace().release(1);
  await app.launch("1.0.0", ["Emma"]);
  await app.release(2).launch("2.0.0", ["Persuasion"]);
  const reader = new Database(app.path);
  reader.exec("BEGIN; SELECT * FROM book;");
  reader.prepare("SELECT count(*) FROM book").get();
  const error = await app.release(1).refusal("1.0.0");
  expect(error.code).toBe("DB_IN_USE");
  reader.exec("COMMIT");
  reader.close();
  expect(app.titles()).toEqual(["Emma", "Persuasion"]);
  expect(app.temporaries()).toEqual([]);
  await app.launch("1.0.0");
  expect(app.titles()).toEqual(["Emma"]);
});

test("an application that was killed leaves no lock behind, and its rows stay", async () => {
  const app = new Workspace().release(1);
  const running = new AppProcess(app, "1.0.0");
  await running.hear();
  await running.order({ exec: "INSERT INTO book (title) VALUES ('Emma')" });
  await running.kill();
  const report = await app.launch("1.0.0", [], { lockTimeout: "10s" });
  expect(report.found.state).toBe("healthy");
  expect(app.titles()).toEqual(["Emma"]);
  expect(app.temporaries()).toEqual([]);
});
