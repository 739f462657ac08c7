/** Tables as Markdown has them, which read well in a terminal too. */
export interface Table {
  readonly title: string;
  readonly goal: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What a reader must know to take the figures for what they are. */
  readonly notes: readonly string[];
}

/** `noise`: not met, but a process that had nothing to do fared no better. */
export type GoalMet = "yes" | "no" | "noise" | "-";

export function met(goal: number | undefined, holds: (goal: number) => boolean): GoalMet {
  if (goal === undefined) return "-";
  return holds(goal) ? "yes" : "no";
}

export function label(megabytes: number): string {
  return megabytes >= 1000 && megabytes % 1000 === 0 ? `${megabytes / 1000} GB` : `${megabytes} MB`;
}

export function milliseconds(number: number): string {
  if (number < 10) return number.toFixed(2);
  return number < 100 ? number.toFixed(1) : Math.round(number).toLocaleString("en-US");
}

export function times(number: number): string {
  return `${number < 10 ? number.toFixed(2) : Math.round(number).toLocaleString("en-US")}x`;
}

export function render({ title, goal, head, rows, notes }: Table): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (isText(column) ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [`### ${title}`, "", `Goal: ${goal}.`, "", line(head), rule, ...rows.map(line), ...paragraphs(notes)].join(
    "\n",
  );
}

/** The first column names the row; all others hold figures. */
function isText(column: number): boolean {
  return column === 0;
}

function paragraphs(notes: readonly string[]): string[] {
  return notes.flatMap((note) => ["", note]);
}
