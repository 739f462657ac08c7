import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Progress, progressBar, progressLines } from "../../src/cli/progress.ts";
import type { ProgressEvent } from "../../src/index.ts";
import { CommandLine } from "./command-line.ts";

const REWRITE = "\u{1B}[1G\u{1B}[2K";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** What a terminal of so many columns is sent, with so much time after each event. */
function drawn(events: readonly ProgressEvent[], columns: number, ms = 100): string[] {
  const terminal = Object.assign(new PassThrough({ encoding: "utf8" }), { columns });
  play(progressBar(terminal as unknown as WriteStream), events, ms);
  return String(terminal.read()).split(REWRITE).slice(1);
}

function told(events: readonly ProgressEvent[], ms: number): string[] {
  const stream = new PassThrough({ encoding: "utf8" });
  play(progressLines(stream), events, ms);
  return String(stream.read() ?? "")
    .split("\n")
    .slice(0, -1);
}

function play({ show, clear }: Progress, events: readonly ProgressEvent[], ms: number): void {
  for (const event of events) {
    show(event);
    vi.advanceTimersByTime(ms);
  }
  clear();
  vi.advanceTimersByTime(60_000);
}

const merging = (done: number): ProgressEvent => ({
  kind: "merge",
  message: "merging notes",
  done,
  total: 1_000_000,
  unit: "rows",
});

describe("on a terminal", () => {
  test("one line is rewritten, and gone at the end", () => {
    const events: ProgressEvent[] = [
      { kind: "wait", message: "another launch is under way" },
      { kind: "check", message: "checking /data/library.sqlite", total: 4096, unit: "bytes" },
      { kind: "migrate", message: "0003_x.sql", done: 1, total: 2, unit: "migrations" },
      { kind: "back-up", message: "version 1.0.0 has no backup yet", done: 512, total: 1024, unit: "pages" },
    ];
    expect(drawn(events, 80)).toEqual([
      "another launch is under way …",
      "checking /data/library.sqlite …",
      "migrating: 0003_x.sql (2 of 2)  [#####-----]   50 %",
      "backing up  [#############-------------]   50 %",
      "",
    ]);
  });

  test("the rate and the time that is left are told from the first second on", () => {
    const events = [merging(0), merging(60_000), merging(120_000), merging(540_000)];
    expect(drawn(events, 80, 1000)).toEqual([
      "merging notes  [-----------------------]    0 %",
      "merging notes  [#----------------------]    6 %  60,000 rows/s  0:16 left",
      "merging notes  [##---------------------]   12 %  60,000 rows/s  0:15 left",
      "merging notes  [############-----------]   54 %  180,000 rows/s  0:03 left",
      "",
    ]);
  });

  test("bytes are told in units that a person reads, and hours as such", () => {
    const copying = (done: number): ProgressEvent => ({
      kind: "copy",
      message: "copying",
      done,
      total: 40_000_000_000,
      unit: "bytes",
    });
    expect(drawn([copying(0), copying(10_000_000)], 80, 1000)[1]).toBe(
      "copying  [-----------------------------]    0 %  10.0 MB/s  1:06:39 left",
    );
  });

  test("the line is never longer than the terminal is wide", () => {
    const event: ProgressEvent = { ...merging(540_000), message: "merging a table of a name that is rather long" };
    const widths = Array.from({ length: 110 }, (_, columns) => columns + 20);
    for (const columns of widths) {
      for (const line of drawn([merging(0), event, event], columns, 1000)) {
        expect(line.length).toBeLessThan(columns);
        if (line !== "") expect(line).toMatch(/ %|^$/);
      }
    }
    expect(drawn([event], 30)[0]).toBe("merging a table of a na  54 %");
    expect(drawn([{ kind: "verify", message: "verifying library-v1.0.0.sqlite" }], 20)[0]).toBe("verifying library-v");
  });

  test("many events are drawn a few times a second, the last of them too", () => {
    const events = Array.from({ length: 1000 }, (_, n) => merging(n * 1000));
    const lines = drawn([...events, merging(999_999)], 80, 1);
    expect(lines.length).toBeLessThan(15);
    expect(lines.length).toBeGreaterThan(5);
  });
});

describe("elsewhere", () => {
  test("a line is told of what takes long, and then another every few seconds", () => {
    const events = Array.from({ length: 12 }, (_, second) => merging(second * 80_000));
    expect(told(events, 1000)).toEqual([
      "merging notes: 16 %, 80,000 rows/s, 0:11 left",
      "merging notes: 56 %, 80,000 rows/s, 0:06 left",
    ]);
  });

  test("nothing is told of what is over soon", () => {
    const kinds = ["check", "verify", "copy", "compare", "merge"] as const;
    expect(
      told(
        kinds.map((kind) => ({ kind, message: kind })),
        2900,
      ),
    ).toEqual([]);
  });

  test("a wait is told once", () => {
    expect(told([{ kind: "wait", message: "another process has it" }], 20_000)).toEqual(["another process has it …"]);
  });

  test("standard error stays empty where nothing takes long", async () => {
    vi.useRealTimers();
    const { stderr } = await new CommandLine('db-app-version = "1.0.0"').run(["boot"]);
    expect(stderr).toBe("");
  });
});
