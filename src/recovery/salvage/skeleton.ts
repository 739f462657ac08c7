/**
 * The schema without rows, in memory: shows which of its statements SQLite takes, and what the records of each table
 * and index look like. The file's own statements come first; a donor's stand in for those that are gone or broken.
 */
import { type Connection, distrust, type Engine } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { tokensOf } from "../../database/statements.ts";
import { messageOf } from "../../errors.ts";
import { fold, rowsOf } from "../tables.ts";
import { type KeyPart, keyColumnsOf } from "./key-order.ts";
import type { Entry, FoundSchema } from "./schema.ts";
import { type Shape, shapeOf } from "./shape.ts";

/** What could not be made anew. */
export interface NotRebuilt {
  readonly type: string;
  readonly name: string;
  readonly reason: string;
}

export interface IndexKey extends KeyPart {
  /** Its place among the fields of the table. */
  readonly place: number;
}

export interface KnownIndex {
  readonly entry: Entry;
  /** How many values its records have. */
  readonly fields: number;
  /** What it is ordered by, before the rowid; null where that is no column, or its order only the application knows. */
  readonly keys: readonly IndexKey[] | null;
  /** The last of them is a rowid. */
  readonly endsInRowid: boolean;
  /** It has only some of the table's rows: https://sqlite.org/partialindex.html. */
  readonly partial: boolean;
}

export interface Skeleton {
  /** Ordinary tables, in the order in which they were made. */
  readonly tables: readonly { readonly entry: Entry; readonly shape: Shape }[];
  readonly virtualTables: readonly Entry[];
  readonly indexes: readonly KnownIndex[];
  /** Indexes with a statement of their own, then views and triggers: made when the rows are there. */
  readonly later: readonly Entry[];
  readonly notRebuilt: readonly NotRebuilt[];
}

const STATISTICS = /^sqlite_stat[14]$/i;

export function buildSkeleton(engine: Engine, file: FoundSchema, donor: FoundSchema | null): Skeleton {
  const db = distrust(engine.openPlain(":memory:"));
  try {
    return build(db, candidates(file, donor));
  } finally {
    db.close();
  }
}

/** For each name, the file's entry and then the donor's; a donor adds names only where the file's schema is damaged. */
function candidates(file: FoundSchema, donor: FoundSchema | null): Entry[][] {
  const byName = new Map<string, Entry[]>();
  for (const entry of [...file.entries, ...(donor?.entries ?? [])]) {
    const key = `${entry.type} ${fold(entry.name)}`;
    const known = byName.get(key);
    if (known) known.push(entry);
    else if (entry.from === "file" || !file.whole) byName.set(key, [entry]);
  }
  return [...byName.values()];
}

function build(db: Connection, all: readonly Entry[][]): Skeleton {
  const notRebuilt: NotRebuilt[] = [];
  const virtual = (entry: Entry) => /^CREATE\s+VIRTUAL\s/i.test(entry.sql ?? "");
  const make = (entries: readonly Entry[]): Entry[] => {
    let reason = "";
    for (const entry of entries) {
      try {
        createEntry(db, entry);
        return [entry];
      } catch (error) {
        reason ||= messageOf(error);
      }
    }
    const [{ type, name }] = entries as [Entry];
    notRebuilt.push({ type, name, reason });
    return [];
  };
  const ofType = (type: Entry["type"]) => all.filter(([entry]) => entry?.type === type);
  const tables = ofType("table").filter(([entry]) => entry && !virtual(entry));
  const made = tables.flatMap(make).map((entry) => ({ entry, shape: shapeOf(db, entry.name) }));
  const indexes = ofType("index");
  const explicit = indexes.filter(([entry]) => entry?.sql !== null).flatMap(make);
  const implicit = indexes.flatMap(([entry]) => (entry && entry.sql === null && hasIndex(db, entry) ? [entry] : []));
  const partial = new Set(made.flatMap(({ entry }) => partialIndexesOf(db, entry.name)));
  return {
    tables: made,
    virtualTables: ofType("table").flatMap(([entry]) => (entry && virtual(entry) ? [entry] : [])),
    indexes: [...explicit, ...implicit].map((entry) => {
      const shape = made.find((table) => fold(table.shape.table) === fold(entry.table))?.shape;
      return {
        entry,
        fields: fieldsOf(db, entry),
        keys: shape ? keysOf(db, entry, shape) : null,
        partial: partial.has(fold(entry.name)),
        endsInRowid: shape?.keyFields === null,
      };
    }),
    // A trigger may be on a view, or on a virtual table, which is not there yet.
    later: [...explicit, ...[...ofType("view"), ...ofType("trigger")].flatMap(([entry]) => entry ?? [])],
    notRebuilt,
  };
}

/** @throws where SQLite does not take the statement, or it makes something else than its entry says */
export function createEntry(db: Connection, { type, name, sql }: Entry): void {
  if (/^sqlite_/i.test(name)) {
    // The first is made with the tables that need it.
    if (fold(name) === "sqlite_sequence") return;
    if (!STATISTICS.test(name)) throw new Error("SQLite alone makes it");
    db.exec("ANALYZE main.sqlite_schema");
    return;
  }
  const words = [...firstTokens(sql ?? "")].map((word) => word.toUpperCase()).join(" ");
  if (!new RegExp(`^CREATE (UNIQUE )?${type.toUpperCase()}\\b`).test(words)) {
    throw new Error("its statement makes something else");
  }
  db.exec("SAVEPOINT _holdfast_entry");
  try {
    // Refuses more than one statement.
    db.prepare(sql ?? "").run();
    const made = db
      .prepare("SELECT 1 FROM main.sqlite_schema WHERE type = ? AND lower(name) = lower(?)")
      .get(type, name);
    if (!made) throw new Error("its statement makes something of another name");
    db.exec("RELEASE _holdfast_entry");
  } catch (error) {
    db.exec("ROLLBACK TO _holdfast_entry; RELEASE _holdfast_entry");
    throw error;
  }
}

export function isUniqueIndex({ type, sql }: Entry): boolean {
  return type === "index" && [...firstTokens(sql ?? "")][1]?.toUpperCase() === "UNIQUE";
}

function* firstTokens(sql: string): Generator<string> {
  let left = 3;
  for (const token of tokensOf(sql)) {
    if (left-- === 0) return;
    yield token;
  }
}

function partialIndexesOf(db: Connection, table: string): string[] {
  const indexes = rowsOf<{ name: string; partial: number }>(db, `PRAGMA main.index_list(${quote(table)})`);
  return indexes.filter(({ partial }) => partial === 1).map(({ name }) => fold(name));
}

function hasIndex(db: Connection, { name }: Entry): boolean {
  return fieldsOf(db, { name }) > 0;
}

function keysOf(db: Connection, { name }: Entry, { fields }: Shape): IndexKey[] | null {
  const keys = keyColumnsOf(db, name)?.map(({ name: column, ...part }) => ({
    ...part,
    place: fields.findIndex((field) => field.column === column),
  }));
  return keys?.every(({ place }) => place >= 0) ? keys : null;
}

function fieldsOf(db: Connection, { name }: Pick<Entry, "name">): number {
  return rowsOf(db, `PRAGMA main.index_xinfo(${quote(name)})`).length;
}
