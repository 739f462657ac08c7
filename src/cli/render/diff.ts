/** What differs between two databases. Each side is called by its name: nobody has to know which is the left one. */
import type { ComparedFile, DiffReport } from "../../operations/diff.ts";
import type { RowDifference } from "../../recovery/diff.ts";
import type { Standing, TableDifference } from "../../recovery/diff-schema.ts";
import { clean, type Entry, layOut, localTimes, paint, wrap } from "./page.ts";
import { describeRow, describeValue, rows } from "./values.ts";

interface Names {
  readonly left: string;
  readonly right: string;
}

export function renderDiff(report: DiffReport): string {
  const { equal, left, right, schema, tables, tablesOnlyLeft, tablesOnlyRight, leftOut, warnings } = clean(report);
  const names = { left: nameOf(left), right: nameOf(right) };
  const verdict = equal ? `have ${paint("green", "the same content")}` : paint("bold", "differ");
  const entries: Entry[] = [
    ...[left, right].map((file) => ({ label: nameOf(file), lines: [file.path] })),
    ...schema.tables
      .filter(({ standing }) => standing === "different")
      .map((table) => ({ label: "schema", lines: describeTable(table, names) })),
    ...schema.others.map(({ type, name, standing }) => ({
      label: "schema",
      lines: [`${type} ${name}: ${where(standing, names)}`],
    })),
    ...tablesOnlyRight.map(onlyIn(names.right)),
    ...tablesOnlyLeft.map(onlyIn(names.left)),
    ...tables.map((table) => ({ label: table.table, lines: describeRows(table, names) })),
    ...leftOut.map(({ table, reason }) => ({ label: table, lines: wrap(`not compared: ${reason}`) })),
    ...warnings.map((warning) => ({ label: "warning", format: "yellow" as const, lines: wrap(localTimes(warning)) })),
  ];
  return `${names.left} and ${names.right} ${verdict}\n\n${layOut(entries)}`;
}

function nameOf({ id }: ComparedFile): string {
  return id ?? "the database";
}

function onlyIn(name: string): (table: { table: string; rows: number }) => Entry {
  return ({ table, rows: count }) => ({ label: table, lines: [`the table is in ${name} only, with ${rows(count)}`] });
}

function where(standing: Standing, { left, right }: Names): string {
  if (standing === "different") return `another one in ${right} than in ${left}`;
  return `in ${standing === "only-left" ? left : right} only`;
}

function describeTable({ table, columns }: TableDifference, names: Names): string[] {
  if (columns.length === 0) return [`table ${table}: ${where("different", names)}`];
  return columns.map(({ column, standing, left, right }) => {
    const both = `${right || "no type"} in ${names.right}, ${left || "no type"} in ${names.left}`;
    return `column ${column} of ${table}: ${standing === "different" ? both : where(standing, names)}`;
  });
}

function describeRows(table: RowDifference, { left, right }: Names): string[] {
  const { same, added, removed, changed, samples } = table;
  const counts = [
    added > 0 ? `${rows(added)} only in ${right}` : "",
    removed > 0 ? `${rows(removed)} only in ${left}` : "",
    changed > 0 ? `${rows(changed)} with other values` : "",
  ].filter(Boolean);
  if (counts.length === 0) return [paint("dim", `${rows(same)}, the same in both`)];
  return [
    [...counts, `${rows(same)} the same`].join(", "),
    ...[
      ...samples.added.map((row) => `only in ${right}: ${describeRow(row)}`),
      ...samples.removed.map((row) => `only in ${left}: ${describeRow(row)}`),
      ...samples.changed.map(({ key, columns }) => {
        const values = columns.map(
          (each) =>
            `${each.column} is ${describeValue(each.right)} in ${right}, ${describeValue(each.left)} in ${left}`,
        );
        return `${describeRow(key)}: ${values.join("; ")}`;
      }),
    ].map((line) => paint("dim", line)),
  ];
}
