import type { LaunchReport } from "./report.ts";

/**
 * What a refusal is about. The literal codes are part of the public contract: an application branches on
 * them, and the command line maps each to an exit status in one table.
 */
export type ErrorCode =
  | "SETTINGS_INVALID"
  | "DB_LOCKED"
  | "DB_IN_USE"
  | "DB_READ_ONLY"
  | "DB_CORRUPT"
  | "CHECK_IMPOSSIBLE"
  | "NO_USABLE_BACKUP"
  | "DOWNGRADE_WITHOUT_BACKUP"
  | "DOWNGRADE_REFUSED"
  | "SWAP_INTERRUPTED"
  | "MIGRATION_FAILED"
  | "MIGRATION_DRIFT"
  | "BACKUP_FAILED"
  | "MERGE_CONFLICT"
  | "INDEX_INVALID"
  | "DISK_FULL"
  | "IO_FAILED"
  | "NOT_FOUND"
  | "ABORTED"
  | "UNSUPPORTED_RUNTIME";

/** Values that a program may want beside the message: paths, versions, checksums, counts. JSON only. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The parts of a refusal, as `decide` states it and as `--json` prints it. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly details?: ErrorDetails;
}

/** The only error that Holdfast throws. `message` says what happened to which file, `hint` what helps. */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: ErrorDetails;
  /** What the launch that was refused had found and done; absent where it had not begun. */
  report?: LaunchReport;

  constructor(refusal: Refusal, options?: { cause?: unknown }) {
    super(refusal.message, options);
    this.code = refusal.code;
    this.hint = refusal.hint;
    this.details = refusal.details ?? {};
  }

  /** The object that `--json` prints. */
  toJSON(): Required<Refusal> {
    return { code: this.code, message: this.message, hint: this.hint, details: this.details };
  }
}

/** True for errors of the operating system or of SQLite, which carry a string `code`. */
export function hasCode(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as { code?: unknown }).code === "string";
}

/** As much of a text out of a file as a message has room for. */
export function clipped(text: string, most = 300): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Errors that mean damaged content. Everything that is not listed here is never corruption:
 * https://sqlite.org/rescode.html. SQLITE_IOERR_CORRUPTFS is the file system's trouble, not the file's.
 */
export function isCorruption(error: unknown): boolean {
  return hasCode(error) && (error.code.startsWith("SQLITE_CORRUPT") || error.code === "SQLITE_NOTADB");
}

/**
 * Gives an error of the operating system or of SQLite its Holdfast code. What is neither busy, full,
 * read-only nor I/O comes back as it was, for the caller to judge.
 *
 * @param doing what was attempted, as in "opening /data/library.sqlite"
 */
export function toHoldfastError(error: unknown, doing: string): HoldfastError | undefined {
  if (error instanceof HoldfastError) return error;
  if (!hasCode(error)) return undefined;
  const found = SYSTEM_ERRORS.find((row) => row.pattern.test(error.code));
  if (!found) return undefined;
  return new HoldfastError(
    {
      code: found.code,
      message: `${found.what} while ${doing}: ${error.message}`,
      hint: found.hint,
      details: { cause: error.code },
    },
    { cause: error },
  );
}

/**
 * The same for what an application's own statement threw, or what that was caused by: what comes of the disk is no
 * fault of the statement's.
 */
export function failureOfMedium(error: unknown, doing: string): HoldfastError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (hasCode(error) && /^SQLITE_(FULL|IOERR|CANTOPEN|READONLY)/.test(error.code)) return toHoldfastError(error, doing);
  return failureOfMedium(error.cause, doing);
}

const SYSTEM_ERRORS: readonly { pattern: RegExp; code: ErrorCode; what: string; hint: string }[] = [
  {
    pattern: /^(SQLITE_(BUSY|LOCKED)\w*|SQLITE_PROTOCOL)$/,
    code: "DB_IN_USE",
    what: "Another program holds the database",
    hint: "Close the other program that has the database open, then start again.",
  },
  {
    // Without room for the 32 KiB of `-shm`, a database in WAL mode cannot even be opened.
    pattern: /^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)$/,
    code: "DISK_FULL",
    what: "The disk is full",
    hint: "Free some space on that disk, then start again; nothing has to be repaired.",
  },
  {
    pattern: /^(SQLITE_READONLY\w*|EROFS)$/,
    code: "DB_READ_ONLY",
    what: "The file or its medium is read-only",
    hint: "Make the file and its folder writable, or open it with readonly: true.",
  },
  {
    pattern: /^(SQLITE_(IOERR\w*|CANTOPEN\w*|PERM|AUTH|NOMEM|NOLFS)|E[A-Z0-9]+)$/,
    code: "IO_FAILED",
    what: "The file could not be read or written",
    hint: "Check the path, its permissions and the medium, then start again.",
  },
];

/** Runs `task`; what it throws of the system's errors is thrown as a HoldfastError. */
export function named<T>(doing: string, task: () => T): T {
  try {
    return task();
  } catch (error) {
    throw toHoldfastError(error, doing) ?? error;
  }
}

/** The same for a task that is waited for. */
export async function namedAsync<T>(doing: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw toHoldfastError(error, doing) ?? error;
  }
}
