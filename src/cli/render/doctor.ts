import type { DoctorReport, Finding, FindingState } from "../../operations/doctor.ts";
import { clean, type Entry, type Format, layOut, localTimes, paint, wrap } from "./page.ts";

const MARKS: Readonly<Record<FindingState, { readonly mark: string; readonly format: Format }>> = {
  ok: { mark: "✓", format: "green" },
  note: { mark: "·", format: "cyan" },
  warning: { mark: "!", format: "yellow" },
  problem: { mark: "✗", format: "red" },
};

export function renderDoctor(report: DoctorReport): string {
  const { outcome, database, findings, warnings } = clean(report);
  const healthy = outcome === "healthy";
  const told = new Set(findings.map(({ message }) => message));
  const unseen = warnings
    .filter((each) => !told.has(each))
    .map((each): Entry => ({ label: "! not seen", format: "yellow", lines: wrap(localTimes(each)) }));
  const headline = `${paint(healthy ? ["bold", "green"] : ["bold", "red"], healthy ? "Healthy" : "Ailing")}${database === null ? "" : ` ${database}`}: ${tally(findings)}`;
  return `${headline}\n\n${layOut([...findings.map(describe), ...unseen])}`;
}

function describe({ name, state, message, remedy }: Finding): Entry {
  const { mark, format } = MARKS[state];
  const lines = wrap(localTimes(message));
  return {
    label: `${mark} ${name}`,
    format,
    lines: remedy === null ? lines : [...lines, paint("bold", `→ ${remedy}`)],
  };
}

function tally(findings: readonly Finding[]): string {
  const count = (state: FindingState) => findings.filter((each) => each.state === state).length;
  const plural = (number: number, word: string) => (number === 1 ? `1 ${word}` : `${number} ${word}s`);
  return [plural(count("problem"), "problem"), plural(count("warning"), "warning"), plural(count("note"), "note")].join(
    ", ",
  );
}
