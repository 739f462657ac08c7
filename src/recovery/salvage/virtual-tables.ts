/**
 * Virtual tables: their modules keep what they hold in ordinary tables, whose rows are salvaged like all others. Their
 * own row of the schema is put back as it was, for to make one anew would make those tables anew, empty.
 * https://sqlite.org/vtab.html#xshadowname
 */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { messageOf } from "../../errors.ts";
import { fold, rowsOf } from "../tables.ts";
import type { Entry } from "./schema.ts";
import type { NotRebuilt } from "./skeleton.ts";

/** @param damaged tables that lack some of their rows */
export function restoreVirtualTables(
  db: Connection,
  entries: readonly Entry[],
  damaged: readonly string[],
): NotRebuilt[] {
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
  return entries.flatMap((entry) => {
    const prefix = `${fold(entry.name)}_`;
    const lost = damaged.filter((name) => fold(name).startsWith(prefix));
    // A full-text index does not notice all that it lacks.
    const problem = problemOf(db, entry.name) ?? (lost.length > 0 ? `${lost.join(", ")} lost some rows` : null);
    return problem === null || rebuild(db, entry) ? [] : [{ type: "virtual table", name: entry.name, reason: problem }];
  });
}

/** A full-text index is made again from its text, where it has that; other modules have no such command. */
function rebuild(db: Connection, { name, sql }: Entry): boolean {
  if (!/\bUSING\s+["'`[]?fts\d/i.test(sql ?? "")) return false;
  try {
    db.exec(`INSERT INTO main.${quote(name)} (${quote(name)}) VALUES ('rebuild')`);
    return problemOf(db, name) === null;
  } catch {
    return false;
  }
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
