/** Starts the application as a process of its own and hears what it says until it and its child are gone. */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { basename, join } from "node:path";
import type { AppOrder, AppWord } from "./app.ts";
import { type Tracing, traced } from "./strace.ts";

/** The published code: it starts sooner than the sources. */
export const HOLDFAST: string = new URL("../../dist/index.js", import.meta.url).href;

const MOST_TIME = 30_000;

export interface AppRun {
  readonly words: readonly AppWord[];
  /** What it was told, as far as it is of use to repeat it. */
  readonly errors: string;
  readonly hung: boolean;
  readonly status: number | null;
}

/** Writes the application where it can be started without delay. */
export function layOutApp(folder: string, app: URL = new URL("./app.ts", import.meta.url)): string {
  const file = join(folder, basename(app.pathname, ".ts").concat(".mjs"));
  writeFileSync(file, stripTypeScriptTypes(readFileSync(app, "utf8")));
  return file;
}

export async function runApp(
  app: string,
  order: Omit<AppOrder, "holdfast" | "childPath">,
  tracing: Tracing | null,
  preload: string | null,
): Promise<AppRun> {
  const { command, childPath } = tracing ? traced(tracing) : { command: [process.execPath], childPath: null };
  const [program = process.execPath, ...args] = command;
  const told: AppOrder = { ...order, holdfast: HOLDFAST, childPath };
  // What is read out of a cache, or written to it, would be other calls each time.
  const { NODE_COMPILE_CACHE: _, ...rest } = process.env;
  const env = { ...rest, ...(preload === null ? {} : { NODE_OPTIONS: `--import=${preload}` }) };
  const started = spawn(program, [...args, app, JSON.stringify(told)], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env,
  });
  let output = "";
  let errors = "";
  let hung = false;
  started.stdout.on("data", (text) => (output += text));
  started.stderr.on("data", (text) => (errors += text));
  const timer = setTimeout(() => {
    hung = true;
    // The group that it leads: strace, the application and its child.
    if (started.pid !== undefined) process.kill(-started.pid, "SIGKILL");
  }, MOST_TIME);
  // Closed when its child, which shares the standard error, is gone as well.
  const status = await new Promise<number | null>((resolve) => started.once("close", resolve));
  clearTimeout(timer);
  const words = output.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as AppWord] : []));
  return { words, errors, hung, status };
}

export function committedIn(run: AppRun): readonly string[] {
  return run.words.flatMap((word) => ("committed" in word ? [word.committed] : []));
}
