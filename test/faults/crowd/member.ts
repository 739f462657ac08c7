/**
 * One of a crowd: it launches, commits rows and tells of each when its commit has returned, closes, and launches
 * again, until it is killed. Everything goes to one log in append mode, so that the lines of all members stand in
 * the order in which they were written. Run with its types stripped.
 */
import { openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type Database from "better-sqlite3";
import type * as Holdfast from "../../../src/index.ts";

/** A release of the application, with its settings. */
export interface Release {
  readonly version: string;
  readonly settings: string;
}

export interface MemberOrder {
  readonly holdfast: string;
  readonly sqlite: string;
  readonly log: string;
  /** One of them is drawn for each launch. */
  readonly releases: readonly Release[];
  /** It rests for so long at most between two launches; a crowd without rest never leaves the database alone. */
  readonly restMs: number;
}

/**
 * What happens to a member. `alone` is told while it has the launch lock for itself, and `letGo` right before it lets
 * go of it.
 */
export type Happening =
  | { readonly what: "begun"; readonly version: string }
  | { readonly what: "alone"; readonly doing: string }
  | { readonly what: "opened"; readonly blockedMs: number }
  | { readonly what: "committed"; readonly title: string }
  | { readonly what: "letGo" | "closing" | "closed" | "busy" }
  | { readonly what: "backup"; readonly result: string; readonly code: string | null }
  | { readonly what: "refused"; readonly code: string; readonly message: string }
  | { readonly what: "failed"; readonly message: string };

/** One line of the log. */
export type Line = Happening & { readonly pid: number; readonly at: number };

const MOST_ROWS = 4;
const LONGEST_STAY_MS = 60;

const order: MemberOrder = JSON.parse(process.argv[2] ?? "{}");
const { guard, HoldfastError }: typeof Holdfast = await import(order.holdfast);
const { default: Sqlite }: { default: typeof Database } = await import(order.sqlite);
const log = openSync(order.log, "a");
const tell = (happening: Happening) =>
  void writeSync(log, `${JSON.stringify({ ...happening, pid: process.pid, at: Date.now() } satisfies Line)}\n`);
const lot = (below: number) => Math.floor(Math.random() * below);

tellOfLock();
// The migrations are modules, and tell of their begin and their end.
(globalThis as { tellAlone?: (doing: string) => void }).tellAlone = (doing) => tell({ what: "alone", doing });
for (let n = 1; ; n++) {
  await launch(n);
  await pause(lot(order.restMs));
}

async function launch(n: number): Promise<void> {
  const release = order.releases[lot(order.releases.length)];
  if (!release) throw new Error("there is no release to launch");
  tell({ what: "begun", version: release.version });
  try {
    const library = await guard(release.settings, {
      appVersion: release.version,
      onEvent({ kind, message }) {
        if (kind !== "wait" && kind !== "suspect" && !isBehind(message)) tell({ what: "alone", doing: kind });
      },
    });
    tell({ what: "opened", blockedMs: library.report.blockedMs });
    await write(library, `row ${process.pid}-${n}`);
    tell({ what: "closing" });
    const abandon = lot(3) === 0;
    const backup = library.backup.then(({ result, error }) =>
      tell({ what: "backup", result, code: error?.code ?? null }),
    );
    await library.close({ backup: abandon ? "abandon" : "wait" });
    await backup;
    tell({ what: "closed" });
  } catch (error) {
    if (error instanceof HoldfastError) tell({ what: "refused", code: error.code, message: error.message });
    else tell({ what: "failed", message: String(error instanceof Error ? (error.stack ?? error.message) : error) });
  }
}

async function write(library: Holdfast.Guarded, name: string): Promise<void> {
  const rows = lot(MOST_ROWS + 1);
  for (let row = 1; row <= rows; row++) {
    try {
      const title = `${name}-${row}`;
      library.db.prepare("INSERT INTO book (title) VALUES (?)").run(title);
      tell({ what: "committed", title });
    } catch (error) {
      if (!/^SQLITE_BUSY/.test(String((error as { code?: unknown }).code))) throw error;
      tell({ what: "busy" });
    }
    await pause(lot(LONGEST_STAY_MS));
  }
}

/** What Holdfast does beside a running application needs no launch lock. */
function isBehind(message: string): boolean {
  return message.includes("behind the application") || message.startsWith("backing up ");
}

/** Seen at SQLite's own door, whatever Holdfast says of it. */
function tellOfLock(): void {
  const { exec, close } = Sqlite.prototype;
  const held = new WeakSet<object>();
  const isLaunchLock = ({ name }: { name: string }) => name.endsWith("/.library-lock.sqlite");
  const letGo = (db: object) => held.delete(db) && tell({ what: "letGo" });
  Sqlite.prototype.exec = function (sql) {
    if (isLaunchLock(this) && sql === "ROLLBACK") letGo(this);
    const result = exec.call(this, sql);
    if (isLaunchLock(this) && sql === "BEGIN EXCLUSIVE") {
      held.add(this);
      tell({ what: "alone", doing: "lock" });
    }
    return result;
  };
  Sqlite.prototype.close = function () {
    letGo(this);
    return close.call(this);
  };
}
