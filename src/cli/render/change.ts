/** What a command changed, or is going to. */
import { dirname, relative } from "node:path";
import type { MoveReport } from "../../operations/move.ts";
import type { ChangeReport } from "../../operations/operation.ts";
import type { PruneReport } from "../../operations/prune.ts";
import type { RebuildReport } from "../../operations/rebuild-index.ts";
import { describeActions } from "./launch.ts";
import { clean, layOut, localTimes, paint, table, wrap } from "./page.ts";

export function renderChange(report: ChangeReport): string {
  const { outcome, operation, database, actions } = clean(report);
  const planned = outcome === "would-do";
  const changed = planned ? "would change" : "has changed";
  const nothing = planned ? "would change nothing in" : "had nothing to change in";
  const what = BESIDE_DATABASE.has(operation) ? `what is kept of ${database}` : database;
  return renderActions(
    report,
    `${paint("bold", `holdfast ${operation}`)} ${actions.length > 0 ? changed : nothing} ${what}`,
  );
}

/** These only touch files of the backup folder. */
const BESIDE_DATABASE: ReadonlySet<string> = new Set(["demoted remove", "prune", "rebuild-index"]);

/** The database itself is only read. */
export function renderBackup(report: ChangeReport): string {
  const { outcome, database } = clean(report);
  return renderActions(report, `${paint("bold", outcome === "would-do" ? "Would back up" : "Backed up")} ${database}`);
}

function renderActions(report: ChangeReport, headline: string): string {
  const { outcome, database, actions, warnings } = clean(report);
  const planned = outcome === "would-do";
  return `${headline}\n\n${layOut([
    ...describeActions(actions, dirname(database), planned),
    ...warnings.map((warning) => ({ label: "warning", format: "yellow" as const, lines: wrap(localTimes(warning)) })),
  ])}`;
}

export function renderPrune(report: PruneReport): string {
  const { kept, database } = clean(report);
  return `${renderChange(report)}\nKept:\n${reasons(kept, database)}`;
}

export function renderRebuild(report: RebuildReport): string {
  const { leftOut, database } = clean(report);
  const left = leftOut.length === 0 ? "" : `\nNot listed:\n${reasons(leftOut, database)}`;
  return `${renderChange(report)}${left}`;
}

/** A file a line, with what is said of it. */
function reasons(files: readonly { file: string; reason: string }[], database: string): string {
  if (files.length === 0) return `  ${paint("dim", "none")}\n`;
  const rows = files.map(({ file, reason }) => [relative(dirname(database), file), paint("dim", localTimes(reason))]);
  return table(rows)
    .map((line) => `  ${line}\n`)
    .join("");
}

export function renderMove(report: MoveReport): string {
  const { settings } = clean(report);
  const lines = settings.map(({ key, value }) => `  ${key} = ${JSON.stringify(value)}\n`);
  return `${renderChange(report)}\nSet in the settings, which were not touched:\n${lines.join("")}`;
}
