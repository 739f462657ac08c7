/**
 * What tables a database has, as far as their rows can be compared with those of another database or merged into it:
 * ordinary tables of the application's own, with their columns, keys and foreign keys.
 */
import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";

export interface Column {
  readonly name: string;
  /** As declared; empty where no type is. */
  readonly type: string;
  readonly notNull: boolean;
  /** The SQL of its default. */
  readonly default: string | null;
  /** Computed from others, never written: https://sqlite.org/gencol.html. */
  readonly generated: boolean;
  /** Its place in the primary key, from 1; 0 where it is in none. */
  readonly keyPosition: number;
}

/** Columns of which no two rows have the same values. */
export interface Key {
  readonly columns: readonly string[];
  /** One for each column, in capitals. */
  readonly collations: readonly string[];
  readonly primary: boolean;
}

export interface ForeignKey {
  /** By which SQLite tells those of one table apart. */
  readonly id: number;
  readonly columns: readonly string[];
  readonly parent: string;
  /** The parent's columns; null: its primary key. */
  readonly parentColumns: readonly string[] | null;
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** The primary key first, then unique indexes on plain columns of all rows, as they were made. */
  readonly keys: readonly Key[];
  readonly foreignKeys: readonly ForeignKey[];
  /** The column that is the rowid: https://sqlite.org/lang_createtable.html#rowid. */
  readonly rowidColumn: string | null;
  /** A name by which the rowid can be asked for; null where there is none, or columns have taken all its names. */
  readonly rowidName: string | null;
  readonly autoincrement: boolean;
  /** Of https://sqlite.org/stricttables.html. */
  readonly strict: boolean;
  /** A constraint of it says what a collision does: https://sqlite.org/lang_conflict.html. */
  readonly hasConflictClause: boolean;
  readonly sql: string;
}

/** A table whose rows are neither compared nor merged. */
export interface LeftOut {
  readonly table: string;
  readonly reason: string;
}

export interface Tables {
  /** By folded name. */
  readonly tables: ReadonlyMap<string, Table>;
  readonly leftOut: readonly LeftOut[];
}

/** Names are the same in SQLite when they differ in the case of ASCII letters only. */
export function fold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

interface Listed {
  readonly name: string;
  readonly type: "table" | "virtual" | "shadow";
  readonly wr: number;
  readonly strict: number;
  readonly sql: string;
}

export function readTables(db: Connection): Tables {
  const listed = listTables(db);
  const strangers = virtualTablesOfStrangers(db, listed);
  const tables = new Map<string, Table>();
  const leftOut: LeftOut[] = [];
  for (const each of listed) {
    const reason = reasonToLeaveOut(each, strangers);
    if (reason === null) tables.set(fold(each.name), readTable(db, each));
    else leftOut.push({ table: each.name, reason });
  }
  return { tables, leftOut };
}

/**
 * In the order in which they were made. By the pragma itself: a table of the file's own could stand in for the
 * table-valued function of the same name.
 */
function listTables(db: Connection): Listed[] {
  const kinds = new Map(
    rowsOf<{ schema: string; name: string } & Pick<Listed, "type" | "wr" | "strict">>(db, "PRAGMA main.table_list")
      .filter(({ schema }) => schema === "main")
      .map((row) => [row.name, row]),
  );
  return rowsOf<{ name: string; sql: string }>(
    db,
    "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' ORDER BY rowid",
  ).flatMap(({ name, sql }) => {
    const kind = kinds.get(name);
    return kind && !isInternal(name) ? { ...kind, sql } : [];
  });
}

/** Folded names. */
export function virtualTablesOf(db: Connection): Set<string> {
  return new Set(listTables(db).flatMap(({ name, type }) => (type === "virtual" ? fold(name) : [])));
}

/** SQLite's own tables and Holdfast's, of which nobody wants to hear. */
export function isInternal(name: string): boolean {
  return /^(sqlite_|_holdfast_)/i.test(name);
}

function reasonToLeaveOut({ name, type, sql }: Listed, strangers: readonly string[]): string | null {
  if (type === "virtual") return reasonOfModule(moduleOf(sql));
  if (type === "shadow") return "it belongs to a virtual table, which alone keeps it";
  const stranger = strangers.find((each) => fold(name).startsWith(`${fold(each)}_`));
  if (stranger === undefined) return null;
  return `it may belong to the virtual table ${stranger}, whose module is not loaded`;
}

function reasonOfModule(module: string): string {
  if (/^fts\d/.test(module)) return "a full-text index: its own triggers or its 'rebuild' command keep it";
  if (/^(rtree|geopoly)/.test(module)) return "a spatial index: the application keeps it";
  return `a virtual table of the module ${module}: the application keeps it`;
}

