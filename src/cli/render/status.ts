import { basename } from "node:path";
import { HEALED_FROM } from "../../places.ts";
import type {
  BackupStatus,
  DatabaseState,
  DemotedStatus,
  FileStatus,
  Holder,
  SetAsideStatus,
  StatusReport,
} from "../../status.ts";
import { RELATIONS } from "./launch.ts";
import { clean, type Entry, type Format, layOut, localTime, localTimes, paint, size, table, wrap } from "./page.ts";

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
    {
      label: "Demoted",
      lines: demoted.length === 0 ? [none] : [...setAsideTable(demoted), ...demoted.flatMap(describeLacking)],
    },
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
      files.includes(file) ? besides(files) : "",
    ]),
  );
}

function describeLacking({ id, version, lacking }: DemotedStatus): string[] {
  if (lacking === null || (lacking.rows === 0 && lacking.complete)) return [];
  const { rows, complete } = lacking;
  if (rows === 0)
    return wrap(`whether ${id} has rows that the database lacks takes longer to tell: holdfast diff ${id}`);
  const number = `${complete ? "" : "at least "}${rows} row${rows === 1 ? "" : "s"}`;
  const words = `version ${version} has ${number} that the database lacks; to bring ${rows === 1 ? "it" : "them"} in: holdfast demoted merge ${id}`;
  return wrap(words).map((line) => paint("yellow", line));
}

function describeSwap({ resumable, differences }: NonNullable<StatusReport["unfinishedSwap"]>): Entry {
  const words = resumable ? "unfinished; the next launch completes it" : "unfinished, and it cannot be completed:";
  return { label: "Swap", lines: [paint("yellow", words), ...differences.flatMap(wrap)] };
}

/** What is set aside with the database. */
function besides(files: readonly string[]): string {
  const isBackup = (file: string) => file.endsWith(HEALED_FROM);
  const sidecars = files.length - 1 - files.filter(isBackup).length;
  const found = [
    ...(sidecars > 0 ? [`${sidecars} sidecar${sidecars === 1 ? "" : "s"}`] : []),
    ...(files.some(isBackup) ? ["the backup that helped to heal it"] : []),
  ];
  return found.length > 0 ? `with ${found.join(" and ")}` : "";
}
