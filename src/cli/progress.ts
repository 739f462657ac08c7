/**
 * What goes on, while it goes on: on a terminal one line with a bar, rewritten and gone when it is over; elsewhere a line
 * now and then, of what takes long.
 */
import { clearLine, cursorTo } from "node:readline";
import type { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import { printable } from "../printable.ts";
import type { ProgressEvent } from "../report.ts";
import { Work } from "./work.ts";

export interface Progress {
  readonly show: (event: ProgressEvent) => void;
  readonly clear: () => void;
}

/** Some terminals do not say how wide they are. */
const ASSUMED_WIDTH = 80;

/** A terminal is slow, and nobody reads faster. */
const REDRAWN_MS = 100;

export function progressBar(terminal: WriteStream): Progress {
  const work = new Work();
  let shown = "";
  let timer: NodeJS.Timeout | undefined;
  const rewrite = (text: string) => {
    clearTimeout(timer);
    timer = undefined;
    // Most events change nothing that a person would see.
    if (text === shown) return;
    shown = text;
    cursorTo(terminal, 0);
    clearLine(terminal, 0);
    terminal.write(text);
  };
  const redraw = () => rewrite(draw(work, (terminal.columns || ASSUMED_WIDTH) - 1));
  return {
    show(event) {
      if (work.follow(event)) redraw();
      else timer ??= setTimeout(redraw, REDRAWN_MS).unref();
    },
    clear: () => rewrite(""),
  };
}

const WIDEST_BAR = 30;
const NARROWEST_BAR = 10;
/** Such as ` 54 %  1,234,567 rows/s  1:00:12 left`. */
const LONGEST_TAIL = 37;
/** What is left of the words before what follows them is left out. */
const FEWEST_LETTERS = 24;

/** As much of it as there is room for: the rate is given up first, then the bar. */
function draw(work: Work, width: number): string {
  const words = printable(describe(work.event));
  const { percent, rate, left } = work;
  if (percent === null) return clip(`${words} …`, width);
  const figures = `${String(Math.floor(percent)).padStart(3)} %`;
  const forms = [[figures, rate, left], [figures, left], [figures]].map((parts) =>
    parts.filter((part) => part !== null).join("  "),
  );
  const least = Math.min(words.length, FEWEST_LETTERS) + 2;
  const tail = forms.find((form) => least + NARROWEST_BAR + 4 + form.length <= width);
  if (tail === undefined) return `${clip(words, width - figures.length - 1)} ${figures}`;
  const room = width - tail.length - 6;
  // As long from beginning to end, though figures grow and shrink.
  const bar = Math.min(WIDEST_BAR, Math.max(NARROWEST_BAR, width - LONGEST_TAIL - 6 - words.length));
  const full = Math.floor((percent / 100) * bar);
  return `${clip(words, room - bar)}  [${"#".repeat(full)}${"-".repeat(bar - full)}]  ${tail}`;
}

function clip(text: string, width: number): string {
  return text.slice(0, Math.max(0, width));
}

function describe({ kind, message, done = 0, total, unit }: ProgressEvent): string {
  const what = kind === "back-up" ? "backing up" : kind === "migrate" ? `migrating: ${message}` : message;
  return total && COUNTED[unit ?? ""] ? `${what} (${Math.min(done + 1, total)} of ${total})` : what;
}

/** Parts that take so differently long that a share of them says little: they are counted as well. */
const COUNTED: Readonly<Record<string, true>> = { migrations: true, tables: true, files: true };

/** Shorter work is over before anybody wonders, on a busy machine too, and leaves logs as they are. */
const TOLD_AFTER_MS = 3000;
const TOLD_AGAIN_MS = 5000;

/** Lines for what is no terminal. */
export function progressLines(stream: Writable): Progress {
  const work = new Work();
  let told = "";
  let timer: NodeJS.Timeout | undefined;
  const clear = () => clearTimeout(timer);
  const tell = () => {
    const { event, percent, rate, left } = work;
    const figures = [percent === null ? null : `${Math.floor(percent)} %`, rate, left];
    const known = figures.filter((figure) => figure !== null);
    const text = `${printable(describe(event))}${known.length === 0 ? " …" : `: ${known.join(", ")}`}\n`;
    if (text !== told) stream.write(text);
    told = text;
  };
  const tellLater = (ms: number) => {
    clear();
    timer = setTimeout(() => {
      tell();
      tellLater(TOLD_AGAIN_MS);
    }, ms).unref();
  };
  return {
    show(event) {
      if (work.follow(event)) tellLater(TOLD_AFTER_MS);
    },
    clear,
  };
}
