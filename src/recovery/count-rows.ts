/** How many rows each table of a database has, in the child process, for that reads all of them. */
import { observeFiles } from "../database/files.ts";
import { openApart, openHeld, plainly, type Reading } from "../database/look.ts";
import type { Engine } from "../database/open.ts";
import { headerOf } from "../database/read-raw.ts";
import { HoldfastError, isCorruption, messageOf, named } from "../errors.ts";
import type { Progress } from "../platform/child.ts";
import { countRows, readTables } from "./tables.ts";

/** By table. */
export type RowCounts = Readonly<Record<string, number>>;

export interface CountOrder {
  readonly path: string;
  /**
   * - `held`: the live database, which nobody else has open
   * - `beside`: the live database, as any reader sees it
   * - `apart`: another file, which is left with nothing beside it
   */
  readonly how: "held" | "beside" | "apart";
  /** A free name, for a second name of the file. */
  readonly scratch: string;
}

/** @throws DB_CORRUPT and others, as SQLite fails */
export function countAllRows(engine: Engine, order: CountOrder, onProgress: (progress: Progress) => void): RowCounts {
  const { path } = order;
  const { db, close } = openForCount(engine, order);
  try {
    return named(`counting the rows of ${path}`, () => {
      const tables = [...readTables(db).tables.values()];
      const counts: Record<string, number> = {};
      for (const [done, table] of tables.entries()) {
        onProgress({ done, total: tables.length, what: table.name });
        counts[table.name] = countRows(db, table);
      }
      return counts;
    });
  } catch (error) {
    if (!isCorruption(error)) throw error;
    throw new HoldfastError({
      code: "DB_CORRUPT",
      message: `${path} is damaged: ${messageOf(error)}.`,
      hint: "Read what can be read of it into a new file: holdfast recover",
      details: { path },
    });
  } finally {
    close();
  }
}

export function openForCount(engine: Engine, { path, how, scratch }: CountOrder): Reading {
  if (how === "held") return openHeld(engine, path);
  if (how === "beside") return plainly(engine.openUntrusted(path, "readonly"));
  const withLog = observeFiles(path).sidecars["-wal"] !== undefined;
  return openApart(engine, path, { journalMode: headerOf(path).journalMode, scratch, withLog });
}
