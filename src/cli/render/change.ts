/** What a command changed, or is going to. */
import { dirname } from "node:path";
import type { MoveReport } from "../../operations/move.ts";
import type { ChangeReport } from "../../operations/operation.ts";
import { describeActions } from "./launch.ts";
import { clean, layOut, localTimes, paint, wrap } from "./page.ts";

export function renderChange(report: ChangeReport): string {
  const { outcome, operation, database, actions, warnings } = clean(report);
  const planned = outcome === "would-do";
  const nothing = actions.length === 0 ? ": nothing has to be done" : "";
  const headline = `${paint("bold", `holdfast ${operation}`)} ${planned ? "would change" : "has changed"} ${database}${nothing}`;
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
