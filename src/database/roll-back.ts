/** A journal that a program left when it was cut off is tried on a copy: on the file itself it could not be taken back. */
import { dirname } from "node:path";
import { named } from "../errors.ts";
import { copyDurably } from "../platform/atomic-file.ts";
import { fs } from "../platform/builtins.ts";
import { requireSpace } from "../platform/free-space.ts";
import type { Engine } from "./open.ts";

const { statSync } = fs;

export function copyWithJournal(path: string, copy: string): void {
  named(`copying ${path} to look at it`, () => {
    requireSpace(dirname(copy), statSync(path).size);
    copyDurably(path, copy);
    copyDurably(`${path}-journal`, `${copy}-journal`);
  });
}

/**
 * SQLite rolls a hot journal back when the database is first read, before it looks at any page:
 * https://sqlite.org/atomiccommit.html#_rollback
 *
 * @throws what SQLite says of the pages then, too
 */
export function rollBack(engine: Engine, copy: string): void {
  const db = engine.openUntrusted(copy, "readwrite");
  try {
    db.prepare("SELECT count(*) FROM main.sqlite_schema").get();
  } finally {
    db.close();
  }
}
