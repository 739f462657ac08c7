/** What differs between two databases apart from their rows. */
import type { Connection } from "../database/open.ts";
import { columnOf, type Pairing } from "./pairing.ts";
import { type Column, fold, isInternal, rowsOf, type Table } from "./tables.ts";

export type Standing = "only-left" | "only-right" | "different";

/** An index, a trigger, a view or a virtual table. */
export interface ObjectDifference {
  readonly type: "index" | "trigger" | "view" | "virtual table";
  readonly name: string;
  readonly standing: Standing;
}

export interface ColumnDifference {
  readonly column: string;
  readonly standing: Standing;
  /** How each side declares it, as in `TEXT NOT NULL DEFAULT ''`; null where it does not. */
  readonly left: string | null;
  readonly right: string | null;
}

export interface TableDifference {
  readonly table: string;
  readonly standing: Standing;
  /** Empty where the table is on one side only, or differs in something else: its constraints, its collations. */
  readonly columns: readonly ColumnDifference[];
}

export interface SchemaDifference {
  readonly tables: readonly TableDifference[];
  readonly others: readonly ObjectDifference[];
}

export function diffSchema(
  left: Connection,
  right: Connection,
  pairings: readonly Pairing[],
  onlyLeft: readonly Table[],
  onlyRight: readonly Table[],
): SchemaDifference {
  const alone = (standing: Standing) => (table: Table) => ({ table: table.name, standing, columns: [] });
  return {
    tables: [
      ...onlyLeft.map(alone("only-left")),
      ...onlyRight.map(alone("only-right")),
      ...pairings.flatMap(diffTable),
    ],
    others: diffOthers(left, right),
  };
}

function diffTable({ left, right }: Pairing): TableDifference[] {
  const columns: ColumnDifference[] = [];
  for (const column of left.columns) {
    const other = columnOf(right, column.name);
    const declared = { left: declarationOf(column), right: other ? declarationOf(other) : null };
    if (declared.left === declared.right) continue;
    columns.push({ column: column.name, standing: other ? "different" : "only-left", ...declared });
  }
  for (const column of right.columns) {
    if (columnOf(left, column.name)) continue;
    columns.push({ column: column.name, standing: "only-right", left: null, right: declarationOf(column) });
  }
  if (columns.length === 0 && normalised(left.sql) === normalised(right.sql)) return [];
  return [{ table: left.name, standing: "different", columns }];
}

function declarationOf(column: Column): string {
  return [
    column.type.toUpperCase(),
    column.keyPosition > 0 ? `PRIMARY KEY (${column.keyPosition})` : "",
    column.notNull ? "NOT NULL" : "",
    column.default === null ? "" : `DEFAULT ${column.default}`,
    column.generated ? "GENERATED" : "",
  ]
    .filter(Boolean)
    .join(" ");
}

interface SchemaObject {
  readonly type: ObjectDifference["type"];
  readonly name: string;
  readonly sql: string;
}

function diffOthers(left: Connection, right: Connection): ObjectDifference[] {
  const mine = objectsOf(left);
  const theirs = objectsOf(right);
  const found: ObjectDifference[] = [];
  for (const [id, { type, name, sql }] of mine) {
    const other = theirs.get(id);
    if (!other) found.push({ type, name, standing: "only-left" });
    else if (normalised(sql) !== normalised(other.sql)) found.push({ type, name, standing: "different" });
  }
  for (const [id, { type, name }] of theirs) if (!mine.has(id)) found.push({ type, name, standing: "only-right" });
  return found;
}

/** Indexes that a constraint makes have no SQL of their own: the table's differs with them. */
function objectsOf(db: Connection): Map<string, SchemaObject> {
  const rows = rowsOf<SchemaObject>(
    db,
    `SELECT CASE type WHEN 'table' THEN 'virtual table' ELSE type END AS type, name, sql FROM main.sqlite_schema
     WHERE sql IS NOT NULL AND (type <> 'table' OR sql LIKE 'CREATE VIRTUAL TABLE%') ORDER BY type, name`,
  );
  return new Map(
    rows.filter(({ name }) => !isInternal(name)).map((object) => [`${object.type} ${fold(object.name)}`, object]),
  );
}

/** Line breaks and indentation say nothing. */
function normalised(sql: string): string {
  return sql.replace(/\s+/g, " ").trim();
}
