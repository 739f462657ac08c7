/**
 * Applications run plain JavaScript. A process that runs TypeScript loads the means to strip the types first, which
 * takes 50 ms and 18 MB: what is measured from outside, or by its memory, would count them.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";

/** Where packages are found from, and git does not look. */
const FOLDER = join(import.meta.dirname, "../../node_modules/.cache/holdfast-bench");

/** Strips the files beside this one, once for all measured processes; returns the path of one by its name. */
export function stripAll(): (script: string) => string {
  // Stripping is experimental in Node 24, which says so; what is measured does not depend on it.
  process.removeAllListeners("warning");
  mkdirSync(FOLDER, { recursive: true });
  for (const file of readdirSync(import.meta.dirname).filter((each) => each.endsWith(".ts"))) {
    const stripped = stripTypeScriptTypes(readFileSync(join(import.meta.dirname, file), "utf8"));
    writeFileSync(join(FOLDER, nameOf(file)), stripped.replace(/(?<=from "\.\/[\w.-]+)\.ts(?=")/g, ".mjs"));
  }
  return (script) => join(FOLDER, nameOf(script));
}

function nameOf(script: string): string {
  return script.replace(/\.ts$/, ".mjs");
}
