/** What is damaged: databases that Holdfast has launched and an application has written to, in every state. */
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { leaveHotJournal, overwrite } from "../damage.ts";
import { layOutApp, runApp } from "../run-app.ts";
import { Template } from "../template.ts";
import { LIBRARY, RECIPES, SHELVES } from "./library.ts";

export const BEGINNINGS = ["sealed", "killed", "journal", "hot", "corrupt", "missing", "swap", "late-swap"] as const;
export type BeginningName = (typeof BEGINNINGS)[number];

/** The version that is started after the damage. */
export const VERSION = "1.1.0";

const FIRST = { "0001_library.sql": LIBRARY };
const SECOND = { ...FIRST, "0002_shelves.sql": SHELVES };

/** Two releases, a backup of each, and a row that no backup holds; closed cleanly, in WAL mode. */
async function sealed(template: Template): Promise<void> {
  await template.settle({ "db-migrations": "migrations" }).release(FIRST).launch("1.0.0", ["Middlemarch"]);
  await template.launch("1.0.0");
  await template.release(SECOND).launchAndDie(VERSION, ["Emma"]);
  copyFileSync(`${template.places.database}-wal`, `${oldOf(template.folder)}-wal`);
  await template.launch(VERSION);
  await template.launch(VERSION, ["Persuasion"]);
}

/** Made by another program, with pointer maps and small pages, in a rollback-journal mode. */
async function journal(template: Template): Promise<void> {
  const db = new Database(template.places.database);
  try {
    db.pragma("page_size = 1024");
    db.pragma("auto_vacuum = INCREMENTAL");
    db.exec(LIBRARY);
  } finally {
    db.close();
  }
  const shelves = { "0001_shelves.sql": SHELVES };
  await template.release(shelves).launch("1.0.0", ["Middlemarch"]);
  await template.launch("1.0.0");
  await template.release({ ...shelves, "0002_loans.sql": "CREATE TABLE loan (book_id INTEGER)" });
  await template.launch(VERSION, ["Emma"]);
  await template.launch(VERSION, ["Persuasion"]);
}

const PREPARATIONS: Readonly<Record<BeginningName, (template: Template) => Promise<unknown>>> = {
  sealed,
  killed: async (template) => {
    await sealed(template);
    await template.launchAndDie(VERSION, ["Villette", "Shirley", "Cranford", "Romola"]);
  },
  journal,
  hot: async (template) => {
    await journal(template);
    leaveHotJournal(template.places.database);
  },
  corrupt: async (template) => {
    await sealed(template);
    overwrite(template.forgetSeal().places.database, 0);
  },
  missing: async (template) => {
    await sealed(template);
    rmSync(template.places.database);
  },
  swap: beforeSwap,
  "late-swap": beforeSwap,
};

/** A corrupt database with a log of its own, which the next launch replaces. */
async function beforeSwap(template: Template): Promise<void> {
  await sealed(template);
  await template.launchAndDie(VERSION, ["Villette"]);
  overwrite(template.forgetSeal().places.database, 0);
}

export interface Stage {
  readonly name: BeginningName;
  readonly folder: string;
  readonly app: string;
  /** Files of a database that has nothing to do with this one. */
  readonly foreign: string;
}

export function stageAt(name: BeginningName, root: string): Stage {
  return { name, folder: join(root, name), app: join(root, "app.mjs"), foreign: join(root, `${name}-foreign.sqlite`) };
}

export async function prepare(name: BeginningName, root: string): Promise<void> {
  const { folder, foreign } = stageAt(name, root);
  await PREPARATIONS[name](new Template(folder, layOutApp(root)));
  makeForeign(foreign);
}

/** What stood beside the database some sessions before. */
export function oldOf(folder: string): string {
  return `${folder}-old`;
}

/** A database, and its `-wal`, `-shm` and `-journal`, each as it is in the middle of work. */
function makeForeign(file: string): void {
  const db = new Database(`${file}.live`);
  try {
    db.pragma("journal_mode = WAL");
    db.exec(RECIPES);
    for (const ending of ["-wal", "-shm"]) copyFileSync(`${file}.live${ending}`, file + ending);
    db.pragma("journal_mode = DELETE");
    db.exec("BEGIN; UPDATE recipe SET name = name || ', served hot'");
    copyFileSync(`${file}.live-journal`, `${file}-journal`);
    db.exec("ROLLBACK");
  } finally {
    db.close();
  }
  copyFileSync(`${file}.live`, file);
  rmSync(`${file}.live`);
}

/** A launch that is cut off while it replaces the database: before the old one is kept, or after. */
export async function cutSwapOff(stage: Stage, folder: string): Promise<void> {
  const call = stage.name === "swap" ? "link" : "rename";
  const preload = new URL(`./cut-swap-off.ts?at=${call}`, import.meta.url).href;
  const order = { settings: join(folder, "settings.toml"), version: VERSION, rows: [], dies: false };
  const run = await runApp(stage.app, order, null, preload);
  if (run.status !== null) throw new Error(`the swap was not cut off: ${JSON.stringify(run.words)} ${run.errors}`);
}
