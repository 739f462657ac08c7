/** The flows: what each begins with, what the application does in it, and what must come of it. */
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Operation } from "./app.ts";
import { addAuthors, bringForeignLog, leaveHotJournal, makeForeign, overwrite, rootOf, smashTable } from "./damage.ts";
import type { Template } from "./template.ts";

export interface Flow {
  readonly name: string;
  readonly prepare: (template: Template) => Promise<unknown>;
  /** The version that is started, and started again after the fault. */
  readonly version: string;
  /** What a person asks for in this run, in the place of a launch; in its argument `{data}` is the flow's folder. */
  readonly operation?: Operation;
  /** Where the database may stand afterwards, beside its own place. */
  readonly movesTo?: string;
  /** Where there may be a folder that `backup --output` wrote: whole, or not at all. */
  readonly output?: string;
  /** Titles that the operation brings: all of them at once, or none. */
  readonly brings?: readonly string[];
  /** What the application writes in this run. */
  readonly rows: readonly string[];
  /** What it wrote before, and must be in the database or in a file that is named. */
  readonly before: readonly string[];
  /** Files of the template whose bytes must be kept, wherever. */
  readonly keeps?: readonly string[];
  /** Backups that this flow takes away. */
  readonly retires?: readonly string[];
  /** It quarantines or demotes something, and rightly. */
  readonly setsAside?: true;
  /** The refusal in which the next launch may end. */
  readonly refusal?: string;
}

const OLD = ["Middlemarch", "Emma"];
const NEW = ["Persuasion", "Villette"];
const BROUGHT = ["Shirley", "Romola"];
const VERSION = "1.0.0";
const RESTORE = { "db-on-corruption": "restore" };
const AUTHORS = { "0001_authors.sql": "CREATE TABLE author (name TEXT)" };

