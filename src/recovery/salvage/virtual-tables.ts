/**
 * Virtual tables: their modules keep what they hold in ordinary tables, whose rows are salvaged like all others. Their
 * own row of the schema is put back as it was, for to make one anew would make those tables anew, empty.
 * https://sqlite.org/vtab.html#xshadowname
 */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { messageOf } from "../../errors.ts";
import { rowsOf } from "../tables.ts";
import type { Entry } from "./schema.ts";
import type { NotRebuilt } from "./skeleton.ts";

export function restoreVirtualTables(db: Connection, entries: readonly Entry[]): NotRebuilt[] {
  if (entries.length === 0) return [];
  // The defensive mode of better-sqlite3 forbids writing the schema.
  db.unsafeMode(true);
  db.pragma("writable_schema = ON");
  const insert = db.prepare(
    "INSERT INTO main.sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', ?, ?, 0, ?)",
  );
  for (const { name, sql } of entries) insert.run(name, name, sql);
  db.pragma("writable_schema = RESET");
  db.unsafeMode(false);
  return entries.flatMap((entry) => check(db, entry) ?? []);
}

/** A full-text index that has lost some of itself is made again from its text, where it has that. */
function check(db: Connection, { name, sql }: Entry): NotRebuilt | null {
  const problem = problemOf(db, name);
  if (problem === null) return null;
  try {
    if (/\bUSING\s+["'`[]?fts\d/i.test(sql ?? "")) {
      db.exec(`INSERT INTO main.${quote(name)} (${quote(name)}) VALUES ('rebuild')`);
      if (problemOf(db, name) === null) return null;
    }
  } catch {
    // What was wrong before is the better reason.
  }
  return { type: "virtual table", name, reason: problem };
}

function problemOf(db: Connection, name: string): string | null {
  try {
    const [first] = rowsOf<{ integrity_check: string }>(
      db,
      `PRAGMA main.integrity_check('${name.replaceAll("'", "''")}')`,
    );
    return first === undefined || first.integrity_check === "ok" ? null : first.integrity_check;
  } catch (error) {
    return messageOf(error);
  }
}
