/**
 * The full integrity check and what its outcome means. Only damage of the file is corruption; rows that
 * break the application's own constraints are its data, and what this process cannot read is unjudged.
 */
import { clipped, hasCode, isCorruption, messageOf, toHoldfastError } from "../errors.ts";
import { lookApart, lookWhole } from "./look.ts";
import type { Connection, Engine } from "./open.ts";
import { failureOfReadOnlyMedium } from "./read-only-medium.ts";
import { type Header, headerOf } from "./read-raw.ts";
import { describe, type SelfDescription } from "./stamp.ts";

export type Verdict =
  | { readonly kind: "sound"; readonly warnings: readonly string[] }
  | { readonly kind: "corrupt"; readonly problems: readonly string[] }
  /** The check cannot judge: a function, a collation, a newer SQLite or a key is needed that is not here. */
  | { readonly kind: "impossible"; readonly reason: string };

export interface Inspection {
  readonly verdict: Verdict;
  /** Null where the file is too damaged to say. */
  readonly self: SelfDescription | null;
  readonly journalMode: "wal" | "delete";
  /** Why the log or journal beside it cannot be its own, where that was looked at. */
  readonly misfit?: string | null;
  /** Commits in the log that SQLite will not read, where that was looked at. */
  readonly unreadCommits?: number;
}

/** How many findings are worth keeping; the verdict does not hang on it. */
const FINDINGS_KEPT = 100;
/** One may have a line for each of many pages, or the name of a table that somebody made as long as a book. */
const FINDING_KEPT = 64 << 10;

/**
 * Rows of `PRAGMA integrity_check` about the application's data, and about full-text and spatial indexes,
 * which their own `rebuild` command restores from the data (https://sqlite.org/fts5.html, 6.10). The wording
 * is that of `integrityCheck` and of the `xIntegrity` methods in SQLite's source, 3.54.
 */
const DATA_ROW =
  /^(NULL value in |non-\w+ value in |NUMERIC value in |TEXT value in |CHECK constraint failed in |index .+ stores an imprecise floating-point value |(malformed|unable to validate the) inverted index for FTS\d+ table |fts\d+: |In RTree )/;

