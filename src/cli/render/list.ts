import type { ListedFile, ListReport, TableRows } from "../../operations/list.ts";
import { RELATIONS } from "./launch.ts";
import { clean, type Entry, layOut, localTime, localTimes, paint, size, table, wrap } from "./page.ts";

const TITLES: Readonly<Record<ListedFile["kind"], string>> = {
  backup: "Backups",
  demoted: "Demoted",
  quarantined: "Quarantined",
};

export function renderList(report: ListReport): string {
  return renderKinds(report, ["backup", "demoted", "quarantined"]);
}

export function renderDemoted(report: ListReport): string {
  return renderKinds(report, ["demoted"]);
}

function renderKinds(report: ListReport, kinds: readonly ListedFile["kind"][]): string {
  const { database, files, warnings } = clean(report);
  const linesOf = (kind: ListedFile["kind"]) => {
    const listed = files.filter((file) => file.kind === kind);
    if (listed.length === 0) return [paint("dim", "none")];
    return [...table(listed.map(describe)), ...listed.flatMap(describeRows)];
  };
  const entries: Entry[] = [
    { label: "Database", lines: [database] },
    ...kinds.map((kind) => ({ label: TITLES[kind], lines: linesOf(kind) })),
    ...warnings.map((warning) => ({ label: "Warning", format: "yellow" as const, lines: wrap(localTimes(warning)) })),
  ];
  return layOut(entries);
}

function describe(file: ListedFile): string[] {
  const { id, kind, version, at, reason, label, size: bytes, verifiedAt, newest, layout } = file;
  const verified = verifiedAt === null ? "not verified" : `verified ${localTime(verifiedAt)}`;
  return [
    id,
    version ?? "unstamped",
    localTime(at),
    label === null ? (reason ?? "") : `${reason} "${label}"`,
    size(bytes),
    kind === "backup" ? verified : "",
    layout === null || layout === "equal" ? "" : RELATIONS[layout],
    newest ? paint("green", "newest") : "",
  ];
}

function describeRows({ id, rows }: ListedFile): string[] {
  if (rows === null) return [];
  // There is no database, or none whose rows could be counted.
  const alone = rows.every(({ live }) => live === null);
  return [`rows of ${id}`, ...table(rows.map((each) => describeTable(each, alone))).map((line) => `  ${line}`)];
}

function describeTable({ table: name, rows, live }: TableRows, alone: boolean): string[] {
  const inDatabase = live === null ? "not in the database" : `${live} in the database`;
  return [
    name,
    rows === null ? "not in it" : `${rows} row${rows === 1 ? "" : "s"}`,
    alone ? "" : live === rows ? paint("dim", "the same number") : inDatabase,
  ];
}
