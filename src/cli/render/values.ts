/** Values of rows as a person reads them. */
import type { ShownValue } from "../../recovery/values.ts";
import { size } from "./page.ts";

export function describeValue(value: ShownValue): string {
  if (value === null) return "NULL";
  if (typeof value === "object") return `a BLOB of ${size(value.bytes)}`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** `id 3, title "Emma"` */
export function describeRow(row: Readonly<Record<string, ShownValue>>): string {
  return Object.entries(row)
    .map(([column, value]) => `${column} ${describeValue(value)}`)
    .join(", ");
}

export function rows(count: number): string {
  return `${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}`;
}
