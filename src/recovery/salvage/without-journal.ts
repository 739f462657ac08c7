/**
 * A journal that a program left beside the database when it was cut off has the pages as they were before. SQLite itself
 * brings them back, on a copy; it does so before it looks at any of them: https://sqlite.org/atomiccommit.html#_recovery.
 */
import { livingSidecars, observeFiles } from "../../database/files.ts";
import { discard } from "../../database/look.ts";
import type { Engine } from "../../database/open.ts";
import { copyWithJournal, rollBack } from "../../database/roll-back.ts";
import { failureOfMedium } from "../../errors.ts";

/** @param read is given the file itself, or the copy, which is gone afterwards */
export function withoutJournal<T>(
  engine: Engine,
  { from, to }: { readonly from: string; readonly to: string },
  read: (from: string) => T,
): T {
  if (!livingSidecars(observeFiles(from)).includes("-journal")) return read(from);
  const copy = `${to}-copy`;
  try {
    copyWithJournal(from, copy);
    tryToRollBack(engine, copy);
    return read(copy);
  } finally {
    discard(copy);
  }
}

/** The pages are back then; what they say may be damaged. */
function tryToRollBack(engine: Engine, copy: string): void {
  try {
    rollBack(engine, copy);
  } catch (error) {
    const failure = failureOfMedium(error, `rolling back a copy of ${copy}`);
    if (failure) throw failure;
  }
}
