/** What all results share: labels and lines, tables, and words for sizes and times. */
import { stripVTControlCharacters, styleText } from "node:util";
import { printable } from "../../printable.ts";

export { size } from "../../size.ts";

export type Format = Parameters<typeof styleText>[0];

export const paint = (format: Format, text: string): string => styleText(format, text, { stream: process.stdout });

/** A word in the left column and what is said about it in the right one. */
export interface Entry {
  readonly label: string;
  readonly format?: Format;
  readonly lines: readonly string[];
}

/** Labels on the left, lines on the right. */
export function layOut(entries: readonly Entry[]): string {
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
export function table(rows: readonly (readonly string[])[]): string[] {
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
export function wrap(text: string): string[] {
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
export function clean<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (_, each: unknown) =>
    typeof each === "string" ? printable(each) : each,
  ) as Value;
}

export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** In the local zone; Sweden writes dates as they sort. What is no time is shown as it stands. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : time.toLocaleString("sv-SE");
}

export function localTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, localTime);
}
