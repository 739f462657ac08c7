import type { Column, Table } from "./tables.ts";

/** The column's type affinity: https://sqlite.org/datatype3.html#determination_of_column_affinity. */
export function affinityOf(table: Pick<Table, "strict">, { type }: Pick<Column, "type">): string {
  const name = type.toUpperCase();
  // In a STRICT table, ANY keeps what it is given; elsewhere it is a name as any other.
  if (name === "ANY" && table.strict) return "BLOB";
  if (name.includes("INT")) return "INTEGER";
  if (/CHAR|CLOB|TEXT/.test(name)) return "TEXT";
  if (name === "" || name.includes("BLOB")) return "BLOB";
  if (/REAL|FLOA|DOUB/.test(name)) return "REAL";
  return "NUMERIC";
}
