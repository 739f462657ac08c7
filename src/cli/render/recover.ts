import type { RecoverReport } from "../../operations/recover.ts";
import type { RecoveredTable } from "../../report.ts";
import { clean, layOut, localTimes, paint, table, wrap } from "./page.ts";

export function renderRecover(report: RecoverReport): string {
  const { outcome, file, damage, output, tables, lostAndFound, unreadable, warnings } = clean(report);
  if (output === null) {
    return `${paint(["bold", "green"], "Sound")} ${file}: nothing has to be recovered.\n`;
  }
  const planned = outcome === "would-do";
  const headline = `${paint("bold", planned ? "Would recover" : "Recovered")} ${file}`;
  return `${headline}\n\n${layOut([
    { label: "damage", lines: wrap(damage ?? "none: what was deleted is read as well") },
    { label: planned ? "would write" : "wrote", lines: [output] },
    ...(tables.length > 0 ? [{ label: "rows", lines: table(tables.map(describe)) }] : []),
    ...(lostAndFound
      ? [{ label: "lost", lines: [`${lostAndFound.rows} rows of no known table are in ${lostAndFound.table}`] }]
      : []),
    ...(unreadable && unreadable.pages > 0
      ? [{ label: "unreadable", lines: wrap(describeUnreadable(unreadable)) }]
      : []),
    ...(planned
      ? []
      : [{ label: "next", lines: [`holdfast restore ${JSON.stringify(output)} puts it in the database's place`] }]),
    ...warnings.map((warning) => ({ label: "warning", format: "yellow" as const, lines: wrap(localTimes(warning)) })),
  ])}`;
}

function describe({ table: name, rows, orphans, broken, setAside, gaps, lostAtMost }: RecoveredTable): string[] {
  const lost = lostAtMost === null ? "an unknown number of rows lost" : `at most ${lostAtMost} rows lost`;
  return [
    name,
    `${rows} read`,
    orphans > 0 ? `${orphans} of them on pages that nothing led to` : "",
    broken > 0 ? `${broken} not to be read` : "",
    setAside > 0 ? `${setAside} set aside` : "",
    gaps > 0 ? paint("yellow", lost) : "",
  ];
}

/** As many ranges as a person would read; `--json` has all. */
const RANGES_SHOWN = 12;

function describeUnreadable({ pages: count, ranges }: NonNullable<RecoverReport["unreadable"]>): string {
  const more = ranges.length - RANGES_SHOWN;
  const shown = ranges.slice(0, RANGES_SHOWN).map(pages).join(", ");
  return `${count} page${count === 1 ? "" : "s"}: ${shown}${more > 0 ? ` and ${more} more places` : ""}`;
}

function pages([first, last]: readonly [number, number]): string {
  return first === last ? String(first) : `${first}–${last}`;
}
