/** The sample application's releases, and the migrations that each shipped with. */
import { readFileSync } from "node:fs";
import type { MigrationInput } from "../index.ts";

export interface Release {
  readonly version: string;
  /** What it gave the reader. */
  readonly brings: string;
  /** The migrations that were new in it; the earlier ones it ships as well. */
  readonly adds: readonly string[];
}

export const RELEASES: readonly Release[] = [
  { version: "1.0.0", brings: "books and their authors", adds: ["0001_books.sql", "0002_authors.sql"] },
  { version: "1.1.0", brings: "reading progress", adds: ["0003_reading_progress.sql"] },
  { version: "1.2.0", brings: "books from before print", adds: ["0004_books_before_print.sql"] },
  { version: "1.3.0", brings: "the book read last, found faster", adds: ["0005_last_read.sql"] },
  { version: "1.4.0", brings: "covers and title search", adds: ["0006_covers.sql", "0007_title_search.up.sql"] },
];

/** Beside this module both in `src` and in `dist`, wherever the application is started from. */
const FOLDER = new URL("../../migrations/", import.meta.url);

/** The releases that a reader had until `release`, in order. */
export function releasesUntil(release: Release): readonly Release[] {
  return RELEASES.slice(0, RELEASES.indexOf(release) + 1);
}

/**
 * The migrations as `release` shipped them. A real release has only these on its disk and names the folder in
 * `db-migrations`; here all releases share one folder, so they are passed in code.
 */
export function migrationsOf(release: Release): readonly MigrationInput[] {
  return releasesUntil(release).flatMap(({ adds }) => adds.map(read));
}

function read(name: string): MigrationInput {
  const up = textOf(name);
  return name.endsWith(".up.sql") ? { name, up, down: textOf(name.replace(/\.up\.sql$/, ".down.sql")) } : { name, up };
}

function textOf(file: string): string {
  return readFileSync(new URL(file, FOLDER), "utf8");
}
