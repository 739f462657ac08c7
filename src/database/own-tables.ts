/**
 * The tables that Holdfast keeps inside a database, and whether those of these names are its own. A file may come
 * from anybody: a view, a virtual table, a trigger or a computed column of such a name would run its maker's SQL as
 * soon as the stamp is read or written, for as long as it likes. So the schema is looked at, as text, before any
 * statement names one of them; even preparing one can take for ever.
 */
import { HoldfastError } from "../errors.ts";
import type { Connection } from "./open.ts";

export const STAMP = "_holdfast_stamp";
export const LEDGER = "_holdfast_migrations";
export const BACKUP = "_holdfast_backup";
/** A table of its own: so short a row stands in one piece on one page, whatever the page size. */
export const OWN_DIGEST = "_holdfast_own_digest";

const COLUMNS: Readonly<Record<string, string>> = {
  [STAMP]: `
    id INTEGER PRIMARY KEY CHECK (id = 1),
    database_id TEXT NOT NULL,
    app_version TEXT NOT NULL,
    layout TEXT NOT NULL,
    changed_at TEXT NOT NULL
  `,
  [LEDGER]: `
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    app_version TEXT NOT NULL,
    compatible_since TEXT,
    down_sql TEXT
  `,
  [BACKUP]: `
    id INTEGER PRIMARY KEY CHECK (id = 1),
    database_id TEXT NOT NULL,
    database_path TEXT NOT NULL,
    version TEXT,
    layout TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    label TEXT,
    content TEXT NOT NULL,
    journal_mode TEXT NOT NULL,
    file_mode INTEGER NOT NULL
  `,
  [OWN_DIGEST]: `
    id INTEGER PRIMARY KEY CHECK (id = 1),
    digest TEXT NOT NULL
  `,
};

/** Longer than any text of the schema that is Holdfast's own. */
const TEXT_KEPT = 2000;

export function createOwnTable(db: Connection, table: string): void {
  requireOwnTables(db);
  db.exec(`CREATE TABLE IF NOT EXISTS ${table} (${COLUMNS[table]})`);
}

interface SchemaRow {
  readonly type: unknown;
  readonly name: unknown;
  readonly target: unknown;
  readonly sql: unknown;
}

/**
 * Which of the tables are there.
 *
 * @param path the database as messages name it
 * @throws CHECK_IMPOSSIBLE where anything in the schema has or names one of them and is not as Holdfast makes it
 */
export function requireOwnTables(db: Connection, path: string = db.name): ReadonlySet<string> {
  const rows = db
    .prepare(
      `SELECT type, substr(name, 1, 100) AS name, substr(tbl_name, 1, 100) AS target, substr(sql, 1, ${TEXT_KEPT}) AS sql
       FROM (SELECT *, lower(concat(name, ' ', tbl_name, ' ', sql)) AS all_of_it FROM sqlite_schema)
       WHERE ${Object.keys(COLUMNS)
         .map((table) => `instr(all_of_it, '${table}')`)
         .join(" OR ")} LIMIT 10`,
    )
    .all() as SchemaRow[];
  const forged = rows.find((row) => !isOwn(row));
  if (forged) {
    throw notOurs(
      path,
      `the ${forged.type} ${JSON.stringify(forged.name)} in it has or names a table of Holdfast's, and Holdfast did not make it`,
    );
  }
  return new Set(rows.filter((row) => row.type === "table").map((row) => String(row.name)));
}

function isOwn({ type, name, target, sql }: SchemaRow): boolean {
  if (name === `sqlite_autoindex_${LEDGER}_1`) return type === "index" && target === LEDGER && sql === null;
  const columns = COLUMNS[String(name)];
  if (columns === undefined || type !== "table" || target !== name) return false;
  return squeeze(String(sql)) === squeeze(`CREATE TABLE ${name} (${columns})`);
}

/** SQL without what makes no difference in it. */
function squeeze(sql: string): string {
  return sql.replaceAll(/\s+/g, " ").toLowerCase();
}

/** What stands in the file is not what Holdfast writes: no damage that a backup would mend by itself. */
export function notOurs(path: string, why: string): HoldfastError {
  return new HoldfastError({
    code: "CHECK_IMPOSSIBLE",
    message: `${path} was not read any further: ${why}. Nothing was touched.`,
    hint: "If the file came from somebody else, do not use it. Tables that begin with _holdfast_ are Holdfast's: nothing else may have or name them.",
    details: { path, why },
  });
}
