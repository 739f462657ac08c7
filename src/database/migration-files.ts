/**
 * The application's migrations as they are shipped: their names and texts, which is all that a quiet launch needs
 * to know of them. What they say and how they are run is in migrations.ts.
 */
import { join } from "node:path";
import { HoldfastError, hasCode, named } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import { proofOfFolder } from "../platform/folder-proof.ts";
import { checksumOf, type LayoutStep } from "./layout.ts";
import type { Connection } from "./open.ts";

const { readdirSync, readFileSync } = fs;

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

/** A migration as a file. */
export interface MigrationFile {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly down: string | null;
}

/** The names and checksums, in order, as the layout holds them. */
export function layoutIn(source: MigrationSource): readonly LayoutStep[] {
  if (source === false) return [];
  if (typeof source !== "string")
    return source.map((input) => ({ name: input.name, checksum: checksumOfInput(input) }));
  return readMigrationFolder(source).map(({ name, text }) => ({ name, checksum: checksumOf(text) }));
}

export function checksumOfInput({ name, up, checksum }: MigrationInput): string {
  return checksum ?? checksumOf(typeof up === "string" ? up : name);
}

/** Tells by `stat` whether the folder is the one whose layout is known already; null where there is none. */
export function proofOfMigrations(folder: string): string | null {
  try {
    return proofOfFolder(folder, (file) => !file.startsWith("."));
  } catch {
    return null;
  }
}

/** @throws SETTINGS_INVALID where the folder is missing or a file has no partner */
export function readMigrationFolder(folder: string): readonly MigrationFile[] {
  let files: string[];
  try {
    files = readdirSync(folder).sort();
  } catch (error) {
    if (!hasCode(error) || !["ENOENT", "ENOTDIR"].includes(error.code)) {
      return named(`listing ${folder}`, () => {
        throw error;
      });
    }
    throw invalidMigration(
      `The migrations folder ${folder} does not exist.`,
      "Ship the folder with the application, set db-migrations to where it is, or to false when there are none.",
      { key: "db-migrations", value: folder },
    );
  }
  const migrations: MigrationFile[] = [];
  for (const file of files.filter((name) => !name.startsWith("."))) {
    if (file.endsWith(".down.sql")) {
      if (files.includes(file.replace(/\.down\.sql$/, ".up.sql"))) continue;
      throw invalidMigration(
        `${join(folder, file)} has no ${file.replace(/\.down\.sql$/, ".up.sql")} beside it.`,
        "Add it, or remove the one without a partner.",
        { file },
      );
    }
    if (/\.(sql|js|mjs)$/i.test(file)) migrations.push(readMigration(folder, file, files));
  }
  return migrations;
}

function readMigration(folder: string, file: string, files: readonly string[]): MigrationFile {
  const path = join(folder, file);
  const downFile = file.replace(/\.up\.sql$/, ".down.sql");
  const text = named(`reading ${path}`, () => readFileSync(path, "utf8"));
  const down = downFile !== file && files.includes(downFile) ? readFileSync(join(folder, downFile), "utf8") : null;
  return { name: file, path, text, down };
}

export function invalidMigration(message: string, hint: string, details: Record<string, unknown>): HoldfastError {
  return new HoldfastError({ code: "SETTINGS_INVALID", message, hint, details });
}