export const FLOWS: readonly Flow[] = [
  { name: "first-launch", prepare: async (t) => t.release(1), version: VERSION, rows: NEW, before: [] },
  { name: "quiet-launch", prepare: async (t) => backedUp(t), version: VERSION, rows: [], before: OLD },
  { name: "backup", prepare: async (t) => written(t), version: VERSION, rows: NEW, before: [...OLD, "Cranford"] },
  { name: "close-and-seal", prepare: async (t) => backedUp(t), version: VERSION, rows: NEW, before: OLD },
  {
    name: "after-a-kill",
    prepare: async (t) => (await backedUp(t)).launchAndDie(VERSION, ["Cranford"]),
    version: VERSION,
    rows: NEW,
    before: [...OLD, "Cranford"],
  },
  {
    name: "adoption",
    prepare: async (t) => makeForeign(t.release(AUTHORS).places.database, OLD),
    version: VERSION,
    rows: NEW,
    before: OLD,
  },
  { name: "hot-journal", prepare: async (t) => cutOff(t), version: VERSION, rows: NEW, before: OLD },
  {
    name: "upgrade-with-a-hot-journal",
    prepare: async (t) =>
      (await cutOff(t)).release({ ...AUTHORS, "0002_more.sql": "CREATE TABLE progress (page INTEGER)" }),
    version: "1.1.0",
    rows: NEW,
    before: OLD,
    retires: ["library-unstamped.sqlite"],
  },
  {
    name: "upgrade",
    prepare: async (t) => (await written(t)).release(3),
    version: "1.1.0",
    rows: NEW,
    before: [...OLD, "Cranford"],
  },
  {
    name: "upgrade-after-a-kill",
    prepare: async (t) => (await (await backedUp(t)).launchAndDie(VERSION, ["Cranford"])).release(3),
    version: "1.1.0",
    rows: NEW,
    before: [...OLD, "Cranford"],
  },
  {
    name: "upgrade-on-a-copy",
    prepare: async (t) =>
      (await written(t)).release({
        "0001_books.sql": "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL);",
        "0002_vacuum.sql": "-- holdfast: no-transaction\nVACUUM;",
      }),
    version: "1.1.0",
    rows: NEW,
    before: [...OLD, "Cranford"],
  },
  {
    name: "failed-migration",
    prepare: async (t) =>
      (await written(t)).release({
        "0001_books.sql": "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL);",
        "0002_wrong.sql": "CREATE TABLE author (name TEXT); DELETE FROM book; INSERT INTO nowhere VALUES (1);",
      }),
    version: "1.1.0",
    rows: NEW,
    before: [...OLD, "Cranford"],
    refusal: "MIGRATION_FAILED",
  },
  {
    name: "downgrade",
    setsAside: true,
    prepare: async (t) => {
      await (await written(t)).release(3).launch("1.1.0", ["Shirley"]);
      return (await t.launchAndDie("1.1.0", ["Romola"])).release(1);
    },
    version: VERSION,
    rows: NEW,
    before: [...OLD, "Cranford", "Shirley", "Romola"],
  },
  {
    name: "corruption",
    setsAside: true,
    prepare: async (t) => smashTable((await written(t.settle(RESTORE))).forgetSeal().places.database, "book"),
    version: VERSION,
    rows: NEW,
    before: OLD,
    keeps: ["library.sqlite"],
  },
  {
    name: "corruption-with-sidecars",
    setsAside: true,
    prepare: async (t) => {
      await (await backedUp(t.settle(RESTORE))).launchAndDie(VERSION, ["Cranford"]);
      overwrite(t.forgetSeal().places.database, 0);
    },
    version: VERSION,
    rows: NEW,
    before: OLD,
    keeps: ["library.sqlite", "library.sqlite-wal"],
  },
  {
    name: "healing",
    setsAside: true,
    prepare: async (t) =>
      smashTable((await (await withAuthors(t)).launch(VERSION, ["Cranford"])).forgetSeal().places.database, "author"),
    version: VERSION,
    rows: NEW,
    before: [...OLD, "Cranford"],
    keeps: ["library.sqlite"],
  },
  {
    name: "healing-with-a-log",
    setsAside: true,
    prepare: async (t) => {
      const { database } = (await withAuthors(t)).places;
      const page = rootOf(database, "author");
      await t.launchAndDie(VERSION, ["Cranford"]);
      overwrite(t.forgetSeal().places.database, (page - 1) * 4096);
    },
    version: VERSION,
    rows: NEW,
    before: [...OLD, "Cranford"],
    keeps: ["library.sqlite", "library.sqlite-wal"],
  },
  {
    name: "salvage-without-a-backup",
    setsAside: true,
    prepare: async (t) => {
      await (await withAuthors(t.settle({ "db-backup-retention": 0 }))).launch(VERSION, ["Cranford"]);
      smashTable(t.forgetSeal().places.database, "author");
    },
    version: VERSION,
    rows: NEW,
    before: [...OLD, "Cranford"],
    keeps: ["library.sqlite"],
  },
  {
    name: "beyond-healing",
    setsAside: true,
    prepare: async (t) => smashTable((await written(t)).forgetSeal().places.database, "book"),
    version: VERSION,
    rows: NEW,
    before: OLD,
    keeps: ["library.sqlite"],
  },
  {
    name: "foreign-log",
    setsAside: true,
    prepare: async (t) => bringForeignLog((await written(t)).places.database),
    version: VERSION,
    rows: NEW,
    before: [...OLD, "Cranford"],
    keeps: ["library.sqlite-wal"],
  },
  {
    name: "missing",
    prepare: async (t) => rmSync((await backedUp(t)).places.database),
    version: VERSION,
    rows: NEW,
    before: OLD,
  },
  {
    name: "missing-with-a-log",
    setsAside: true,
    prepare: async (t) => {
      await (await backedUp(t)).launchAndDie(VERSION, ["Cranford"]);
      rmSync(t.places.database);
    },
    version: VERSION,
    rows: NEW,
    before: OLD,
    keeps: ["library.sqlite-wal"],
  },
  {
    name: "retention",
    prepare: async (t) => {
      t.settle({ "db-backup-retention": 4 }).release(1);
      for (const [n, title] of ["Middlemarch", "Emma", "Cranford", "Shirley"].entries())
        await t.launch(`1.${n}.0`, [title]);
      return t.settle({ "db-backup-retention": 2 });
    },
    version: "1.3.0",
    rows: NEW,
    before: ["Middlemarch", "Emma", "Cranford", "Shirley"],
    retires: ["library-v1.0.0.sqlite", "library-v1.1.0.sqlite"],
  },
  {
    name: "index-lost",
    prepare: async (t) => rmSync((await written(t)).places.index),
    version: VERSION,
    rows: NEW,
    before: [...OLD, "Cranford"],
  },
  {
    name: "index-torn",
    prepare: async (t) => truncateSync((await written(t)).places.index, 300),
    version: VERSION,
    rows: NEW,
    before: [...OLD, "Cranford"],
  },
  {
    name: "restore-by-hand",
    setsAside: true,
    prepare: async (t) => written(t),
    version: VERSION,
    operation: { name: "restore", argument: "latest" },
    rows: NEW,
    before: [...OLD, "Cranford"],
  },
  {
    name: "restore-by-hand-of-a-corrupt-one",
    setsAside: true,
    prepare: async (t) => {
      await (await backedUp(t)).launchAndDie(VERSION, ["Cranford"]);
      overwrite(t.forgetSeal().places.database, 0);
    },
    version: VERSION,
    operation: { name: "restore", argument: "latest" },
    rows: NEW,
    before: OLD,
    keeps: ["library.sqlite", "library.sqlite-wal"],
  },
  {
    name: "merge",
    prepare: async (t) =>
      makeForeign(join((await written(t)).folder, "other.sqlite"), [...OLD, "Cranford", ...BROUGHT]),
    version: VERSION,
    operation: { name: "merge", argument: "{data}/other.sqlite" },
    brings: BROUGHT,
    rows: NEW,
    before: [...OLD, "Cranford"],
    keeps: ["other.sqlite"],
  },
  {
    name: "merge-in-a-journal-mode",
    prepare: async (t) => {
      makeForeign(t.release(AUTHORS).places.database, OLD);
      await (await t.launch(VERSION)).launch(VERSION);
      makeForeign(join(t.folder, "other.sqlite"), [...OLD, ...BROUGHT]);
    },
    version: VERSION,
    operation: { name: "merge", argument: "{data}/other.sqlite" },
    brings: BROUGHT,
    rows: NEW,
    before: OLD,
    keeps: ["other.sqlite"],
  },
  {
    name: "move",
    prepare: async (t) => written(t),
    version: VERSION,
    operation: { name: "move", argument: "{data}/elsewhere" },
    movesTo: "elsewhere",
    rows: NEW,
    before: [...OLD, "Cranford"],
    refusal: "NOT_FOUND",
    retires: ["library-v1.0.0.sqlite"],
  },
  {
    name: "backup-to-a-folder",
    prepare: async (t) => {
      // The folder under way that a kill leaves is no temporary of the application's folders.
      for (const name of ["media", "elsewhere"]) mkdirSync(join(t.folder, name));
      for (const name of ["emma.jpg", "shirley.jpg"]) writeFileSync(join(t.folder, "media", name), name.repeat(1000));
      return await written(t.settle({ "db-extra": ["media"] }));
    },
    version: VERSION,
    operation: { name: "backup", argument: "{data}/elsewhere/out" },
    output: "elsewhere/out",
    rows: NEW,
    before: [...OLD, "Cranford"],
  },
];

/** Sealed, and its backup holds all of it. */
async function backedUp(template: Template): Promise<Template> {
  await template.release(1).launch(VERSION);
  return await (await template.launch(VERSION, OLD)).launch(VERSION);
}

/** Sealed, with a second table that its backup has too. */
async function withAuthors(template: Template): Promise<Template> {
  await template.release(2).launch(VERSION, OLD);
  addAuthors(template.places.database);
  return await template.launch(VERSION);
}

/** Sealed, with a row that no backup holds. */
async function written(template: Template): Promise<Template> {
  return await (await backedUp(template)).launch(VERSION, ["Cranford"]);
}

/** A database that another program made and that is not in WAL mode, cut off in the middle of a transaction. */
async function cutOff(template: Template): Promise<Template> {
  makeForeign(template.release(AUTHORS).places.database, OLD);
  await template.launch(VERSION);
  leaveHotJournal(template.places.database);
  return template;
}
