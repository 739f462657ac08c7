/** The application's migrations: found in a folder or passed in code, each with its checksum. */
import { pathToFileURL } from "node:url";
import valid from "semver/functions/valid.js";
import { messageOf } from "../errors.ts";
import { checksumOf, type Layout, type LayoutStep } from "./layout.ts";
import {
  checksumOfInput,
  invalidMigration as invalid,
  type MigrationFile,
  type MigrationInput,
  type MigrationSource,
  readMigrationFolder,
} from "./migration-files.ts";
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

export function findMigrations(source: MigrationSource): readonly Migration[] {
  if (source === false) return [];
  const found = typeof source === "string" ? readMigrationFolder(source).map(fromFile) : source.map(fromInput);
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

function fromFile({ name, path, text, down }: MigrationFile): Migration {
  return {
    name,
    checksum: checksumOf(text),
    ...directives(path, text),
    down,
    load: async () => (/\.sql$/i.test(name) ? text : await importUp(path)),
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
    checksum: checksumOfInput(input),
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
