/** Refusals that several operations share. */
import { HoldfastError } from "../errors.ts";
import { noDatabase } from "./hold.ts";
import type { Operation } from "./operation.ts";
import type { Stock } from "./take-stock.ts";

/** Nothing that exists is replaced. */
export function exists(path: string, hint = "Name a folder in which it does not, or move it away."): HoldfastError {
  return new HoldfastError({
    code: "IO_FAILED",
    message: `${path} exists already, and is not replaced; nothing was changed.`,
    hint,
    details: { path },
  });
}

/**
 * @param done what the operation does to the database, as in "moved"
 * @throws NOT_FOUND, DB_CORRUPT, CHECK_IMPOSSIBLE where there is no database that can be read
 */
export function requireReadableDatabase(op: Operation, { database: { state, problem } }: Stock, done: string): void {
  if (state === "missing" || state === "empty") throw noDatabase(op);
  if (state === "readable") return;
  const { database } = op.places;
  throw new HoldfastError({
    code: state === "corrupt" ? "DB_CORRUPT" : "CHECK_IMPOSSIBLE",
    message: `${database} is not ${done}, for it cannot be read: ${problem}. Nothing was changed.`,
    hint: "Let a launch see to it first: holdfast boot",
    details: { path: database },
  });
}
