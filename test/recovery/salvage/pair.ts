/** A database and a backup of it, and what comes of the one with the help of the other. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "vitest";
import { loadEngine } from "../../../src/database/open.ts";
import { salvage } from "../../../src/recovery/salvage/salvage.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";
import { remember } from "./judge.ts";

const engine = await loadEngine();

export const PAGE = 4096;

export interface Pair {
  readonly file: string;
  readonly backup: string;
  readonly db: Database.Database;
}

/** A database that has been backed up, open for what happens afterwards. */
export function backedUp(sql: string): Pair {
  const folder = scratchFolder();
  const [file, backup] = [join(folder, "library.sqlite"), join(folder, "backup.sqlite")];
  const db = new Database(file);
  db.exec(sql);
  db.close();
  copyFileSync(file, backup);
  return { file, backup, db: new Database(file) };
}

export function zero(file: string, pages: readonly number[]): void {
  const bytes = readFileSync(file);
  for (const page of pages) bytes.fill(0, (page - 1) * PAGE, page * PAGE);
  writeFileSync(file, bytes);
}

/** For each row, the pages on which it stands. */
export function pagesOf(file: string, table: string): readonly number[][] {
  const found = remember(file).tables.find(({ name }) => name === table);
  return found?.rows.map(({ pages }) => [...pages]) ?? [];
}

/** @param lost pages that are zero before */
export function healed({ file, backup, db }: Pair, lost: readonly number[]) {
  db.close();
  zero(file, lost);
  const to = `${file}-healed`;
  const report = salvage(engine, { from: file, to, backup });
  const result = new Database(to);
  expect(result.pragma("integrity_check", { simple: true })).toBe("ok");
  return {
    report,
    all: (sql: string) => result.prepare(sql).raw().all(),
    one: (sql: string) => result.prepare(sql).pluck().get(),
  };
}

/** Numbers up to 600. */
export const MANY = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 600)";
