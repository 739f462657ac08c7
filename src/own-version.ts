import { fs } from "./platform/builtins.ts";

const { readFileSync } = fs;

/** Of this package; null where it cannot be told, as in an application that is bundled into one file. */
export function ownVersion(): string | null {
  const { createRequire } = process.getBuiltinModule("node:module");
  try {
    const file = createRequire(import.meta.url).resolve("holdfast/package.json");
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return null;
  }
}
