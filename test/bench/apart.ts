/** Work in a process of its own: it gets an order on its command line and prints as JSON what came of it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { stripAll } from "./plain-javascript.ts";

const run = promisify(execFile);
let pathOf: ((script: string) => string) | undefined;

/** @param script the name of a file beside this one */
export async function runApart<Result>(script: string, order: unknown): Promise<Result> {
  pathOf ??= stripAll();
  const { stdout } = await run(process.execPath, [pathOf(script), JSON.stringify(order)]);
  return JSON.parse(stdout) as Result;
}
