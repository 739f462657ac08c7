/** `PRAGMA integrity_check` on one connection, in a process of its own. Prints its milliseconds as JSON. */
import { statSync } from "node:fs";
import Sqlite from "better-sqlite3";

export interface CheckOrder {
  readonly database: string;
  /** Whether SQLite maps the whole file into memory, which it does not by default. */
  readonly mapped: boolean;
}

const { database, mapped } = JSON.parse(process.argv[2] ?? "") as CheckOrder;
const db = new Sqlite(database, { fileMustExist: true });
db.prepare("SELECT count(*) FROM sqlite_schema").get();
if (mapped) db.pragma(`mmap_size = ${statSync(database).size}`);
const begun = performance.now();
const verdict = db.pragma("integrity_check", { simple: true });
const ms = performance.now() - begun;
db.close();
if (verdict !== "ok") throw new Error(`${database} is corrupt: ${verdict}`);
process.stdout.write(JSON.stringify(ms));
