/**
 * Whether each merged row has the parents that its foreign keys name.
 *
 * SQLite's own enforcement is off during a merge: its actions (ON UPDATE CASCADE, SET NULL) would change rows that
 * the report does not name, and `foreign_key_check` reads all rows twice. Instead each row that is written is looked
 * at: where the parent's table is complete, a missing parent refuses the row; where the parent may still come (a
 * table that refers to itself, a circle), and where a value that rows may refer to goes away, the values are noted
 * and looked at again in the end. Only where child and parent are of different types, so that values are converted
 * before they are compared, SQLite has to check the whole table.
 */
import { deserialize, serialize } from "node:v8";
import type { Connection } from "../database/open.ts";
import { quote } from "../database/quote.ts";
import { affinityOf } from "./affinity.ts";
import { type Broken, brokenReferences } from "./broken-references.ts";
import { columnOf } from "./pairing.ts";
import { equal, Query, type Statement } from "./query.ts";
import type { Scratch } from "./scratch.ts";
import { type ForeignKey, fold, type Table } from "./tables.ts";
import { RawText, type Row, type ShownValue, sameValue, shown, type Value } from "./values.ts";

/** Rows that would be left without their parent. */
export interface Violation {
  readonly table: string;
  readonly columns: readonly string[];
  readonly values: readonly ShownValue[];
  readonly parent: string;
  readonly rows: number;
}

export interface Reference {
  readonly id: number;
  /** In its own table. */
  readonly foreignKey: number;
  /** The columns of both are of the same types. */
  readonly alike: boolean;
  readonly child: Table;
  readonly columns: readonly string[];
  readonly parent: Table;
  readonly parentColumns: readonly string[];
  readonly hasParent: Query;
  readonly children: Query;
}

/** The value of a column in the row that is being written. */
export type ValueOf = (column: string) => Value;

export class References {
  readonly #all: readonly Reference[];
  readonly #byChild: ReadonlyMap<Table, readonly Reference[]>;
  readonly #byParent: ReadonlyMap<Table, readonly Reference[]>;
  readonly #scratch: Scratch;
  readonly #note: Statement;
  readonly #db: Connection;
  /** What was broken before the merge, of those that only SQLite can check. */
  readonly #before: ReadonlyMap<Reference, ReadonlyMap<string, Broken> | null>;
  /** Tables of which no more rows will come. */
  readonly #complete: Set<string>;

  constructor(db: Connection, scratch: Scratch, tables: ReadonlyMap<string, Table>, merged: readonly Table[]) {
    this.#all = resolve(db, tables);
    this.#byChild = Map.groupBy(this.#all, ({ child }) => child);
    this.#byParent = Map.groupBy(this.#all, ({ parent }) => parent);
    this.#complete = new Set([...tables.keys()]);
    for (const { name } of merged) this.#complete.delete(fold(name));
    this.#db = db;
    const written = new Set(merged);
    const unalike = this.#all.filter((each) => !each.alike && (written.has(each.child) || written.has(each.parent)));
    this.#before = new Map(unalike.map((each) => [each, this.#broken(each)]));
    this.#scratch = scratch;
    scratch.db.exec(
      "CREATE TABLE doubtful (reference INTEGER, vals BLOB, PRIMARY KEY (reference, vals)) WITHOUT ROWID",
    );
    this.#note = scratch.db.prepare<unknown[], Value[]>("INSERT OR IGNORE INTO doubtful VALUES (?, ?)");
  }

  complete(table: Table): void {
    this.#complete.add(fold(table.name));
  }

  of(child: Table): readonly Reference[] {
    return this.#byChild.get(child) ?? [];
  }

  to(parent: Table): readonly Reference[] {
    return this.#byParent.get(parent) ?? [];
  }

  /**
   * Looks for the parents of a row that is to be written.
   *
   * @param was the row that is replaced; references that stay the same are not looked at
   * @returns the first reference whose parent is missing for good; `note` notes those that may still come
   */
  missing(child: Table, is: ValueOf, was?: ValueOf): { lost: Reference | null; note: () => void } {
    const doubtful: [Reference, Value[]][] = [];
    for (const reference of this.of(child)) {
      const values = reference.columns.map(is);
      if (values.includes(null)) continue;
      if (was && reference.columns.every((name, at) => sameValue(values[at] ?? null, was(name)))) continue;
      if (reference.hasParent.has(values)) continue;
      if (this.#complete.has(fold(reference.parent.name))) return { lost: reference, note: () => {} };
      doubtful.push([reference, values]);
    }
    const note = () => {
      for (const [reference, values] of doubtful) this.#doubt(reference, values);
    };
    return { lost: null, note };
  }

  /** Notes what rows may refer to that a replaced row no longer has. */
  vacated(parent: Table, was: ValueOf, is: ValueOf): void {
    for (const reference of this.to(parent)) {
      const values = reference.parentColumns.map(was);
      if (values.includes(null)) continue;
      if (!reference.parentColumns.every((name, at) => sameValue(values[at] ?? null, is(name)))) {
        this.#doubt(reference, values);
      }
    }
  }

  #doubt(reference: Reference, values: Row): void {
    const plain = values.map((value) => (value instanceof RawText ? { raw: value.bytes } : value));
    this.#note.run(reference.id, serialize(plain));
  }

