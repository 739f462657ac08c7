/** One line on a terminal that tells what goes on, rewritten as it goes on, and gone when it is over. */
import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";
import { printable } from "../printable.ts";
import type { ProgressEvent } from "../report.ts";

export interface ProgressLine {
  readonly show: (event: ProgressEvent) => void;
  readonly clear: () => void;
}

export const NO_PROGRESS: ProgressLine = { show: () => {}, clear: () => {} };

export function progressLine(terminal: WriteStream): ProgressLine {
  let shown = "";
  const rewrite = (text: string) => {
    // Most events change nothing that a person would see; a terminal is slow.
    if (text === shown) return;
    shown = text;
    cursorTo(terminal, 0);
    clearLine(terminal, 0);
    terminal.write(text);
  };
  return {
    show: (event) => rewrite(printable(describe(event)).slice(0, (terminal.columns || 80) - 1)),
    clear: () => rewrite(""),
  };
}

function describe({ kind, message, done, total, unit }: ProgressEvent): string {
  const what = kind === "back-up" ? "backing up" : kind === "migrate" ? `migrating: ${message}` : message;
  if (done === undefined || !total) return `${what} …`;
  if (unit === "migrations") return `${what} (${done + 1} of ${total})`;
  return `${what} … ${Math.floor((done / total) * 100)} %`;
}
