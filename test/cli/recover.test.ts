import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { STATUS_OF } from "../../src/cli/exit-status.ts";
import type { RecoverReport } from "../../src/index.ts";
import { CommandLine } from "./command-line.ts";

const PAGE = 4096;

/** A file that no application guards, with every tenth page zeroed. */
function damagedFile(app: CommandLine): string {
  const path = join(app.folder, "notes.db");
  const db = new Database(path);
  db.exec("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)");
  db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
           INSERT INTO note (text) SELECT printf('%060d', i) FROM n`);
  const pages = Number(db.pragma("page_count", { simple: true }));
  db.close();
  const fd = openSync(path, "r+");
  for (let page = 20; page < pages; page += 10) writeSync(fd, Buffer.alloc(PAGE), 0, PAGE, (page - 1) * PAGE);
  closeSync(fd);
  return path;
}

describe("holdfast recover", () => {
  test("reads any file, and says what came back and what could not be read", async () => {
    const app = new CommandLine();
    const path = damagedFile(app);
    const { exitStatus, stdout } = await app.run(["recover", path, "--settings", "none.toml"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Recovered ${path}\\n`));
    expect(stdout).toMatch(/ {2}rows +note +\d+ read +at most \d+ rows lost\n/);
    expect(stdout).toMatch(/ {2}unreadable +\d+ pages: 20, 30, 40, .* and \d+ more places\n/);
  });

  test("tells a program all of it, and that there is nothing to read", async () => {
    const app = new CommandLine();
    const path = damagedFile(app);
    const report = await app.json<RecoverReport>("recover", path, "--output", "out.sqlite");
    expect(report).toMatchObject({ exitStatus: 0, outcome: "done", output: join(app.folder, "out.sqlite") });
    expect(report.unreadable?.ranges.length).toBe(report.unreadable?.pages);
    expect((await app.run(["recover"])).exitStatus).toBe(STATUS_OF.NOT_FOUND);
  });
});
