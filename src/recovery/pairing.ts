/** How two tables of the same name match: by which columns their rows are the same row, and what is compared. */
import type { Connection } from "../database/open.ts";
import { affinityOf } from "./affinity.ts";
import { type Column, fold, type Key, rowsOf, type Table } from "./tables.ts";

export interface CommonColumn {
  readonly left: Column;
  readonly right: Column;
  /** False where the same value is stored as another type: a text as a number, for instance. */
  readonly sameAffinity: boolean;
}

export interface RowKey {
  /** Places in `columns`. */
  readonly places: readonly number[];
  /** Rows with a NULL in the key are in no way unique (https://sqlite.org/lang_createtable.html#the_primary_key). */
  readonly mayBeNull: boolean;
  /** Two keys that differ in one of the tables differ in the other too. */
  readonly oneToOne: boolean;
}

export interface Pairing {
  readonly left: Table;
  readonly right: Table;
  /** Those that both have and that can be written, in the left table's order. */
  readonly columns: readonly CommonColumn[];
  /** Null: no key that both have; then rows can only be counted. */
  readonly key: RowKey | null;
}

export function pairTables(left: Table, right: Table, sameEncoding: boolean): Pairing {
  const others = new Map(right.columns.map((column) => [fold(column.name), column]));
  const columns = left.columns.flatMap((column) => {
    const other = others.get(fold(column.name));
    if (!other || column.generated || other.generated) return [];
    const sameAffinity = affinityOf(left, column) === affinityOf(right, other);
    return [{ left: column, right: other, sameAffinity }];
  });
  return { left, right, columns, key: chooseKey(left, right, columns, sameEncoding) };
}

function chooseKey(left: Table, right: Table, columns: readonly CommonColumn[], sameEncoding: boolean): RowKey | null {
  const placeOf = new Map(columns.map((column, place) => [fold(column.left.name), place]));
  for (const key of left.keys) {
    const other = right.keys.find((each) => idOf(each) === idOf(key));
    const places = key.columns.flatMap((name) => placeOf.get(fold(name)) ?? []);
    if (!other || places.length < key.columns.length) continue;
    const mayBeNull = !neverNull(left, key) || !neverNull(right, other);
    if (mayBeNull && !key.primary) continue;
    const oneToOne =
      sameEncoding &&
      collationsOf(key) === collationsOf(other) &&
      places.every((place) => columns[place]?.sameAffinity === true);
    return { places, mayBeNull, oneToOne };
  }
  return null;
}

/** The same for the same columns, in whatever order. */
function idOf(key: Key): string {
  return JSON.stringify(key.columns.map(fold).sort());
}

function collationsOf(key: Key): string {
  return JSON.stringify(key.columns.map((name, place) => [fold(name), key.collations[place]]).sort());
}

function neverNull(table: Table, key: Key): boolean {
  const isRowid = key.columns.length === 1 && key.columns[0] === table.rowidColumn;
  // Without a rowid the columns of the primary key are NOT NULL, and the pragma says so.
  return isRowid || key.columns.every((name) => columnOf(table, name)?.notNull === true);
}

export function columnOf(table: Table, name: string): Column | undefined {
  return table.columns.find((column) => fold(column.name) === fold(name));
}

/** How text is stored, as in UTF-8. */
export function encodingOf(db: Connection): string {
  return rowsOf<{ encoding: string }>(db, "PRAGMA encoding")[0]?.encoding ?? "";
}
