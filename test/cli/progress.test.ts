import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { expect, test } from "vitest";
import { progressLine } from "../../src/cli/progress.ts";
import type { ProgressEvent } from "../../src/index.ts";
import { CommandLine } from "./command-line.ts";

const REWRITE = "\u{1B}[1G\u{1B}[2K";

/** What a terminal of so many columns is sent. */
function sent(events: readonly ProgressEvent[], columns: number): string[] {
  const terminal = Object.assign(new PassThrough({ encoding: "utf8" }), { columns });
  const line = progressLine(terminal as unknown as WriteStream);
  for (const event of events) line.show(event);
  line.clear();
  return String(terminal.read()).split(REWRITE).slice(1);
}

test("one line is rewritten, and gone at the end", () => {
  const events: ProgressEvent[] = [
    { kind: "wait", message: "another launch is under way" },
    { kind: "check", message: "checking /data/library.sqlite", total: 4096, unit: "bytes" },
    { kind: "migrate", message: "0003_x.sql", done: 1, total: 2, unit: "migrations" },
    { kind: "back-up", message: "version 1.0.0 has no backup yet", done: 512, total: 1024, unit: "pages" },
  ];
  expect(sent(events, 80)).toEqual([
    "another launch is under way …",
    "checking /data/library.sqlite …",
    "migrating: 0003_x.sql (2 of 2)",
    "backing up … 50 %",
    "",
  ]);
});

test("what a person would not see is not sent again", () => {
  const event: ProgressEvent = { kind: "back-up", message: "", done: 501, total: 100_000, unit: "pages" };
  expect(sent([event, { ...event, done: 502 }, { ...event, done: 503 }], 80)).toEqual(["backing up … 0 %", ""]);
});

test("the line is never longer than the terminal is wide", () => {
  expect(sent([{ kind: "verify", message: "verifying library-v1.0.0.sqlite" }], 20)).toEqual([
    "verifying library-v",
    "",
  ]);
});

test("there is none where standard error is no terminal", async () => {
  const { stderr } = await new CommandLine('db-app-version = "1.0.0"').run(["boot"]);
  expect(stderr).toBe("");
});
