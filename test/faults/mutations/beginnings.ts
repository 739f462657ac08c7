/** What is damaged: databases that Holdfast has launched and an application has written to, in every state. */
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { leaveHotJournal, overwrite } from "../damage.ts";
import { layOutApp, runApp } from "../run-app.ts";
import { copyTemplate, Template } from "../template.ts";
import { LIBRARY, RECIPES, SHELVES } from "./library.ts";

export const BEGINNINGS = [
  ...(["sealed", "killed", "journal", "hot", "corrupt", "missing", "swap", "late-swap"] as const),
  ...(["heal", "heal-journal"] as const),
] as const;
export type BeginningName = (typeof BEGINNINGS)[number];

/** The version that is started after the damage. */
export const VERSION = "1.1.0";

const FIRST = { "0001_library.sql": LIBRARY };
const SECOND = { ...FIRST, "0002_shelves.sql": SHELVES };

/** As they are by default; they are there to be damaged. */
const SETTINGS = {
  "db-migrations": "migrations",
  "db-backup-retention": 2,
  "db-on-corruption": "restore",
  "db-on-missing": "restore",
  "db-scrub-interval": "30d",
};

const HEALING = { ...SETTINGS, "db-on-corruption": "heal" };

/** Two releases, a backup of each, and a row that no backup holds; closed cleanly, in WAL mode. */
async function sealed(template: Template): Promise<void> {
  await template.release(FIRST).launch("1.0.0", ["Middlemarch"]);
  await template.launch("1.0.0");
  await template.release(SECOND).launchAndDie(VERSION, ["Emma"]);
  copyFileSync(`${template.places.database}-wal`, `${template.folder}-old-wal`);
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

/** What is made of another beginning, and how; the first two are made from nothing. */
const MADE_OF: Readonly<Record<BeginningName, readonly [BeginningName | null, (template: Template) => unknown]>> = {
  sealed: [null, sealed],
  journal: [null, journal],
  killed: ["sealed", (template) => template.launchAndDie(VERSION, ["Villette", "Shirley", "Cranford", "Romola"])],
  hot: ["journal", ({ places }) => leaveHotJournal(places.database)],
  corrupt: ["sealed", (template) => overwrite(template.forgetSeal().places.database, 0)],
  missing: ["sealed", ({ places }) => rmSync(places.database)],
  swap: ["sealed", beforeSwap],
  "late-swap": ["sealed", beforeSwap],
  heal: ["sealed", (template) => template.settle(HEALING)],
  "heal-journal": ["journal", (template) => template.settle(HEALING)],
};

/** A corrupt database with a log of its own, which the next launch replaces. */
async function beforeSwap(template: Template): Promise<void> {
  await template.launchAndDie(VERSION, ["Villette"]);
  overwrite(template.forgetSeal().places.database, 0);
}

export interface Stage {
  readonly name: BeginningName;
  readonly folder: string;
  readonly app: string;
  /** Files of a database that has nothing to do with this one. */
  readonly foreign: string;
  /** A log of this one, from some sessions before. */
  readonly old: string;
}

export function stageAt(name: BeginningName, root: string): Stage {
  const folder = join(root, name);
  return { name, folder, app: join(root, "app.mjs"), foreign: `${folder}-foreign.sqlite`, old: `${folder}-old-wal` };
}

/** All of them, in a folder of their own. */
export async function prepareAll(root: string): Promise<void> {
  const app = layOutApp(root);
  for (const name of BEGINNINGS) {
    const { folder, foreign, old } = stageAt(name, root);
    const [from, make] = MADE_OF[name];
    if (from !== null) {
      copyTemplate(stageAt(from, root).folder, folder);
      if (existsSync(stageAt(from, root).old)) copyFileSync(stageAt(from, root).old, old);
    }
    await make(new Template(folder, app).settle(SETTINGS));
    makeForeign(foreign);
  }
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
