import type { VerifiedFile, VerifyReport } from "../../operations/verify.ts";
import { RELATIONS } from "./launch.ts";
import { clean, type Entry, layOut, localTimes, paint, table, wrap } from "./page.ts";

export function renderVerify(report: VerifyReport): string {
  const { database, files, warnings } = clean(report);
  const entries: Entry[] = [
    { label: "Database", lines: [database] },
    { label: "Verified", lines: files.length === 0 ? [paint("dim", "nothing: there is no backup")] : linesOf(files) },
    ...warnings.map((warning) => ({ label: "Warning", format: "yellow" as const, lines: wrap(localTimes(warning)) })),
  ];
  return layOut(entries);
}

function linesOf(files: readonly VerifiedFile[]): string[] {
  const rows = table(files.map(describe));
  return files.flatMap(({ problem }, place) => [
    rows[place] ?? "",
    ...(problem === null ? [] : wrap(problem).map((line) => `  ${paint("dim", line)}`)),
  ]);
}

const CHECKSUMS = {
  matches: "its bytes are those recorded",
  differs: "its bytes are not those recorded",
  none: "no checksum was recorded",
} as const;

function describe({ id, version, ok, unknown, checksum, layout }: VerifiedFile): string[] {
  const verdict = ok ? paint("green", "sound") : unknown ? paint("yellow", "not judged") : paint("red", "damaged");
  return [
    id,
    version ?? (ok ? "unstamped" : ""),
    verdict,
    checksum === null ? "" : CHECKSUMS[checksum],
    layout === null || layout === "equal" ? "" : RELATIONS[layout],
  ];
}
