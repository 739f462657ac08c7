/**
 * The new database that salvaged rows go to: laid out as the damaged one, tables first, then the rows in one
 * transaction, then what is built from rows. Nobody else knows of it yet, so nothing is lost with it.
 */
import type { Connection, Engine } from "../../database/open.ts";
import { quote } from "../../database/quote.ts";
import { hasCode, messageOf, named } from "../../errors.ts";
import { syncFile } from "../../platform/atomic-file.ts";
import { fold, rowsOf } from "../tables.ts";
import type { Row } from "../values.ts";
import { moveDuplicates } from "./duplicates.ts";
import { LostAndFound } from "./lost-and-found.ts";
import type { Opened } from "./open-pages.ts";
import type { Entry } from "./schema.ts";
import { createEntry, isUniqueIndex, type NotRebuilt, type Skeleton } from "./skeleton.ts";
import type { Rowid } from "./varint.ts";
import { restoreVirtualTables } from "./virtual-tables.ts";

const ENCODINGS = { utf8: "UTF-8", utf16le: "UTF-16le", utf16be: "UTF-16be" } as const;

/** Of pages; while an index is made, SQLite takes as much again to sort. */
const CACHE_KB = 2000;

/** Rows; each may change some pages. */
const ADDED_AT_ONCE = 100;

/** Rows without the parent that their foreign key names. */
export interface MissingParents {
  readonly table: string;
  readonly parent: string;
  readonly rows: number;
}

export class NewDatabase {
  readonly path: string;
  readonly db: Connection;
  readonly lostAndFound: LostAndFound;
  readonly #notRebuilt: NotRebuilt[] = [];
  #added = 0;
  /** What `sqlite_sequence` said: SQLite writes it again with each row, but not what was given to rows since deleted. */
  readonly #sequences = new Map<string, Row>();

  /** @param path an empty file */
  constructor(engine: Engine, path: string, { layout, autoVacuum, fields }: Opened) {
    this.path = path;
    // These are said before the first table, by a connection that adds nothing of its own.
    const plain = engine.openPlain(path);
    try {
      plain.pragma(`page_size = ${layout.pageSize}`);
      plain.pragma(`encoding = '${ENCODINGS[layout.encoding]}'`);
      plain.pragma(`auto_vacuum = ${autoVacuum}`);
      // Writing any of the header writes all of it.
      plain.pragma(`application_id = ${fields?.applicationId ?? 0}`);
      plain.pragma(`user_version = ${fields?.userVersion ?? 0}`);
    } finally {
      plain.close();
    }
    this.db = engine.openUntrusted(path, "readwrite");
    this.lostAndFound = new LostAndFound(this.db);
    for (const pragma of [
      "synchronous = OFF",
      "journal_mode = MEMORY",
      "locking_mode = EXCLUSIVE",
      `cache_size = -${CACHE_KB}`,
    ]) {
      this.db.pragma(pragma);
    }
  }

  createTables({ tables }: Skeleton): void {
    for (const { entry } of tables) createEntry(this.db, entry);
    this.db.exec("BEGIN");
  }

  keepSequence([table, sequence]: Row): void {
    if (typeof table === "string" && sequence !== undefined) this.#sequences.set(table, [table, sequence]);
  }

  /** Of a table that has AUTOINCREMENT, where that can be read. */
  lastRowidOf(table: string): Rowid | null {
    const sequence = this.#sequences.get(table)?.[1];
    return typeof sequence === "number" || typeof sequence === "bigint" ? sequence : null;
  }

  /** Once all rows are there that could be read: those that are added after them must not contradict them. */
  buildUniqueIndexes({ later }: Skeleton): void {
    this.db.exec("COMMIT");
    for (const entry of later.filter(isUniqueIndex)) this.#build(entry);
  }

  /** Adds rows, before any trigger is there. */
  add<T>(work: () => T): T {
    this.db.exec("BEGIN");
    try {
      return work();
    } finally {
      // What was added before a donor failed is true all the same.
      if (this.db.inTransaction) this.db.exec("COMMIT");
    }
  }

  /** What was added up to now need not be taken back: else memory would grow with each page that is changed. */
  breathe(): void {
    if (++this.#added % ADDED_AT_ONCE === 0) this.db.exec("COMMIT; BEGIN");
  }

  /**
   * Builds the rest of what is not rows.
   *
   * @param damaged tables that could not be read whole
   */
  complete({ later, virtualTables }: Skeleton, damaged: readonly string[]): NotRebuilt[] {
    this.add(() => this.#setSequences());
    for (const entry of later.filter((each) => !isUniqueIndex(each))) this.#build(entry);
    this.#notRebuilt.push(...restoreVirtualTables(this.db, virtualTables, damaged));
    return this.#notRebuilt;
  }

  #build(entry: Entry): void {
    try {
      createEntry(this.db, entry);
    } catch (error) {
      if (hasCode(error) && error.code.startsWith("SQLITE_CONSTRAINT")) this.#buildWithoutDuplicates(entry);
      else this.#giveUp(entry, error);
    }
  }

  #buildWithoutDuplicates(entry: Entry): void {
    try {
      moveDuplicates(this.db, entry, this.lostAndFound);
      createEntry(this.db, entry);
    } catch (error) {
      this.#giveUp(entry, error);
    }
  }

  #giveUp({ type, name }: Entry, error: unknown): void {
    if (hasCode(error) && !/^SQLITE_(ERROR|CONSTRAINT)/.test(error.code)) throw error;
    this.#notRebuilt.push({ type, name, reason: messageOf(error) });
  }

  #setSequences(): void {
    if (this.#sequences.size === 0) return;
    const find = this.db.prepare("SELECT seq FROM main.sqlite_sequence WHERE name = ?").pluck().safeIntegers();
    for (const [table, [, sequence]] of this.#sequences) {
      const standing = find.get(table);
      if (standing === undefined) {
        this.db.prepare("INSERT INTO main.sqlite_sequence (seq, name) VALUES (?, ?)").run(sequence, table);
      } else if (Number(sequence) > Number(standing)) {
        this.db.prepare("UPDATE main.sqlite_sequence SET seq = ? WHERE name = ?").run(sequence, table);
      }
    }
  }

  missingParents(): MissingParents[] {
    const found = new Map<string, MissingParents>();
    for (const { name } of rowsOf<{ name: string }>(
      this.db,
      "SELECT name FROM main.sqlite_schema WHERE type = 'table'",
    )) {
      if (rowsOf(this.db, `PRAGMA main.foreign_key_list(${quote(name)})`).length === 0) continue;
      try {
        const check = this.db.prepare<unknown[], [string, unknown, string]>(
          `PRAGMA main.foreign_key_check(${quote(name)})`,
        );
        for (const [table, , parent] of check.raw(true).iterate()) {
          const key = fold(`${table} ${parent}`);
          found.set(key, { table, parent, rows: (found.get(key)?.rows ?? 0) + 1 });
        }
      } catch (error) {
        // The parent's columns are no key of its table: SQLite can check nothing then.
        if (!hasCode(error) || error.code !== "SQLITE_ERROR") throw error;
      }
    }
    return [...found.values()];
  }

  close(): void {
    this.db.close();
  }

  /** The file has all of it when this returns. */
  finish(): void {
    this.db.pragma("locking_mode = NORMAL");
    this.db.pragma("journal_mode = DELETE");
    this.close();
    named(`writing ${this.path}`, () => syncFile(this.path));
  }
}
