/** The application's migrations: found in a folder or passed in code, each with its checksum. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { valid } from "semver";
import { HoldfastError, hasCode, messageOf, named } from "../errors.ts";
import { checksumOf, type Layout, type LayoutStep } from "./layout.ts";
import type { Connection } from "./open.ts";
import { firstTransactionStatement } from "./statements.ts";

/** One step from a layout to the next. */
export interface Migration extends LayoutStep {
  readonly compatibleSince: string | null;
  /** False for one that cannot run inside a transaction, such as VACUUM. */
  readonly transaction: boolean;
  /** SQL text, or the function to call. */
  load(): Promise<string | ((db: Connection) => unknown)>;
  /** Kept in the ledger, so that an older app has it too. */
  readonly down: string | null;
}

/** A migration passed in code, for applications that are bundled into one file. */
export interface MigrationInput {
  /** Its name in the ledger; the array is taken in its own order. */
  readonly name: string;
  readonly up: string | ((db: Connection) => unknown);
  readonly down?: string;
  /**
   * What tells an edited migration from the applied one. Default: the SHA-256 of `up` where it is SQL, and of
   * the name where it is a function, whose text a bundler may change.
   */
  readonly checksum?: string;
  /** The lowest app version (semver) that may open the result. */
  readonly compatibleSince?: string;
  /** Default true. */
  readonly transaction?: boolean;
}

/** A folder, an array, or `false` for none. */
export type MigrationSource = string | readonly MigrationInput[] | false;

export function findMigrations(source: MigrationSource): readonly Migration[] {
  if (source === false) return [];
  const found = typeof source === "string" ? inFolder(source) : source.map(fromInput);
  const names = new Set<string>();
  for (const { name } of found) {
    if (names.has(name))
      throw invalid(`Two migrations are named ${name}.`, "Give each migration a name of its own.", { name });
    names.add(name);
  }
  return found;
}

/** The layout that these migrations make, as plain values: what crosses to the child process. */
export function layoutOf(migrations: readonly Migration[]): Layout {
  return migrations.map(({ name, checksum, compatibleSince }) => ({ name, checksum, compatibleSince }));
}

function inFolder(folder: string): Migration[] {
  let files: string[];
  try {
    files = readdirSync(folder).sort();
  } catch (error) {
    if (!hasCode(error) || !["ENOENT", "ENOTDIR"].includes(error.code)) {
      return named(`listing ${folder}`, () => {
        throw error;
      });
    }
    throw invalid(
      `The migrations folder ${folder} does not exist.`,
      "Ship the folder with the application, set db-migrations to where it is, or to false when there are none.",
      { key: "db-migrations", value: folder },
    );
  }
  const migrations: Migration[] = [];
  for (const file of files.filter((name) => !name.startsWith("."))) {
    if (file.endsWith(".down.sql")) {
      if (files.includes(file.replace(/\.down\.sql$/, ".up.sql"))) continue;
      throw invalid(
        `${join(folder, file)} has no ${file.replace(/\.down\.sql$/, ".up.sql")} beside it.`,
        "Add it, or remove the one without a partner.",
        { file },
      );
    }
    if (/\.(sql|js|mjs)$/i.test(file)) migrations.push(fromFile(folder, file, files));
  }
  return migrations;
}

function fromFile(folder: string, file: string, files: readonly string[]): Migration {
  const path = join(folder, file);
  const text = named(`reading ${path}`, () => readFileSync(path, "utf8"));
  const downFile = file.replace(/\.up\.sql$/, ".down.sql");
  const down = downFile !== file && files.includes(downFile) ? readFileSync(join(folder, downFile), "utf8") : null;
  const script = !/\.sql$/i.test(file);
  return {
    name: file,
    checksum: checksumOf(text),
    ...directives(path, text),
    down,
    load: async () => (script ? await importUp(path) : text),
  };
}

async function importUp(path: string): Promise<(db: Connection) => unknown> {
  const module = (await import(pathToFileURL(path).href)) as { up?: unknown };
  if (typeof module.up !== "function") throw new Error(`${path} exports no function "up"`);
  return module.up as (db: Connection) => unknown;
}

function fromInput(input: MigrationInput): Migration {
  const { name, up, down, compatibleSince, transaction = true } = input;
  if (typeof name !== "string" || name === "" || (typeof up !== "string" && typeof up !== "function")) {
    throw invalid(
      `The migration ${JSON.stringify(name)} passed in code needs a name and an "up" that is SQL text or a function.`,
      'Pass { name: "0001_books", up: "CREATE TABLE …" }.',
      { name },
    );
  }
  const stated = typeof up === "string" ? directives(name, up) : { transaction: true, compatibleSince: null };
  return {
    name,
    checksum: input.checksum ?? checksumOf(typeof up === "string" ? up : name),
    compatibleSince: compatibleSince === undefined ? stated.compatibleSince : requireVersion(name, compatibleSince),
    transaction: transaction && stated.transaction,
    down: down ?? null,
    load: async () => up,
  };
}

/** `-- holdfast: no-transaction` and `-- holdfast: compatible-since 1.2.0`, with `//` in a script. */
function directives(where: string, text: string): { transaction: boolean; compatibleSince: string | null } {
  let transaction = true;
  let compatibleSince: string | null = null;
  for (const [, directive = ""] of text
    .replace(/^\uFEFF/, "")
    .matchAll(/^[ \t]*(?:--|\/\/)[ \t]*holdfast:[ \t]*(.*?)[ \t]*\r?$/gm)) {
    const [word, value] = directive.split(/\s+/);
    if (word === "no-transaction") transaction = false;
    else if (word === "compatible-since") compatibleSince = requireVersion(where, value);
    else {
      throw invalid(
        `${where} says "holdfast: ${directive}", which means nothing.`,
        "Say no-transaction, or compatible-since and a version.",
        {
          file: where,
          value: directive,
        },
      );
    }
  }
  return { transaction, compatibleSince };
}

function requireVersion(where: string, version: string | undefined): string {
  if (version !== undefined && valid(version)) return version;
  throw invalid(
    `${where} says compatible-since ${version ?? "nothing"}, which is no version.`,
    "Name a semantic version, as in compatible-since 1.2.0.",
    {
      file: where,
      value: version,
    },
  );
}

function invalid(message: string, hint: string, details: Record<string, unknown>): HoldfastError {
  return new HoldfastError({ code: "SETTINGS_INVALID", message, hint, details });
}

/** Why one of `pending` must not run, found by reading them: before the restore point, before anything. */
export async function findUnfit(pending: readonly Migration[]): Promise<{ name: string; why: string } | null> {
  for (const migration of pending) {
    let up: string | ((db: Connection) => unknown);
    try {
      up = await migration.load();
    } catch (error) {
      return { name: migration.name, why: `it could not be loaded: ${messageOf(error)}` };
    }
    const found = migration.transaction && typeof up === "string" ? firstTransactionStatement(up) : undefined;
    if (found)
      return {
        name: migration.name,
        why: `line ${found.line} says ${found.verb}, but all pending migrations run in one transaction`,
      };
  }
  return null;
}
