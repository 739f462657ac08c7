/** Results as a person reads them on standard output: what was found, what was done, why, and how long it took. */
import { basename, dirname, relative } from "node:path";
import { stripVTControlCharacters, styleText } from "node:util";
import type { LayoutRelation } from "../database/layout.ts";
import { printable } from "../printable.ts";
import type { ActionName, ActionReport, Found, LaunchReport } from "../report.ts";
import type { BackupStatus, DatabaseState, FileStatus, Holder, SetAsideStatus, StatusReport } from "../status.ts";

type Format = Parameters<typeof styleText>[0];

const paint = (format: Format, text: string): string => styleText(format, text, { stream: process.stdout });

/** A word in the left column and what is said about it in the right one. */
interface Entry {
  readonly label: string;
  readonly format?: Format;
  readonly lines: readonly string[];
}

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

const RELATIONS: Readonly<Record<LayoutRelation, string>> = {
  equal: "the layout is the application's",
  behind: "the layout is behind the application's",
  ahead: "the layout is ahead of the application's",
  diverged: "the layout is not one of the application's",
};

function describeActions(actions: readonly ActionReport[], folder: string, planned: boolean): Entry[] {
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

function subjectOf({ action, file, version, applied }: ActionReport, folder: string): string {
  if (applied) return applied.length === 1 ? String(applied[0]) : `${applied.length} migrations`;
  const name = file === undefined ? undefined : shortPath(file, folder);
  if (action === "restore" && name !== undefined) return `from ${name}`;
  if ((action === "demote" || action === "quarantine") && name !== undefined) return `as ${name}`;
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

const STATES: Readonly<Record<DatabaseState, string>> = {
  readable: "readable; its pages are not checked here",
  missing: "missing: there is no file",
  empty: "empty: a file of zero bytes",
  corrupt: "corrupt",
  unreadable: "could not be judged",
  unknown: "not looked at",
};

const HOLDERS: Readonly<Record<Holder, string>> = {
  nobody: "nobody",
  application: "a running application, or the end of its backup",
  launch: "a launch that is under way",
  unknown: "not known",
};

export function renderStatus(report: StatusReport): string {
  const { appVersion, paths, heldBy, stamp, backups, otherBackups, unfinishedSwap, warnings } = clean(report);
  const { database, layout, demoted, quarantined } = clean(report);
  const absent = database.state === "missing" || database.state === "empty";
  const none = paint("dim", "none");
  const unknown = absent ? none : paint("dim", "not known");
  const others = otherBackups > 0 ? [`${otherBackups} more of other databases`] : [];
  const entries: Entry[] = [
    { label: "Settings", lines: [paths.settings] },
    { label: "Database", lines: [paths.database, ...describeDatabase(database)] },
    { label: "Held by", lines: [HOLDERS[heldBy]] },
    {
      label: "Stamp",
      lines: stamp
        ? [`version ${stamp.version}, since ${localTime(stamp.changedAt)}`, `id ${stamp.databaseId}`]
        : [layout ? none : unknown],
    },
    { label: "Layout", lines: layout ? describeLayout(layout, appVersion) : [unknown] },
    { label: "Backups", lines: [paths.backups, ...(backups.length === 0 ? [none] : backupTable(backups)), ...others] },
    { label: "Demoted", lines: demoted.length === 0 ? [none] : setAsideTable(demoted) },
    { label: "Quarantined", lines: quarantined.length === 0 ? [none] : setAsideTable(quarantined) },
    ...(unfinishedSwap ? [describeSwap(unfinishedSwap)] : []),
    ...warnings.map((warning) => ({ label: "Warning", format: "yellow" as const, lines: wrap(localTimes(warning)) })),
  ];
  return layOut(entries.map((entry) => ({ format: "bold", ...entry })));
}

function describeDatabase({ state, problem, file, sidecars, journalMode }: StatusReport["database"]): string[] {
  const words = problem === null ? STATES[state] : `${STATES[state]}: ${problem}`;
  const format: Format = state === "readable" ? "green" : state === "corrupt" ? "red" : "yellow";
  const mode = journalMode === null ? [] : [journalMode === "wal" ? "write-ahead log" : "rollback journal"];
  const facts = file ? [size(file.size), `changed ${localTime(file.modifiedAt)}`, ...mode].join(", ") : undefined;
  return [
    ...wrap(words).map((line) => paint(format, line)),
    ...(facts === undefined ? [] : [facts]),
    ...table(sidecars.map(describeSidecar)),
  ];
}

function describeSidecar({ path, size: bytes }: FileStatus): string[] {
  return [basename(path), size(bytes)];
}

function describeLayout(layout: NonNullable<StatusReport["layout"]>, appVersion: string | null): string[] {
  const { applied, relation, pending } = layout;
  const count = `${applied.length} migration${applied.length === 1 ? "" : "s"} applied`;
  const app = appVersion === null ? "" : ` (version ${appVersion})`;
  const rows = [
    ...applied.map(({ name, appliedAt, appVersion: by }) => [name, localTime(appliedAt), `by version ${by}`]),
    ...pending.map((name) => [name, paint("yellow", "pending"), ""]),
  ];
  return [relation === null ? count : `${count}; ${RELATIONS[relation]}${app}`, ...table(rows)];
}

function backupTable(backups: readonly BackupStatus[]): string[] {
  return table(
    backups.map(({ file, version, createdAt, reason, label, size: bytes, verifiedAt, newest }) => [
      file,
      version ?? "unstamped",
      localTime(createdAt),
      label === null ? reason : `${reason} "${label}"`,
      size(bytes),
      verifiedAt === null ? "not verified" : `verified ${localTime(verifiedAt)}`,
      newest ? paint("green", "newest") : "",
    ]),
  );
}

function setAsideTable(all: readonly SetAsideStatus[]): string[] {
  return table(
    all.map(({ file, files, size: bytes, at }) => [
      files.includes(file) ? file : files.join(", "),
      size(bytes),
      localTime(at),
      files.includes(file) && files.length > 1 ? `with ${files.length - 1} sidecar${files.length > 2 ? "s" : ""}` : "",
    ]),
  );
}

function describeSwap({ resumable, differences }: NonNullable<StatusReport["unfinishedSwap"]>): Entry {
  const words = resumable ? "unfinished; the next launch completes it" : "unfinished, and it cannot be completed:";
  return { label: "Swap", lines: [paint("yellow", words), ...differences.flatMap(wrap)] };
}

/** Labels on the left, lines on the right. */
function layOut(entries: readonly Entry[]): string {
  const width = Math.max(...entries.map((entry) => entry.label.length));
  return entries
    .flatMap(({ label, format = "bold", lines }) => {
      const [first = "", ...more] = lines;
      const head = `  ${paint(format, label.padEnd(width))}  ${first}`;
      return [head, ...more.map((line) => `  ${" ".repeat(width)}  ${line}`)].map((line) => `${line.trimEnd()}\n`);
    })
    .join("");
}

/** Columns as wide as their widest cell; colour takes no room. */
function table(rows: readonly (readonly string[])[]): string[] {
  const lengthOf = (cell: string) => stripVTControlCharacters(cell).length;
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, lengthOf(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - lengthOf(cell)))
      .join("  ")
      .trimEnd(),
  );
}

const LABELS_WIDTH = 22;
/** Some terminals do not say how wide they are. */
const ASSUMED_WIDTH = 80;

/** On a terminal, to what fits beside the labels; in a file or a pipe, lines stay whole. */
function wrap(text: string): string[] {
  const columns = process.stdout.isTTY
    ? (process.stdout.columns || ASSUMED_WIDTH) - LABELS_WIDTH
    : Number.POSITIVE_INFINITY;
  const wrapped: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      wrapped.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...wrapped, line];
}

/** A copy in which nothing speaks to the terminal. */
function clean<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (_, each: unknown) =>
    typeof each === "string" ? printable(each) : each,
  ) as Value;
}

function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

const UNITS = ["kB", "MB", "GB", "TB"] as const;

function size(bytes: number): string {
  let value = bytes;
  let unit = "B";
  for (const next of UNITS) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  return `${unit === "B" ? value : value.toFixed(1)} ${unit}`;
}

/** In the local zone; Sweden writes dates as they sort. What is no time is shown as it stands. */
function localTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : time.toLocaleString("sv-SE");
}

function localTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, localTime);
}
