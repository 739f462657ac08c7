import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findMigrations } from "../../src/database/migrations.ts";
import { type Connection, type Guarded, guard } from "../../src/index.ts";
import { BEFORE_PRINT, type Book, PRINTED } from "../../src/sample/catalogue.ts";
import { drawCovers, oldestBooks, readOn, searchTitles, stock } from "../../src/sample/library.ts";
import { migrationsOf, RELEASES, type Release } from "../../src/sample/releases.ts";

const MIGRATIONS = join(import.meta.dirname, "../../migrations");

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-sample-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function release(version: string): Release {
  const found = RELEASES.find((each) => each.version === version);
  if (!found) throw new Error(`no release ${version}`);
  return found;
}

async function launch(version: string): Promise<Guarded> {
  const settings = { path: join(folder, "library.sqlite"), backupRetention: RELEASES.length };
  return await guard(settings, { appVersion: version, migrations: migrationsOf(release(version)) });
}

function rows(db: Connection, sql: string): unknown[] {
  return db.prepare(sql).all();
}

function schema(db: Connection): unknown[] {
  return rows(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name");
}

test("each release ships the migrations that Holdfast finds in the folder, and the newest ships them all", () => {
  const shipped = RELEASES.map((each) => findMigrations(migrationsOf(each)).map(describe));
  const found = findMigrations(MIGRATIONS).map(describe);
  for (const migrations of shipped) expect(migrations).toEqual(found.slice(0, migrations.length));
  expect(shipped.at(-1)).toEqual(found);
  expect(shipped.map((each) => each.length)).toEqual([2, 3, 4, 5, 7]);

  function describe({ name, checksum, down, compatibleSince }: ReturnType<typeof findMigrations>[number]): object {
    return { name, checksum, down, compatibleSince };
  }
});

test("each migration begins with a comment", () => {
  const files = readdirSync(MIGRATIONS);
  expect(files).toHaveLength(8);
  for (const { name, up, down } of RELEASES.flatMap(migrationsOf)) {
    expect(up, name).toMatch(/^-- \S/);
    if (down !== undefined) expect(down, name).toMatch(/^-- \S/);
  }
});

test("the releases follow each other on one database, and no row is lost when a table is rebuilt", async () => {
  const books = "SELECT id, title, first_published, language FROM books ORDER BY id";
  const links = "SELECT book_id, author_id, position FROM book_authors ORDER BY book_id, position";
  const progress = "SELECT book_id, percent, read_at FROM reading_progress ORDER BY book_id";
  let before: unknown[][] = [];
  {
    await using library = await launch("1.0.0");
    expect(stock(library.db, PRINTED)).toBe(PRINTED.length);
  }
  {
    await using library = await launch("1.1.0");
    for (let day = 1; day <= 10; day++) readOn(library.db, new Date(Date.UTC(2026, 0, day)));
    before = [books, links, progress].map((sql) => rows(library.db, sql));
    expect(before.map((each) => each.length)).toEqual([PRINTED.length, PRINTED.length + 2, 2]);
    expect(() => stock(library.db, BEFORE_PRINT)).toThrow("CHECK constraint failed");
  }
  {
    await using library = await launch("1.2.0");
    const { db, report } = library;
    expect(report.actions.find((each) => each.action === "migrate")?.applied).toEqual(["0004_books_before_print.sql"]);
    expect([books, links, progress].map((sql) => rows(db, sql))).toEqual(before);
    expect(db.pragma("foreign_key_check")).toEqual([]);
    for (const child of ["book_authors", "reading_progress"]) {
      expect(db.pragma(`foreign_key_list(${child})`)).toContainEqual(
        expect.objectContaining({ table: "books", from: "book_id", on_delete: "CASCADE" }),
      );
    }
    expect(rows(db, "PRAGMA index_list(books)")).toContainEqual(expect.objectContaining({ name: "books_by_year" }));
    expect(stock(db, [...PRINTED, ...BEFORE_PRINT])).toBe(BEFORE_PRINT.length);
    expect(oldestBooks(db, 1)).toEqual([{ title: "The Persians", authors: "Aeschylus", year: -472 }]);

    db.prepare("DELETE FROM books WHERE id = 1").run();
    expect(rows(db, `${progress.replace("ORDER", "WHERE book_id = 1 ORDER")}`)).toEqual([]);
    expect(rows(db, `${links.replace("ORDER", "WHERE book_id = 1 ORDER")}`)).toEqual([]);
  }
  for (const { version } of RELEASES.slice(3)) {
    await using library = await launch(version);
    expect(library.report.warnings).toEqual([]);
    expect(library.db.pragma("foreign_key_check")).toEqual([]);
  }
});

test("the title search follows every change of a title", async () => {
  await using library = await launch("1.4.0");
  const { db } = library;
  const title = (text: string): Book => ({ title: text, authors: [], firstPublished: 1900, language: "en" });
  stock(db, [title("My Ántonia"), title("War and Peace")]);
  expect(searchTitles(db, "antonia")).toEqual(["My Ántonia"]);
  db.prepare("UPDATE books SET title = 'Peace' WHERE title = 'War and Peace'").run();
  expect(searchTitles(db, "war")).toEqual([]);
  expect(searchTitles(db, "peace")).toEqual(["Peace"]);
  db.prepare("DELETE FROM books WHERE title = 'Peace'").run();
  expect(searchTitles(db, "peace")).toEqual([]);
  db.prepare("INSERT INTO book_titles (book_titles, rank) VALUES ('integrity-check', 1)").run();
});

test("books that stand on the shelf when the title search comes are found too", async () => {
  {
    await using library = await launch("1.3.0");
    stock(library.db, PRINTED);
  }
  await using library = await launch("1.4.0");
  expect(searchTitles(library.db, "war")).toEqual(["War and Peace", "The War of the Worlds"]);
});

test("the way back from the title search leaves the schema as it was", async () => {
  await using library = await launch("1.4.0");
  const { db } = library;
  const search = migrationsOf(release("1.4.0")).at(-1);
  const after = schema(db);
  db.exec(search?.down ?? "");
  const before = schema(db);
  expect(before).not.toEqual(after);
  expect(JSON.stringify(before)).not.toContain("book_titles");
  db.exec(String(search?.up));
  expect(schema(db)).toEqual(after);
});

test("1.2.0 opens and uses what 1.3.0 made, since that declares itself compatible", async () => {
  {
    await using library = await launch("1.3.0");
    stock(library.db, PRINTED);
    await library.backup;
  }
  await using library = await launch("1.2.0");
  expect(library.report.found).toEqual({ state: "healthy", version: "1.3.0", layout: "ahead" });
  expect(library.report.actions.map((each) => each.action)).toEqual([]);
  expect(stock(library.db, BEFORE_PRINT)).toBe(BEFORE_PRINT.length);
  expect(readOn(library.db, new Date())?.percent).toBe(15);
});

test("a cover is drawn once for each book", async () => {
  await using library = await launch("1.4.0");
  const { db } = library;
  const [book] = PRINTED;
  if (!book) throw new Error("the catalogue is empty");
  stock(db, [{ ...book, title: "Fathers & <Sons>" }]);
  expect(drawCovers(db)).toBe(1);
  expect(drawCovers(db)).toBe(0);
  const image = db.prepare<[], Buffer>("SELECT image FROM covers").pluck().get();
  expect(image?.toString()).toMatch(/^<svg .*>Fathers &amp; &lt;Sons><\/text>.*<\/svg>$/);
});
