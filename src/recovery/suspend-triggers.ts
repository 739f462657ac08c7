/**
 * Which triggers of the current database may fire while rows are merged into it.
 *
 * What the triggers of an application write is already among the rows of the other database: fired again, they would
 * count twice, log twice, or change rows that the report does not name. A full-text index, however, is not merged and
 * hangs on its triggers alone, and a trigger that writes nothing but refuses rows says what belongs into the table.
 * So those that write nowhere but into virtual tables fire, and the others are dropped and made again in the same
 * transaction: SQLite has no other way to leave one out.
 */
import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import { tokensOf } from "../database/statements.ts";
import { fold, rowsOf, type Table, virtualTablesOf } from "./tables.ts";

export interface Suspended {
  readonly names: readonly string[];
  /** Makes them again, in the order in which they were. */
  resume(): void;
}

export function suspendTriggers(db: Connection, merged: readonly Table[]): Suspended {
  const tables = new Set(merged.map(({ name }) => fold(name)));
  const virtual = virtualTablesOf(db);
  const triggers = rowsOf<{ name: string; tbl_name: string; sql: string }>(
    db,
    "SELECT name, tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY rowid",
  ).filter(({ tbl_name, sql }) => tables.has(fold(tbl_name)) && mayChangeRows(sql, virtual));
  for (const { name } of triggers) db.exec(`DROP TRIGGER main.${quote(name)}`);
  return {
    names: triggers.map(({ name }) => name),
    resume() {
      for (const { sql } of triggers) db.exec(sql);
    },
  };
}

/** When in doubt, true. A merge deletes nothing, so triggers on DELETE never fire. */
function mayChangeRows(sql: string, virtual: ReadonlySet<string>): boolean {
  const tokens = [...tokensOf(sql)];
  const words = tokens.map((token) => token.toUpperCase());
  const begin = words.indexOf("BEGIN");
  const header = words.slice(0, begin);
  if (header.some((word, at) => word === "DELETE" && header[at + 1] === "ON")) return false;
  return targets(tokens.slice(begin + 1)).some((target) => !virtual.has(fold(unquoted(target))));
}

/** The tables that the statements write to. */
function targets(tokens: readonly string[]): string[] {
  const words = tokens.map((token) => token.toUpperCase());
  return words.flatMap((word, at) => {
    if (word === "INTO" || (word === "FROM" && words[at - 1] === "DELETE")) return tokens[at + 1] ?? "";
    if (word !== "UPDATE" || words[at + 1] === "SET") return [];
    return tokens[words[at + 1] === "OR" ? at + 3 : at + 1] ?? "";
  });
}

function unquoted(name: string): string {
  return /^['"`[]/.test(name) ? name.slice(1, -1) : name;
}