  #broken({ child, columns, foreignKey }: Reference): Map<string, Broken> | null {
    return brokenReferences(this.#db, child, columns, foreignKey);
  }

  /** What is without its parent when all rows are written, and was not before. */
  *violations(): Generator<Violation> {
    yield* this.#stillNoted();
    for (const [reference, before] of this.#before) {
      if (before === null) continue;
      for (const [digest, { values, rows }] of this.#broken(reference) ?? []) {
        const more = rows - (before.get(digest)?.rows ?? 0);
        if (more > 0) yield violation(reference, values, more);
      }
    }
  }

  *#stillNoted(): Generator<Violation> {
    const noted = this.#scratch.db.prepare("SELECT reference, vals FROM doubtful").raw(true);
    for (const [id, bytes] of noted.iterate() as IterableIterator<[number, Buffer]>) {
      const reference = this.#all[id];
      if (!reference?.alike) continue;
      const values = (deserialize(bytes) as (Value | { raw: Buffer })[]).map((value) =>
        value !== null && typeof value === "object" && "raw" in value ? new RawText(value.raw) : value,
      );
      if (reference.hasParent.has(values)) continue;
      const rows = Number(reference.children.get(values)?.[0] ?? 0);
      if (rows === 0) continue;
      yield violation(reference, values, rows);
    }
  }
}

function violation({ child, columns, parent }: Reference, values: Row, rows: number): Violation {
  return { table: child.name, columns, values: values.map(shown), parent: parent.name, rows };
}

/** Those that SQLite itself can enforce: https://sqlite.org/foreignkeys.html#fk_indexes. */
function resolve(db: Connection, tables: ReadonlyMap<string, Table>): Reference[] {
  const found: Reference[] = [];
  for (const child of tables.values()) {
    for (const foreignKey of child.foreignKeys) {
      const parent = tables.get(fold(foreignKey.parent));
      const to = parent && columnsReferredTo(foreignKey, parent);
      if (!parent || !to) continue;
      const { columns, id } = foreignKey;
      const { parentColumns, collations } = to;
      found.push({
        id: found.length,
        foreignKey: id,
        alike: columns.every((name, at) => affinityAt(child, name) === affinityAt(parent, parentColumns[at] ?? "")),
        child,
        columns,
        parent,
        parentColumns,
        hasParent: new Query(
          db,
          (place) => `SELECT 1 FROM main.${quote(parent.name)} WHERE ${equal(parentColumns.map(quote), place)}`,
        ),
        children: new Query(db, (place) => {
          const compared = (at: number) => `${place(at)} COLLATE ${quote(collations[at] ?? "BINARY")}`;
          return `SELECT count(*) FROM main.${quote(child.name)} WHERE ${equal(columns.map(quote), compared)}`;
        }),
      });
    }
  }
  return found;
}

/** With the collations by which the parent compares them. */
function columnsReferredTo({ columns, parentColumns }: ForeignKey, parent: Table) {
  const named = parentColumns ?? parent.keys.find(({ primary }) => primary)?.columns ?? [];
  const id = (names: readonly string[]) => JSON.stringify(names.map(fold).sort());
  const key = parent.keys.find((each) => id(each.columns) === id(named));
  if (!key || named.length !== columns.length) return null;
  const collationOf = new Map(key.columns.map((name, at) => [fold(name), key.collations[at] ?? "BINARY"]));
  return { parentColumns: named, collations: named.map((name) => collationOf.get(fold(name)) ?? "BINARY") };
}

function affinityAt(table: Table, name: string): string | null {
  const column = columnOf(table, name);
  return column ? affinityOf(table, column) : null;
}

/** The value that a column takes when none is given. */
export function defaultOf(db: Connection, table: Table, name: string): Value {
  const sql = columnOf(table, name)?.default;
  if (sql === null || sql === undefined) return null;
  return db.prepare(`SELECT (${sql})`).pluck(true).safeIntegers(true).get() as Value;
}