function moduleOf(sql: string): string {
  return fold(/\bUSING\s+["'`[]?(\w+)/i.exec(sql)?.[1] ?? "unknown");
}

/** SQLite tells the shadow tables of a virtual table only where its module is loaded. */
function virtualTablesOfStrangers(db: Connection, listed: readonly Listed[]): string[] {
  const virtual = listed.filter(({ type }) => type === "virtual");
  if (virtual.length === 0) return [];
  const modules = new Set(rowsOf<{ name: string }>(db, "PRAGMA module_list").map(({ name }) => fold(name)));
  return virtual.filter(({ sql }) => !modules.has(moduleOf(sql))).map(({ name }) => name);
}

function readTable(db: Connection, { name, wr, strict, sql }: Listed): Table {
  const columns = readColumns(db, name);
  const indexes = rowsOf<{ name: string; unique: number; origin: string; partial: number }>(
    db,
    `PRAGMA main.index_list(${quote(name)})`,
  );
  const inKey = columns.filter(({ keyPosition }) => keyPosition > 0).sort((a, b) => a.keyPosition - b.keyPosition);
  const [only] = inKey;
  const isRowid =
    wr === 0 && inKey.length === 1 && fold(only?.type ?? "") === "integer" && !indexes.some((i) => i.origin === "pk");
  const unique = indexes
    .filter((index) => index.unique === 1 && index.partial === 0)
    // SQLite lists the newest first.
    .reverse()
    .flatMap((index) => readKey(db, index) ?? []);
  const rowidKey: Key[] = isRowid && only ? [{ columns: [only.name], collations: ["BINARY"], primary: true }] : [];
  const taken = new Set(columns.map((column) => fold(column.name)));
  const rowidName = ["rowid", "_rowid_", "oid"].find((each) => !taken.has(each)) ?? null;
  return {
    name,
    columns,
    keys: [...rowidKey, ...unique.sort((a, b) => Number(b.primary) - Number(a.primary))],
    foreignKeys: readForeignKeys(db, name),
    rowidColumn: isRowid && only ? only.name : null,
    rowidName: wr === 0 ? rowidName : null,
    autoincrement: isRowid && /\bAUTOINCREMENT\b/i.test(sql),
    strict: strict === 1,
    hasConflictClause: /\bON\s+CONFLICT\b/i.test(sql),
    sql,
  };
}

function readColumns(db: Connection, table: string): Column[] {
  return rowsOf<{
    name: string;
    type: string;
    notnull: number;
    dflt_value: string | null;
    pk: number;
    hidden: number;
  }>(db, `PRAGMA main.table_xinfo(${quote(table)})`)
    .filter(({ hidden }) => hidden !== 1)
    .map((row) => ({
      name: row.name,
      type: row.type,
      notNull: row.notnull === 1,
      default: row.dflt_value,
      generated: row.hidden !== 0,
      keyPosition: row.pk,
    }));
}

/** Null for an index on expressions, whose values no column holds. */
function readKey(db: Connection, { name, origin }: { name: string; origin: string }): Key | null {
  const parts = rowsOf<{ name: string | null; coll: string; key: number }>(
    db,
    `PRAGMA main.index_xinfo(${quote(name)})`,
  ).filter(({ key }) => key === 1);
  const columns = parts.flatMap((part) => part.name ?? []);
  if (columns.length < parts.length) return null;
  return { columns, collations: parts.map(({ coll }) => coll.toUpperCase()), primary: origin === "pk" };
}

function readForeignKeys(db: Connection, table: string): ForeignKey[] {
  const rows = rowsOf<{ id: number; seq: number; table: string; from: string; to: string | null }>(
    db,
    `PRAGMA main.foreign_key_list(${quote(table)})`,
  ).sort((a, b) => a.id - b.id || a.seq - b.seq);
  const byId = Map.groupBy(rows, ({ id }) => id);
  return [...byId].map(([id, parts]) => {
    const to = parts.flatMap((part) => part.to ?? []);
    return {
      id,
      columns: parts.map(({ from }) => from),
      parent: parts[0]?.table ?? "",
      parentColumns: to.length === parts.length ? to : null,
    };
  });
}

/** Whatever the application's opener set as the default for integers. */
export function rowsOf<Row>(db: Connection, sql: string): Row[] {
  return db.prepare(sql).safeIntegers(false).all() as Row[];
}

export function countRows(db: Connection, { name }: Table): number {
  return rowsOf<{ n: number }>(db, `SELECT count(*) AS n FROM main.${quote(name)}`)[0]?.n ?? 0;
}
