/**
 * What the records of a table look like: https://sqlite.org/fileformat2.html#representation_of_sql_tables. A record
 * that its table could never have stored is damaged, or another table's.
 */
import type { Connection } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { affinityOf } from "../affinity.ts";
import { fold, rowsOf } from "../tables.ts";

export interface Field {
  readonly column: string;
  /** As {@link affinityOf} says. */
  readonly affinity: string;
  /** In capitals. */
  readonly declared: string;
  readonly strict: boolean;
  readonly notNull: boolean;
  /** The record has NULL in its place. */
  readonly isRowid: boolean;
  /** Computed, and stored all the same: never written. */
  readonly generated: boolean;
}

export interface Shape {
  readonly table: string;
  /** In the order of the record. */
  readonly fields: readonly Field[];
  /** Fields whose integers may be numbers, see RecordReader. */
  readonly plain: readonly boolean[];
  /** No record has fewer fields; of columns that were added later, a record that is older has none. */
  readonly least: number;
  /** How many fields of a table WITHOUT ROWID are its key; null for a table with rowids. */
  readonly keyFields: number | null;
  /** The name to write a rowid by where no column is it; null where there is none. */
  readonly rowidName: string | null;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  readonly pk: number;
  readonly hidden: number;
}

/** @param db a database that has the table; its rows are not looked at */
export function shapeOf(db: Connection, table: string): Shape {
  const columns = rowsOf<ColumnRow>(db, `PRAGMA main.table_xinfo(${quote(table)})`);
  const listed = rowsOf<{ wr: number; strict: number }>(db, `PRAGMA main.table_list(${quote(table)})`)[0];
  const indexes = rowsOf<{ name: string; origin: string }>(db, `PRAGMA main.index_list(${quote(table)})`);
  const withoutRowid = listed?.wr === 1;
  const strict = listed?.strict === 1;
  const keyed = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  const [only] = keyed;
  const hasKeyIndex = indexes.some(({ origin }) => origin === "pk");
  const rowid =
    !withoutRowid && keyed.length === 1 && fold(only?.type ?? "") === "integer" && !hasKeyIndex ? only : null;
  // Those that are computed when they are read are in no record.
  const stored = columns.filter(({ hidden }) => hidden !== 2);
  const ordered = withoutRowid ? [...keyed, ...stored.filter(({ pk }) => pk === 0)] : stored;
  const unique = new Set(indexes.filter(({ origin }) => origin === "u").flatMap(({ name }) => columnsOf(db, name)));
  const isOriginal = ({ name, pk, notnull, dflt_value, hidden }: ColumnRow) =>
    pk > 0 || hidden === 3 || unique.has(name) || (notnull === 1 && dflt_value === null);
  const fields = ordered.map(
    (column): Field => ({
      column: column.name,
      affinity: affinityOf({ strict }, column),
      declared: column.type.toUpperCase(),
      strict,
      notNull: column.notnull === 1 && column !== rowid,
      isRowid: column === rowid,
      generated: column.hidden === 3,
    }),
  );
  const taken = new Set(columns.map(({ name }) => fold(name)));
  return {
    table,
    fields,
    plain: fields.map(({ affinity }) => ["INTEGER", "REAL", "NUMERIC"].includes(affinity)),
    least: 1 + ordered.findLastIndex(isOriginal),
    keyFields: withoutRowid ? keyed.length : null,
    rowidName: rowid || withoutRowid ? null : (["rowid", "_rowid_", "oid"].find((name) => !taken.has(name)) ?? null),
  };
}

function columnsOf(db: Connection, index: string): string[] {
  return rowsOf<{ name: string | null }>(db, `PRAGMA main.index_info(${quote(index)})`).flatMap(
    ({ name }) => name ?? [],
  );
}

/** Why these serial types cannot be a record of the table; null where they can. */
export function misfitOf({ fields, least }: Shape, types: readonly number[], count: number): string | null {
  if (count > fields.length || count < least) return `it has ${count} values, and the table ${fields.length} columns`;
  for (let n = 0; n < count; n++) {
    const field = fields[n] as Field;
    if (!mayHold(field, types[n] as number)) return `the column ${field.column} cannot hold such a value`;
  }
  return null;
}

function mayHold({ isRowid, notNull, strict, declared, affinity }: Field, type: number): boolean {
  if (type === 0) return isRowid || !notNull;
  if (isRowid) return false;
  const isText = type > 12 && type % 2 === 1;
  const isNumber = type < 12;
  // An integer that takes eight bytes is stored as the REAL that it is.
  if (affinity === "REAL" && type === 6) return false;
  if (!strict) return affinity !== "TEXT" || !isNumber;
  switch (declared) {
    case "TEXT":
      return isText;
    case "BLOB":
      return !isText && !isNumber;
    case "REAL":
      return isNumber;
    case "ANY":
      return true;
    default:
      return isNumber && type !== 7;
  }
}

/** How many of the values are what their columns are declared for, from 0 to 1. */
export function likeness({ fields }: Shape, types: readonly number[], count: number): number {
  let like = 0;
  for (let n = 0; n < count; n++) if (isUsual(fields[n] as Field, types[n] as number)) like++;
  return count === 0 ? 0 : like / count;
}

function isUsual({ affinity, declared, isRowid }: Field, type: number): boolean {
  if (type === 0 || isRowid) return true;
  const isBlob = type >= 12 && type % 2 === 0;
  const isText = type > 12 && !isBlob;
  if (affinity === "INTEGER") return type < 12 && type !== 7;
  if (affinity === "REAL") return type < 12;
  if (affinity === "TEXT") return isText;
  // Dates and the like are declared with names of their own, and are text as often as numbers.
  if (affinity === "NUMERIC") return !isBlob;
  return declared === "BLOB" ? isBlob : true;
}
