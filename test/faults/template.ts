/**
 * What a flow begins with: made once, copied for each point. What stands in a seal of the file that it is about is
 * brought up to date in the copy, for a copied file has another number.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { proofOf, proofOfBackups } from "../../src/database/seal.ts";
import type * as Holdfast from "../../src/index.ts";
import { type Places, placesOf } from "../../src/places.ts";
import { rewriteRecord } from "../fixtures/rewrite-record.ts";
import { type AppRun, HOLDFAST, runApp } from "./run-app.ts";

export const MIGRATIONS = {
  "0001_books.sql": "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL);",
  "0002_authors.sql": "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
  "0003_progress.sql": "CREATE TABLE progress (book_id INTEGER NOT NULL REFERENCES book(id), page INTEGER NOT NULL);",
} as const;

export class Template {
  readonly folder: string;
  readonly #app: string;

  constructor(folder: string, app: string) {
    this.folder = folder;
    this.#app = app;
    mkdirSync(folder, { recursive: true });
    this.settle({});
  }

  get places(): Places {
    return placesOf(join(this.folder, "library.sqlite"), undefined);
  }

  /** The settings: the path and a short patience, and what is said besides. */
  settle(more: Record<string, string | number | readonly string[]>): this {
    const all = { "db-path": "library.sqlite", "db-lock-timeout": "5s", ...more };
    const lines = Object.entries(all).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    writeFileSync(join(this.folder, "settings.toml"), lines.join(""));
    return this;
  }

  /** The application's migrations; a number means the first so many of the usual ones. */
  release(migrations: number | Readonly<Record<string, string>>): this {
    const folder = join(this.folder, "migrations");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const files =
      typeof migrations === "number" ? Object.fromEntries(Object.entries(MIGRATIONS).slice(0, migrations)) : migrations;
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return this;
  }

  /** A whole launch, its backup, some rows, and a clean close. */
  async launch(version: string, rows: readonly string[] = []): Promise<this> {
    const { guard }: typeof Holdfast = await import(HOLDFAST);
    const library = await guard(join(this.folder, "settings.toml"), { appVersion: version });
    await library.backup;
    for (const title of rows) library.db.prepare("INSERT INTO book (title) VALUES (?)").run(title);
    await library.close();
    return this;
  }

  /** The same without the close: the rows are in the log. */
  async launchAndDie(version: string, rows: readonly string[]): Promise<this> {
    const order = { settings: join(this.folder, "settings.toml"), version, rows, dies: true };
    const run: AppRun = await runApp(this.#app, order, null, null);
    if (!existsSync(`${this.places.database}-wal`)) throw new Error(`nothing is left in the log: ${run.errors}`);
    return this;
  }

  /** Takes the record of the last close away, so that the next launch reads every page. */
  forgetSeal(): this {
    for (const file of [this.places.seal, this.places.opened]) rmSync(file, { force: true });
    return this;
  }
}

/** A copy that Holdfast takes for the untouched original. */
export function copyTemplate(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
  for (const folder of [join(from, "migrations"), from]) {
    const { atime, mtime } = statSync(folder);
    utimesSync(join(to, folder.slice(from.length)), atime, mtime);
  }
  const places = placesOf(join(to, "library.sqlite"), undefined);
  if (!existsSync(places.backups)) return;
  for (const name of readdirSync(places.backups).filter((file) => /-db-(seal|opened)\.toml$/.test(file))) {
    const file = join(places.backups, name);
    const proof = proofOf(places.database);
    if (!proof || isOutdated(join(from, "backups", name), from)) continue;
    rewriteRecord(file, (text) => {
      let now = text.replace(/^backups = .*$/m, () => `backups = ${JSON.stringify(proofOfBackups(places))}`);
      for (const [key, value] of Object.entries(proof))
        now = now.replace(new RegExp(`^${key} = .*$`, "m"), `${key} = "${value}"`);
      return now;
    });
  }
}

/** Whether the seal is of the file as it is. */
export function isSealed(folder: string): boolean {
  const { seal } = placesOf(join(folder, "library.sqlite"), undefined);
  return existsSync(seal) && !isOutdated(seal, folder);
}

/** A seal that the template itself broke stays broken. */
function isOutdated(seal: string, folder: string): boolean {
  const proof = proofOf(join(folder, "library.sqlite"));
  const text = readFileSync(seal, "utf8");
  return (
    !proof ||
    !text.includes(`ino = "${proof.ino}"`) ||
    (seal.endsWith("seal.toml") && !text.includes(`mtime = "${proof.mtime}"`))
  );
}
