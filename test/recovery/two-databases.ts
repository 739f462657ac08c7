import Database from "better-sqlite3";
import { onTestFinished } from "vitest";

/** A database in memory, with foreign keys enforced, as better-sqlite3 opens them. */
export function databaseOf(...sql: readonly string[]): Database.Database {
  const db = new Database(":memory:");
  onTestFinished(() => void db.close());
  for (const each of sql) db.exec(each);
  return db;
}

/** Two databases of one schema. */
export function twoOf(schema: string, current: string, incoming: string): [Database.Database, Database.Database] {
  return [databaseOf(schema, current), databaseOf(schema, incoming)];
}

/** Rows as SQL shows them, so that types can be told apart: `1`, `1.0`, `'1'`, `X'31'`; a column `bytes` as such. */
export function rows(db: Database.Database, table: string, order = "rowid"): string[] {
  const columns = (db.pragma(`table_info("${table}")`) as { name: string }[]).map(({ name }) =>
    name === "bytes" ? "hex(CAST(bytes AS BLOB))" : `quote("${name.replaceAll('"', '""')}")`,
  );
  const list = columns.join(" || ' ' || ");
  return db.prepare(`SELECT ${list} FROM "${table}" ORDER BY ${order}`).pluck().all() as string[];
}
