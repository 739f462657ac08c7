/**
 * One bit of a backup is turned after the other, and each time the backup is looked for and verified by what a launch
 * uses for it, as it would before a restore. The backup is small and has pages of every kind.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTask } from "node:timers/promises";
import Database from "better-sqlite3";
import { checksumFileOf } from "../../../src/backups/checksum-file.ts";
import { surveyBackups } from "../../../src/backups/survey.ts";
import { verifyForRestore } from "../../../src/backups/verify.ts";
import type { Tools } from "../../../src/database/check.ts";
import type { Layout } from "../../../src/database/layout.ts";
import { findMigrations, layoutOf } from "../../../src/database/migrations.ts";
import { loadEngine } from "../../../src/database/open.ts";
import type { Places } from "../../../src/places.ts";
import { Crew } from "../../../src/platform/crew.ts";
import { layOutApp } from "../run-app.ts";
import { Template } from "../template.ts";
import { mapPages, type PageMap } from "./pages.ts";

/** What is lost besides. */
export const LOSSES = ["nothing", "the index", "the index and the checksum file"] as const;
export type Loss = (typeof LOSSES)[number];

export interface SmallBackup {
  readonly file: string;
  readonly places: Places;
  readonly pages: PageMap;
  readonly layout: Layout;
}

const VERSION = "1.0.0";

const SMALL = `
  CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, notes TEXT);
  CREATE INDEX book_by_title ON book (title);
  CREATE TABLE tag (name TEXT, book_id INTEGER, PRIMARY KEY (name, book_id)) WITHOUT ROWID;
  CREATE TABLE scrap (what TEXT);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
  INSERT INTO book (title) SELECT printf('Volume %d of the works', i * 7 % 41) FROM n;
  UPDATE book SET notes = printf('%.1500c', '*') WHERE id = 3;
  INSERT INTO tag SELECT printf('shelf %03d', id % 9), id FROM book;
  INSERT INTO scrap SELECT printf('%.300c', 'x') FROM book LIMIT 16;
  DELETE FROM scrap;
`;

export async function makeSmallBackup(root: string): Promise<SmallBackup> {
  mkdirSync(root, { recursive: true });
  const template = new Template(join(root, "small"), layOutApp(root)).release({
    "0001_shelf.sql": "CREATE TABLE shelf (name TEXT)",
  });
  const db = new Database(template.places.database);
  try {
    db.pragma("page_size = 512");
    db.pragma("auto_vacuum = INCREMENTAL");
    db.exec(SMALL);
  } finally {
    db.close();
  }
  await template.launch(VERSION);
  const { places } = template;
  // The restore point of the adoption would be verified in its stead.
  for (const ending of ["", ".sha256"])
    rmSync(join(places.backups, `library-unstamped.sqlite${ending}`), { force: true });
  await template.launch(VERSION);
  const file = join(places.backups, `library-v${VERSION}.sqlite`);
  const copy = join(root, "copy.sqlite");
  writeFileSync(copy, readFileSync(file));
  const layout = layoutOf(findMigrations(join(template.folder, "migrations")));
  return { file, places, layout, pages: mapPages(copy) };
}

export interface Outcome {
  readonly tried: number;
  /** Places of bits after which the backup was taken for good. */
  readonly unseen: readonly number[];
}

/** @param every so many bits, from `first` on */
export async function turnBits(
  backup: SmallBackup,
  loss: Loss,
  { every = 1, first = 0 }: { every?: number; first?: number } = {},
): Promise<Outcome> {
  const { file, places } = backup;
  const engine = await loadEngine(undefined);
  const tools: Tools = { engine, crew: new Crew(new URL("../../../src/worker.ts", import.meta.url), []) };
  const kept = [places.index, checksumFileOf(file)].map((each) => ({ each, bytes: readFileSync(each) }));
  if (loss !== "nothing") rmSync(places.index);
  if (loss === "the index and the checksum file") rmSync(checksumFileOf(file));
  const good = readFileSync(file);
  const unseen: number[] = [];
  let tried = 0;
  try {
    if (!(await isTakenForGood(tools, backup))) throw new Error("the backup is not good to begin with");
    for (let bit = first; bit < good.length * 8; bit += every) {
      const bytes = Buffer.from(good);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(file, bytes);
      tried++;
      if (await isTakenForGood(tools, backup)) unseen.push(bit);
      // Connections that are closed are freed between tasks only.
      if (tried % 100 === 0) await nextTask();
    }
  } finally {
    writeFileSync(file, good);
    for (const { each, bytes } of kept) writeFileSync(each, bytes);
    await tools.crew.dismiss();
  }
  return { tried, unseen };
}

/** Whether a launch would restore from it. */
async function isTakenForGood(tools: Tools, { places, layout }: SmallBackup): Promise<boolean> {
  const { backups } = surveyBackups(tools.engine, places);
  for (const entry of backups) {
    const { ok } = await verifyForRestore(tools, { places, entry, app: { layout, version: VERSION } });
    if (ok) return true;
  }
  return false;
}
