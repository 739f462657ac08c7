/**
 * A journal that a program left beside the database when it was cut off has the pages as they were before. SQLite itself
 * brings them back, on a copy; it does so before it looks at any of them: https://sqlite.org/atomiccommit.html#_recovery.
 */
import { dirname } from "node:path";
import { livingSidecars, observeFiles } from "../../database/files.ts";
import { discard } from "../../database/look.ts";
import type { Engine } from "../../database/open.ts";
import { failureOfMedium } from "../../errors.ts";
import { copyDurably } from "../../platform/atomic-file.ts";
import { requireSpace } from "../../platform/free-space.ts";

/** @param read is given the file itself, or the copy, which is gone afterwards */
export function withoutJournal<T>(
  engine: Engine,
  { from, to }: { readonly from: string; readonly to: string },
  read: (from: string) => T,
): T {
  const files = observeFiles(from);
  if (!livingSidecars(files).includes("-journal")) return read(from);
  const copy = `${to}-copy`;
  try {
    requireSpace(dirname(to), Number(files.main?.size ?? 0));
    copyDurably(from, copy);
    copyDurably(`${from}-journal`, `${copy}-journal`);
    rollBack(engine, copy);
    return read(copy);
  } finally {
    discard(copy);
  }
}

function rollBack(engine: Engine, path: string): void {
  try {
    const db = engine.openUntrusted(path, "readwrite");
    try {
      db.prepare("SELECT count(*) FROM main.sqlite_schema").get();
    } finally {
      db.close();
    }
  } catch (error) {
    const failure = failureOfMedium(error, `rolling back a copy of ${path}`);
    if (failure) throw failure;
    // The pages are back; what they say is damaged.
  }
}
