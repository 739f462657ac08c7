/** What a command changed, or is going to. */
import { dirname } from "node:path";
import type { MoveReport } from "../../operations/move.ts";
import type { ChangeReport } from "../../operations/operation.ts";
import { describeActions } from "./launch.ts";
import { clean, layOut, localTimes, paint, wrap } from "./page.ts";

export function renderChange(report: ChangeReport): string {
  const { outcome, operation, database, actions } = clean(report);
  const nothing = actions.length === 0 ? ": nothing has to be done" : "";
  const changes = outcome === "would-do" ? "would change" : "has changed";
  return renderActions(report, `${paint("bold", `holdfast ${operation}`)} ${changes} ${database}${nothing}`);
}

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

export function renderMove(report: MoveReport): string {
  const { settings } = clean(report);
  const lines = settings.map(({ key, value }) => `  ${key} = ${JSON.stringify(value)}\n`);
  return `${renderChange(report)}\nSet in the settings, which were not touched:\n${lines.join("")}`;
}
