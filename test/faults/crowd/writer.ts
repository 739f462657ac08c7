/** A program that knows nothing of Holdfast and writes to its database all the time. Run with its types stripped. */
import { openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type Sqlite from "better-sqlite3";

export interface WriterOrder {
  readonly sqlite: string;
  readonly database: string;
  /** Gets the title of each row whose commit has returned, a line each. */
  readonly log: string;
  /** For so long each transaction stays open. */
  readonly holdMs: number;
}

const { sqlite, database, log, holdMs }: WriterOrder = JSON.parse(process.argv[2] ?? "{}");
const { default: Database }: { default: typeof Sqlite } = await import(sqlite);
const out = openSync(log, "a");

let db: Sqlite.Database | undefined;
for (let n = 1; ; n++) {
  try {
    db ??= new Database(database, { fileMustExist: true, timeout: 100 });
    const title = `foreign ${process.pid}-${n}`;
    db.exec("BEGIN IMMEDIATE");
    db.prepare("INSERT INTO book (title) VALUES (?)").run(title);
    if (holdMs > 0) await pause(holdMs);
    db.exec("COMMIT");
    writeSync(out, `${title}\n`);
  } catch (error) {
    // Busy for a while, or the file it had open was moved away: https://sqlite.org/rescode.html#readonly_dbmoved
    if (db?.inTransaction) db.exec("ROLLBACK");
    if (!/^SQLITE_BUSY/.test(String((error as { code?: unknown }).code))) {
      db?.close();
      db = undefined;
    }
  }
  await pause(1);
}
