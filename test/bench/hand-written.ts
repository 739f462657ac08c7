/**
 * The pipeline that a careful developer writes by hand with the packages that Holdfast is made of: open, check,
 * migrate, copy, rename, index. It does what most such pipelines leave out (a temporary file, a rename, an index
 * that is replaced whole), and it is tuned where that costs nothing: migrations are listed and not globbed for.
 *
 * Its packages are loaded inside the call, so that their loading is timed and the reading of this file is not.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type Sqlite from "better-sqlite3";

export interface Pipeline {
  readonly database: string;
  readonly backups: string;
  readonly migrations: string;
  readonly version: string;
}

/** What both `openChecked` and `backUp` need of the packages. */
export interface Packages {
  readonly Sqlite: typeof Sqlite;
  readonly Umzug: typeof import("umzug").Umzug;
  readonly toml: typeof import("smol-toml");
}

export async function loadPackages(): Promise<Packages> {
  const [sqlite, umzug, toml] = await Promise.all([
    import("better-sqlite3"),
    import("umzug"),
    import("smol-toml"),
  ] as const);
  return { Sqlite: sqlite.default, Umzug: umzug.Umzug, toml };
}

export async function openChecked({ Sqlite, Umzug }: Packages, pipeline: Pipeline): Promise<Sqlite.Database> {
  const { database, migrations } = pipeline;
  const db = new Sqlite(database);
  db.pragma("journal_mode = WAL");
  const verdict = db.pragma("integrity_check", { simple: true });
  if (verdict !== "ok") throw new Error(`${database} is corrupt: ${verdict}`);

  db.exec("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)");
  const umzug = new Umzug({
    logger: undefined,
    migrations: readdirSync(migrations)
      .filter((file) => file.endsWith(".sql"))
      .sort()
      .map((name) => ({
        name,
        up: async () => db.transaction(() => db.exec(readFileSync(join(migrations, name), "utf8")))(),
      })),
    storage: {
      executed: async () => db.prepare("SELECT name FROM migrations ORDER BY name").pluck().all() as string[],
      logMigration: async ({ name }) => {
        db.prepare("INSERT INTO migrations VALUES (?, ?)").run(name, new Date().toISOString());
      },
      unlogMigration: async ({ name }) => {
        db.prepare("DELETE FROM migrations WHERE name = ?").run(name);
      },
    },
  });
  await umzug.up();
  return db;
}

export async function backUp({ toml }: Packages, db: Sqlite.Database, pipeline: Pipeline): Promise<void> {
  const { backups, version } = pipeline;
  mkdirSync(backups, { recursive: true });
  const file = `library-v${version}.sqlite`;
  const temporary = join(backups, `.${file}.tmp`);
  rmSync(temporary, { force: true });
  await db.backup(temporary);
  renameSync(temporary, join(backups, file));

  const index = join(backups, "index.toml");
  const entry = { version, file, created_at: new Date(), size: statSync(join(backups, file)).size };
  const others = readEntries(toml, index).filter((each) => each.file !== file);
  writeFileSync(`${index}.tmp`, toml.stringify({ entries: [...others, entry] }));
  renameSync(`${index}.tmp`, index);
}

function readEntries(toml: Packages["toml"], index: string): { file: string }[] {
  try {
    return (toml.parse(readFileSync(index, "utf8")) as { entries?: { file: string }[] }).entries ?? [];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
