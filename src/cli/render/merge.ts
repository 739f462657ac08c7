/** What a merge comes to, or came to: beside the changes, what was in conflict and what did not fit. */
import type { Refusal } from "../../errors.ts";
import type { MergeReport } from "../../operations/merge.ts";
import type { ChangeReport } from "../../operations/operation.ts";
import type { Conflict, Listed } from "../../recovery/findings.ts";
import type { MergeReport as Merged } from "../../recovery/merge.ts";
import { renderChange } from "./change.ts";
import { clean, type Entry, layOut, paint, wrap } from "./page.ts";
import { describeRow, describeValue, rows } from "./values.ts";

export function renderMerge(report: ChangeReport | MergeReport): string {
  return renderChange(report) + ("merge" in report ? renderFindings(report.merge) : "");
}

/** The rows that are in the way. */
export function explainConflict({ code, details }: Refusal): string {
  const report = details?.report as Merged | undefined;
  return code === "MERGE_CONFLICT" && report ? `${renderFindings(report)}\n` : "";
}

const RESOLUTIONS: Readonly<Record<Conflict["resolution"], string>> = {
  none: "conflict",
  "kept-current": "not changed",
  "took-incoming": "changed",
};

function renderFindings(merged: Merged): string {
  const { tables, conflicts, refused, violations, leftOut, suspendedTriggers } = clean(merged);
  const narrower = tables.filter(({ columnsNotMerged }) => columnsNotMerged.length > 0);
  return layOut([
    ...listed(conflicts, (conflict) => ({ label: RESOLUTIONS[conflict.resolution], lines: describe(conflict) })),
    ...listed(violations, ({ table, columns, values, parent, rows: count }) => ({
      label: "conflict",
      lines: [
        `${rows(count)} of ${table} would refer to a row of ${parent} that is not there: ${describeRow(
          Object.fromEntries(columns.map((column, at) => [column, values[at] ?? null])),
        )}`,
      ],
    })),
    ...listed(refused, ({ table, key, reason }) => ({
      label: "not taken",
      lines: [`${table}${key === null ? "" : `, ${describeRow(key)}`}: ${reason}`],
    })),
    ...narrower.map(({ table, columnsNotMerged }) => ({
      label: "does not fit",
      lines: [`${table}: the database has no column ${columnsNotMerged.join(", ")}`],
    })),
    ...leftOut.map(({ table, reason }) => ({ label: "left out", lines: wrap(`${table}: ${reason}`) })),
    ...suspendedTriggers.map((name) => ({
      label: "trigger",
      lines: wrap(`${name} does not fire: what it writes is among the merged rows`),
    })),
  ]);
}

function listed<Item>({ total, listed: items }: Listed<Item>, describeItem: (item: Item) => Entry): Entry[] {
  const more = total - items.length;
  return [
    ...items.map(describeItem),
    ...(more > 0 ? [{ label: "", lines: [paint("dim", `and ${more.toLocaleString("en")} more`)] }] : []),
  ];
}

function describe({ table, kind, key, columns, message }: Conflict): string[] {
  const which = key === null ? "a row" : describeRow(key);
  const why = kind === "unique" ? `: another row stands in its place${message ? ` (${message})` : ""}` : "";
  return [
    `${table}, ${which}${why}`,
    ...columns.map(({ column, current, incoming }) =>
      paint("dim", `${column} is ${describeValue(current)}; the other has ${describeValue(incoming)}`),
    ),
  ];
}
