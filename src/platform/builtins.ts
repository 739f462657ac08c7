/**
 * Node's own modules, as a quiet launch gets at them. `import "node:fs"` also loads the streams and promises that
 * it re-exports, and `node:crypto` all its algorithms: each costs as much time as opening a database.
 */
import type { BinaryLike, Hash } from "node:crypto";

/** Empty where Node is too old to have the call: checkRuntime says so before any of them is used. */
export const fs: typeof import("node:fs") =
  typeof process.getBuiltinModule === "function"
    ? process.getBuiltinModule("node:fs")
    : ({} as typeof import("node:fs"));

export function createSha256(): Hash {
  return process.getBuiltinModule("node:crypto").createHash("sha256");
}

/** `sha256:` and 64 hex digits. */
export function sha256(data: BinaryLike): string {
  return `sha256:${createSha256().update(data).digest("hex")}`;
}

/** Twice as many hex digits. */
export function randomHex(bytes: number): string {
  return process.getBuiltinModule("node:crypto").randomBytes(bytes).toString("hex");
}