const DAMAGE_ROW =
  /(^\*\*\* in database |^(Tree|Freelist|List of tree roots|Page|Pointer map|Main freelist)\b|page \d+|btreeInitPage|invalid page number|2nd reference|free space|freelist|out of order|cell |^wrong # of entries in index |missing from index |values differ from index |not at end-of-record|^non-unique entry in index |not in PRIMARY KEY order|database disk image is malformed)/i;

/** What is known of a file before SQLite judges it. */
interface Subject {
  readonly path: string;
  readonly header: Header;
  /** Opened by the application's own opener. */
  readonly custom: boolean;
  /** The SQLite that looks at it, as `sqlite_version()` says. */
  readonly sqlite: string;
  /** A free name beside it. */
  readonly scratch: string;
}

/**
 * What one connection checks of a database:
 * - `everything`: `PRAGMA integrity_check`
 * - `structure`: `PRAGMA quick_check`, all pages but not what the indexes hold
 * - `tables`: `PRAGMA integrity_check` of these tables with their indexes
 * - `foreign-keys`: whether each row has its parent
 *
 * `structure` and all `tables` together find what `everything` finds.
 */
export type CheckPart =
  | { readonly kind: "everything" | "structure" | "foreign-keys" }
  | { readonly kind: "tables"; readonly names: readonly string[] };

function pragmasOf(part: CheckPart): string[] {
  switch (part.kind) {
    case "everything":
      return [`integrity_check(${ALL_FINDINGS})`];
    case "structure":
      return [`quick_check(${ALL_FINDINGS})`];
    case "tables":
      return part.names.map((name) => `integrity_check('${name.replaceAll("'", "''")}')`);
    case "foreign-keys":
      return [];
  }
}

/** Without a number the check stops at the hundredth finding, which may hide damage behind the application's data. */
const ALL_FINDINGS = 2147483647;

/** As much of a file as SQLite maps at most; it takes less where it was built with a lower limit. */
const MAP_ALL = 1n << 40n;

/** Checks a part of an open database. What is neither judged nor corruption (busy, I/O, …) is thrown. */
function checkPart(db: Connection, subject: Subject, part: CheckPart): Verdict {
  const warnings: string[] = [];
  const problems: string[] = [];
  const strange: string[] = [];
  try {
    // A bad medium then ends this process, which is a child; its parent tells that as an I/O error.
    db.pragma(`mmap_size = ${MAP_ALL}`);
    // Looking rows up loads the same pages many times; their cells are checked with the structure.
    if (part.kind === "tables" || part.kind === "foreign-keys") db.pragma("cell_size_check = OFF");
    for (const pragma of pragmasOf(part)) {
      const rows = db.prepare(`PRAGMA ${pragma}`).pluck().iterate() as IterableIterator<string>;
      for (const row of rows) {
        if (row === "ok") continue;
        const kind = DATA_ROW.test(row) ? warnings : DAMAGE_ROW.test(row) ? problems : strange;
        if (kind.length < FINDINGS_KEPT) kind.push(kind === warnings ? clipped(row) : clipped(row, FINDING_KEPT));
        if (problems.length >= FINDINGS_KEPT) break;
      }
    }
  } catch (error) {
    return judge(error, subject);
  }
  if (problems.length > 0) return { kind: "corrupt", problems };
  if (strange[0] !== undefined) {
    return {
      kind: "impossible",
      reason: `the check reports what this version of Holdfast does not know: ${clipped(strange[0])}`,
    };
  }
  return { kind: "sound", warnings: part.kind === "foreign-keys" ? foreignKeyWarnings(db) : warnings };
}

/** Violated foreign keys are the application's data. A declaration that cannot be checked is worth a word too. */
function foreignKeyWarnings(db: Connection): string[] {
  const counts = new Map<string, number>();
  try {
    for (const row of db.prepare("PRAGMA foreign_key_check").iterate() as IterableIterator<{
      table: string;
      parent: string;
    }>) {
      const key = clipped(`${row.table} → ${row.parent}`);
      if (counts.size >= FINDINGS_KEPT && !counts.has(key)) continue;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  } catch (error) {
    if (isCorruption(error) || toHoldfastError(error, "checking foreign keys")) throw error;
    return [`foreign keys could not be checked: ${messageOf(error)}`];
  }
  return [...counts].map(([key, count]) => `${count} row${count === 1 ? "" : "s"} without a parent: ${key}`);
}

/** What an error says of the file while it is opened, described or checked. */
function judge(error: unknown, subject: Subject): Verdict {
  const { custom, path, scratch } = subject;
  if (isCorruption(error)) {
    if (custom && hasCode(error) && error.code === "SQLITE_NOTADB") {
      return { kind: "impossible", reason: "the application's opener cannot read it: a wrong key, or another format" };
    }
    const formal = /malformed database schema|not a database/.test(messageOf(error));
    return formal ? judgeFormat(messageOf(error), subject) : { kind: "corrupt", problems: [clipped(messageOf(error))] };
  }
  if (messageOf(error) === "unsupported file format") return judgeFormat(messageOf(error), subject);
  const known = failureOfReadOnlyMedium(error, path, scratch) ?? toHoldfastError(error, `checking ${path}`);
  if (known) throw known;
  return { kind: "impossible", reason: clipped(messageOf(error)) };
}

/** What this SQLite does not know is a newer one's, where a newer one wrote the file; else it is damage. */
function judgeFormat(problem: string, { header, sqlite }: Subject): Verdict {
  if (header.writtenBy <= versionNumber(sqlite)) return { kind: "corrupt", problems: [problem] };
  const writer = versionText(header.writtenBy);
  return { kind: "impossible", reason: `SQLite ${writer} wrote it and this is ${sqlite}: ${problem}` };
}

/** 3054001 for 3.54.1, as header bytes 96–99 hold it. */
function versionNumber(text: string): number {
  const [major = 0, minor = 0, patch = 0] = text.split(".").map(Number);
  return major * 1_000_000 + minor * 1000 + patch;
}

function versionText(number: number): string {
  return `${Math.floor(number / 1_000_000)}.${Math.floor(number / 1000) % 1000}.${number % 1000}`;
}

export interface InspectOptions {
  /** `full` reads every page; `none` reads only what the database says of itself. */
  readonly check: "full" | "none";
  /**
   * `whole`: with its sidecars, as any reader sees it. For a file that stands still: `alone`, without them;
   * `logged`, with its log, apart from the `-shm` that stands there.
   */
  readonly scope: "whole" | "alone" | "logged";
  /** A free name in the same folder, for a look that leaves nothing behind. */
  readonly scratch: string;
  /** How long to wait for a writer's lock, in milliseconds. */
  readonly timeout?: number;
  /** Its header, where that was read already. */
  readonly header?: Header;
  /** `full` only: the part that is checked here. Default: everything. */
  readonly part?: CheckPart;
}

/** Looks at one database, read-only, with or without its sidecars. For child processes: it reads the file raw. */
export function inspect(engine: Engine, path: string, options: InspectOptions): Inspection {
  const { check, scope, scratch, timeout = 5000, part = { kind: "everything" } } = options;
  const { header = headerOf(path) } = options;
  const { journalMode } = header;
  if (!header.isSqlite && !engine.custom) {
    return { verdict: { kind: "corrupt", problems: ["file is not a database"] }, self: null, journalMode };
  }
  const subject: Subject = { path, header, custom: engine.custom, sqlite: engine.sqliteVersion, scratch };
  if (!engine.custom && header.writeVersion > 2) {
    const reason = `its format for writing is ${header.writeVersion}, and SQLite ${engine.sqliteVersion} can only read it`;
    return { verdict: { kind: "impossible", reason }, self: null, journalMode };
  }
  let self: SelfDescription | null = null;
  const look = (db: Connection): Verdict => {
    self = describe(db, path);
    return check === "full" ? checkPart(db, subject, part) : { kind: "sound", warnings: [] };
  };
  const attempt = (withConstraints: boolean): Verdict => {
    try {
      if (scope === "whole") return lookWhole(engine, path, look, { timeout });
      return lookApart(engine, path, { journalMode, scratch, withConstraints, withLog: scope === "logged" }, look);
    } catch (error) {
      return judge(error, subject);
    }
  };
  // A constraint that calls a function which only the application knows cannot be judged, but all else can.
  const withConstraints = scope === "alone" && check === "full" && !engine.custom;
  const verdict = attempt(withConstraints);
  return { verdict: withConstraints && verdict.kind === "impossible" ? attempt(false) : verdict, self, journalMode };
}
