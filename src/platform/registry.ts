/**
 * The databases that this process guards. A second launch of the same file in one process must not even touch
 * it: closing a second descriptor of the lock or of the database would drop the first one's POSIX locks.
 * It hangs on the global object, so that two copies of Holdfast in one process share it.
 */
import { HoldfastError } from "../errors.ts";
import { fs } from "./builtins.ts";

const { statSync } = fs;

const KEY = Symbol.for("holdfast.guarded");

function guarded(): Set<string> {
  const home = globalThis as { [KEY]?: Set<string> };
  home[KEY] ??= new Set();
  return home[KEY];
}

/**
 * Enters `path`, links resolved, or throws DB_IN_USE when it is there already, under this name or as a hard
 * link.
 *
 * @returns the function that takes it out again
 */
export function register(path: string): () => void {
  for (const known of guarded()) {
    if (known === path || isSameFile(known, path)) {
      throw new HoldfastError({
        code: "DB_IN_USE",
        message: `This process has guarded ${known} already${known === path ? "" : `, and ${path} is the same file`}.`,
        hint: "Use the connection that the first guard() returned, or close it before the next call.",
        details: { path, guardedAs: known },
      });
    }
  }
  guarded().add(path);
  return () => guarded().delete(path);
}

/** Looked up each time: a launch that creates or restores the database gives it a new inode. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && a.ino !== 0n && a.ino === b?.ino && a.dev === b.dev;
}
