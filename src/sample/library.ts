/** What the sample application does in its open database. */
import type { Connection } from "../index.ts";
import type { Book } from "./catalogue.ts";
import { drawCover } from "./cover.ts";

/** How far a reader gets between two launches. */
const PERCENT_A_DAY = 15;

export interface Reading {
  readonly title: string;
  readonly authors: string;
  readonly percent: number;
}

export interface Shelved {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
}

/** `Karl Marx and Friedrich Engels`, as on the title page. */
const AUTHORS_OF_BOOK = `(
  SELECT group_concat(name, ' and ' ORDER BY position)
  FROM book_authors JOIN authors ON authors.id = author_id WHERE book_id = books.id
)`;

/**
 * Adds what the shelf lacks, so that a launch that was cut off while it filled the shelf does no harm.
 *
 * @returns how many books were added
 */
export function stock(db: Connection, books: readonly Book[]): number {
  const addBook = db
    .prepare<[string, number, string], number>(
      `INSERT INTO books (title, first_published, language) VALUES (?, ?, ?)
       ON CONFLICT (title, first_published) DO NOTHING RETURNING id`,
    )
    .pluck();
  const addAuthor = db.prepare("INSERT INTO authors (name, born, died) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING");
  const addLink = db.prepare(
    "INSERT INTO book_authors (book_id, author_id, position) SELECT ?, id, ? FROM authors WHERE name = ?",
  );
  return db.transaction(() => {
    let added = 0;
    for (const { title, firstPublished, language, authors } of books) {
      const id = addBook.get(title, firstPublished, language);
      if (id === undefined) continue;
      added++;
      for (const [index, { name, born, died }] of authors.entries()) {
        addAuthor.run(name, born, died);
        addLink.run(id, index + 1, name);
      }
    }
    return added;
  })();
}

/** @returns how many books got a cover, having had none */
export function drawCovers(db: Connection): number {
  const bare = db.prepare<[], { id: number; title: string; authors: string }>(
    `SELECT id, title, ${AUTHORS_OF_BOOK} AS authors FROM books WHERE id NOT IN (SELECT book_id FROM covers)`,
  );
  const add = db.prepare("INSERT INTO covers (book_id, media_type, image) VALUES (?, 'image/svg+xml', ?)");
  return db.transaction(() => {
    const books = bare.all();
    for (const { id, title, authors } of books) add.run(id, Buffer.from(drawCover(title, authors)));
    return books.length;
  })();
}

export function lastRead(db: Connection): Reading | undefined {
  return db
    .prepare<[], Reading>(
      `SELECT title, ${AUTHORS_OF_BOOK} AS authors, percent
       FROM reading_progress JOIN books ON books.id = book_id ORDER BY read_at DESC LIMIT 1`,
    )
    .get();
}

/** Reads on in the book that is under way, or else begins the next one; undefined when every book is read. */
export function readOn(db: Connection, now: Date): Reading | undefined {
  const next = db
    .prepare<[], number>(
      `SELECT id FROM books LEFT JOIN reading_progress ON book_id = id
       WHERE percent IS NULL OR percent < 100 ORDER BY percent IS NULL, read_at DESC, id LIMIT 1`,
    )
    .pluck()
    .get();
  if (next === undefined) return undefined;
  db.prepare(
    `INSERT INTO reading_progress (book_id, percent, read_at) VALUES (@book, @step, @now)
     ON CONFLICT (book_id) DO UPDATE SET percent = min(100, percent + @step), read_at = @now`,
  ).run({ book: next, step: PERCENT_A_DAY, now: now.toISOString() });
  return lastRead(db);
}

export function count(db: Connection, table: "books" | "authors" | "covers"): number {
  return db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0;
}

export function oldestBooks(db: Connection, limit: number): readonly Shelved[] {
  return db
    .prepare<[number], Shelved>(
      `SELECT title, ${AUTHORS_OF_BOOK} AS authors, first_published AS year
       FROM books ORDER BY first_published, title LIMIT ?`,
    )
    .all(limit);
}

/** @param words in the syntax of https://sqlite.org/fts5.html, 3 */
export function searchTitles(db: Connection, words: string): readonly string[] {
  return db
    .prepare<[string], string>("SELECT title FROM book_titles WHERE book_titles MATCH ? ORDER BY rank, title")
    .pluck()
    .all(words);
}
