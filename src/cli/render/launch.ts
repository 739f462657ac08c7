/** What a launch found and did, and why, and how long it took; for a plan, in the conditional. */
import { dirname, relative } from "node:path";
import type { LayoutRelation } from "../../database/layout.ts";
import type { ActionName, ActionReport, Found, LaunchReport } from "../../report.ts";
import { clean, duration, type Entry, type Format, layOut, localTime, localTimes, paint, wrap } from "./page.ts";

const HEADLINES: Readonly<Record<LaunchReport["outcome"], { words: string; format: Format }>> = {
  opened: { words: "Opened", format: ["bold", "green"] },
  refused: { words: "Refused", format: ["bold", "red"] },
  "would-open": { words: "Would open", format: ["bold", "green"] },
  "would-refuse": { words: "Would refuse", format: ["bold", "red"] },
};

const WORDS: Readonly<Record<ActionName, { readonly done: string; readonly planned: string }>> = {
  "finish-swap": { done: "finished swap", planned: "would finish swap" },
  check: { done: "checked", planned: "would check" },
  create: { done: "created", planned: "would create" },
  restore: { done: "restored", planned: "would restore" },
  demote: { done: "demoted", planned: "would demote" },
  quarantine: { done: "quarantined", planned: "would quarantine" },
  salvage: { done: "salvaged", planned: "would salvage" },
  "back-up": { done: "backed up", planned: "would back up" },
  migrate: { done: "migrated", planned: "would migrate" },
  stamp: { done: "stamped", planned: "would stamp" },
  retire: { done: "retired", planned: "would retire" },
  merge: { done: "merged", planned: "would merge" },
  write: { done: "wrote", planned: "would write" },
  move: { done: "moved", planned: "would move" },
  remove: { done: "removed", planned: "would remove" },
};

/** For `boot`, and, in the conditional, for `plan`. */
export function renderLaunch(report: LaunchReport): string {
  const { outcome, database, appVersion, found, actions, warnings, blockedMs } = clean(report);
  const planned = outcome.startsWith("would");
  const { words, format } = HEADLINES[outcome];
  const end = planned ? "." : ` after ${duration(blockedMs)}.`;
  const headline = `${paint(format, words)} ${database} for version ${appVersion}${end}`;
  return `${headline}\n\n${layOut([
    { label: "found", format: "bold", lines: wrap(describeFound(found)) },
    ...describeActions(actions, dirname(database), planned),
    ...(outcome === "opened" && actions.length === 0
      ? [{ label: "did", lines: ["nothing: nothing had to be done"] }]
      : []),
    ...(actions.some(({ certain }) => certain === false)
      ? [{ label: "?", format: "cyan" as const, lines: ["not certain: only doing it can tell"] }]
      : []),
    ...warnings.map((warning) => ({ label: "warning", format: "yellow" as const, lines: wrap(localTimes(warning)) })),
  ])}`;
}

function describeFound({ state, version, layout }: Found): string {
  if (state === "new") return "no database and no backup of one: this is a first launch";
  if (state === "missing") return "no database, but backups of it";
  if (state === "unknown") return "a database that was not, or could not be, judged";
  const none = state === "corrupt" ? "whose version cannot be read" : "without a version stamp";
  const whose = version === null ? none : `of version ${version}`;
  const relation = layout === "none" ? "" : `; ${RELATIONS[layout]}`;
  return `a ${state} database ${whose}${relation}`;
}

export const RELATIONS: Readonly<Record<LayoutRelation, string>> = {
  equal: "the layout is the application's",
  behind: "the layout is behind the application's",
  ahead: "the layout is ahead of the application's",
  diverged: "the layout is not one of the application's",
};

export function describeActions(actions: readonly ActionReport[], folder: string, planned: boolean): Entry[] {
  const subjects = actions.map((action) => subjectOf(action, folder));
  const width = Math.max(0, ...subjects.map((subject) => subject.length));
  return actions.map((action, place) => {
    // A plan looks for real: what took time was done.
    const done = !planned || action.ms !== undefined;
    const subject = subjects[place] ?? "";
    const time = !action.ms ? "" : `  ${duration(action.ms).padStart(8)}`;
    return {
      label: `${action.unchanged ? "kept" : WORDS[action.action][done ? "done" : "planned"]}${action.certain === false ? "?" : ""}`,
      format: done ? "green" : "cyan",
      lines: [
        `${subject.padEnd(width)}${time}`,
        ...notesOf(action)
          .flatMap(wrap)
          .map((line) => paint("dim", line)),
      ],
    };
  });
}

function subjectOf({ action, file, version, applied, table }: ActionReport, folder: string): string {
  if (table !== undefined) return table;
  if (applied) return applied.length === 1 ? String(applied[0]) : `${applied.length} migrations`;
  const name = file === undefined ? undefined : shortPath(file, folder);
  if (action === "restore" && name !== undefined) return `from ${name}`;
  // A damaged backup is named as it was; what it is called then, a warning says.
  if ((action === "demote" || action === "quarantine") && name !== undefined)
    return /-(demoted|corrupt)(-\d+)?\.sqlite/.test(name) ? `as ${name}` : name;
  return name ?? (version == null ? "" : `version ${version}`);
}

/** From the database's folder on, where it lies in there. */
function shortPath(file: string, folder: string): string {
  const path = relative(folder, file);
  return path.startsWith("..") ? file : path;
}

function notesOf({ reason, applied = [], lost, unchanged }: ActionReport): string[] {
  return [
    ...(applied.length > 1 ? applied : []),
    unchanged ? "its content is the database's already" : localTimes(REASONS[reason] ?? reason),
    ...(lost ? [`what was written between ${localTime(lost.from)} and ${localTime(lost.to)} is not in it`] : []),
  ];
}

/** Why a backup is taken is a keyword in its row and in JSON. */
const REASONS: Readonly<Partial<Record<string, string>>> = {
  "restore-point": "the last state before the migrations",
  launch: "what the launch opened",
  manual: "it was asked for",
  scheduled: "its time had come",
};
