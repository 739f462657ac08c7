/**
 * The one place that loads better-sqlite3 and opens files with it. It is a peer dependency: two copies of
 * SQLite in one process would each drop the other's POSIX locks (https://sqlite.org/howtocorrupt.html, 2.2.1).
 */
import type Database from "better-sqlite3";
import { HoldfastError } from "../errors.ts";
import { requireSharedMemory } from "../platform/free-space.ts";

export type Connection = Database.Database;

/** Neither makes a file that is missing. */
export type OpenMode = "readwrite" | "readonly";

/**
 * What a module named by the `opener` option exports as `open`: it returns a better-sqlite3 compatible
 * connection with everything the file needs: key, functions, collations. It runs in the application and in
 * Holdfast's child process alike. SQL inside a file may call its functions: register with `directOnly` those that
 * must not be called from there.
 */
export type Opener = (path: string, mode: OpenMode) => Connection;

export interface OpenOptions {
  /** How long to wait for a lock, in milliseconds. */
  readonly timeout?: number;
}

export interface Engine {
  /** Opens by SQLite's own means, whatever opener the application brings: for Holdfast's lock files. */
  openPlain(path: string, options?: { timeout?: number; readonly?: boolean }): Connection;
  /** Opens the bytes of a database read-only in memory. */
  openBytes(bytes: Buffer): Connection;
  /** For the application's own code, which knows what its schema calls. */
  open(path: string, mode: OpenMode, options?: OpenOptions): Connection;
  /** For Holdfast's statements on a file that anybody may have made. */
  openUntrusted(path: string, mode: OpenMode, options?: OpenOptions): Connection;
  /** The version of SQLite itself, as in 3.54.1. */
  readonly sqliteVersion: string;
  /** True when the application brings its own opener: then a file need not look like SQLite's from outside. */
  readonly custom: boolean;
}

/** The lowest Node release that better-sqlite3 13 and `await using` run on; 20 crashes while loading it. */
const LOWEST_NODE = [22, 15] as const;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isSupported = major > LOWEST_NODE[0] || (major === LOWEST_NODE[0] && minor >= LOWEST_NODE[1]);

/** @throws UNSUPPORTED_RUNTIME */
export function checkRuntime(): void {
  if (isSupported) return;
  const { node: version } = process.versions;
  throw new HoldfastError({
    code: "UNSUPPORTED_RUNTIME",
    message: `Holdfast needs Node.js ${LOWEST_NODE.join(".")} or later; this is ${version}.`,
    hint: `Install Node.js ${LOWEST_NODE.join(".")} or later and start again; nothing was touched.`,
    details: { needed: `>=${LOWEST_NODE.join(".")}`, found: version },
  });
}

/** By `require`: it is CommonJS, which `import` first reads through for its names. Both share one copy. */
function load(): typeof Database {
  const { createRequire } = process.getBuiltinModule("node:module");
  return createRequire(import.meta.url)("better-sqlite3") as typeof Database;
}

/** With this module, so that no launch waits for it; SQLite itself is loaded with the first connection. */
const loaded = loadAhead();

function loadAhead(): typeof Database | undefined {
  try {
    return isSupported ? load() : undefined;
  } catch {
    // Whoever launches is told, and whoever only asks for help is not.
    return undefined;
  }
}

/** @param openerUrl URL of the application's own opener module */
export async function loadEngine(openerUrl?: string): Promise<Engine> {
  checkRuntime();
  const Sqlite = loaded ?? load();
  let version: string | undefined;
  const opener = openerUrl === undefined ? undefined : await loadOpener(openerUrl);
  return {
    custom: opener !== undefined,
    get sqliteVersion() {
      version ??= versionOf(Sqlite);
      return version;
    },
    openPlain: (path, options) => new Sqlite(path, options),
    openBytes: (bytes) => new Sqlite(bytes, { readonly: true }),
    open,
    openUntrusted(path, mode, options) {
      const db = open(path, mode, options);
      return opener ? db.exec(`${CHECK_CELLS}; ${NO_KEYS}`) : distrust(db);
    },
  };

  function open(path: string, mode: OpenMode, options: OpenOptions = {}): Connection {
    if (mode === "readwrite") requireSharedMemory(path);
    if (!opener) return new Sqlite(path, { readonly: mode === "readonly", fileMustExist: true, ...options });
    const db = opener(path, mode);
    if (options.timeout !== undefined) db.pragma(`busy_timeout = ${options.timeout}`);
    return db;
  }
}

/**
 * A page whose cells overrun it is reported where it is read: https://sqlite.org/pragma.html#pragma_cell_size_check
 * Not for the application, whose reads of a large database it would slow down each time a page is loaded anew.
 */
const CHECK_CELLS = "PRAGMA cell_size_check = ON";

/** None of Holdfast's statements may set off an action of a foreign key that somebody laid on its tables. */
const NO_KEYS = "PRAGMA foreign_keys = OFF";

/**
 * What https://sqlite.org/security.html advises for files of others, beside the defensive mode, which better-sqlite3
 * turns on: SQL inside the file may call only what can do no harm. Not for an opener, whose functions the schema is
 * to call, nor for the application, whose triggers and views may call its functions: better-sqlite3 cannot register
 * one as innocuous.
 */
export function distrust(db: Connection): Connection {
  return db.exec(`${CHECK_CELLS}; ${NO_KEYS}; PRAGMA trusted_schema = OFF`);
}

function versionOf(Sqlite: typeof Database): string {
  const db = new Sqlite(":memory:");
  try {
    return db.prepare("SELECT sqlite_version()").pluck().get() as string;
  } finally {
    db.close();
  }
}

async function loadOpener(url: string): Promise<Opener> {
  const module = (await import(url)) as { open?: unknown };
  if (typeof module.open === "function") return module.open as Opener;
  throw new HoldfastError({
    code: "SETTINGS_INVALID",
    message: `The opener module ${url} exports no function "open".`,
    hint: 'Export `function open(path, mode)` from it; mode is "readwrite" or "readonly".',
    details: { opener: url },
  });
}
