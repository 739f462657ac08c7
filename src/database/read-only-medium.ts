/**
 * Telling that a medium can only be read, where SQLite says something else. It cannot make the sidecars of WAL mode there,
 * which it says is a file that cannot be opened, or it tries again and again to bring the index of a log up to date, as if
 * others were in its way (https://sqlite.org/wal.html#read_only_databases).
 */
import { HoldfastError, hasCode, named } from "../errors.ts";
import { isReadable, mayMakeFile } from "../platform/atomic-file.ts";

/** @param free a free name beside the database */
export function failureOfReadOnlyMedium(error: unknown, path: string, free: string): HoldfastError | undefined {
  if (!hasCode(error) || !/^SQLITE_(PROTOCOL|CANTOPEN\w*)$/.test(error.code)) return undefined;
  if (!isReadable(path) || mayMakeFile(free)) return undefined;
  return new HoldfastError(
    {
      code: "DB_READ_ONLY",
      message: `${path} could not be opened: SQLite has to make files beside it, and no file can be made there (${error.message}).`,
      hint: "Make the folder writable, or open it with readonly: true. Where the medium has turned read-only by itself, it is failing: copy what is on it first.",
      details: { path, cause: error.code },
    },
    { cause: error },
  );
}

/** Runs `task`, which opens the database; what it throws of the system's errors is thrown as a HoldfastError. */
export function opening<T>(path: string, free: string, task: () => T): T {
  return named(`opening ${path}`, () => {
    try {
      return task();
    } catch (error) {
      throw failureOfReadOnlyMedium(error, path, free) ?? error;
    }
  });
}
