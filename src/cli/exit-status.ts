/** What the shell is told. Each refusal has a status of its own, so that a script can branch on it. */
import { type ErrorCode, HoldfastError } from "../errors.ts";

export const OK = 0;
/** An unknown command, an unknown option or a value that is missing. */
export const USAGE = 2;
/** A fault of Holdfast's own: EX_SOFTWARE of sysexits.h. */
const FAULT = 70;

/** The one table. 1 is left to Node itself, and from 126 on the shell gives meanings of its own. */
export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  SETTINGS_INVALID: 3,
  UNSUPPORTED_RUNTIME: 4,
  NOT_FOUND: 5,

  DB_LOCKED: 10,
  DB_IN_USE: 11,
  DB_READ_ONLY: 12,
  DISK_FULL: 13,
  IO_FAILED: 14,

  DB_CORRUPT: 20,
  CHECK_IMPOSSIBLE: 21,
  NO_USABLE_BACKUP: 22,
  SWAP_INTERRUPTED: 23,
  INDEX_INVALID: 24,
  BACKUP_FAILED: 25,

  MIGRATION_FAILED: 30,
  MIGRATION_DRIFT: 31,
  DOWNGRADE_REFUSED: 32,
  DOWNGRADE_WITHOUT_BACKUP: 33,

  MERGE_CONFLICT: 40,

  /** 128 + SIGINT, as shells have it. */
  ABORTED: 130,
};

export function exitStatusOf(error: { readonly code: ErrorCode } | undefined): number {
  return error === undefined ? OK : STATUS_OF[error.code];
}

export function exitStatusOfThrown(error: unknown): number {
  return error instanceof HoldfastError ? exitStatusOf(error) : FAULT;
}
