/**
 * The database that is launched: a lending library with seven indices, foreign keys and mostly text, as large as
 * asked for. The same size gives the same bytes, so that runs on different days can be held against each other.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";

/** Part of the file's name: a file that an earlier recipe made is not taken for one of this. */
const RECIPE = 1;

const SCHEMA = `
  CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born INTEGER NOT NULL, life TEXT NOT NULL);
  CREATE INDEX authors_by_name ON authors (name);
  CREATE TABLE books (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES authors (id),
    isbn TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    published INTEGER NOT NULL,
    summary TEXT NOT NULL
  );
  CREATE INDEX books_by_author ON books (author_id);
  CREATE INDEX books_by_title ON books (title);
  CREATE TABLE members (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    joined_at TEXT NOT NULL
  );
  CREATE TABLE loans (
    id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL REFERENCES books (id),
    member_id INTEGER NOT NULL REFERENCES members (id),
    lent_at TEXT NOT NULL,
    returned_at TEXT
  );
  CREATE INDEX loans_by_book ON loans (book_id);
  CREATE INDEX loans_by_member ON loans (member_id, lent_at);
  CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL REFERENCES books (id) ON DELETE CASCADE,
    member_id INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    body TEXT NOT NULL
  );
  CREATE INDEX notes_by_book ON notes (book_id);
`;

/**
 * @param megabytes of 1 000 000 bytes each
 * @returns the file's path; one that is there already is taken as it is
 */
export function makeDatabase(folder: string, megabytes: number): string {
  const file = join(folder, `library-${megabytes}mb-recipe${RECIPE}.sqlite`);
  if (existsSync(file)) return file;
  const unfinished = `${file}.unfinished`;
  rmSync(unfinished, { force: true });
  const db = new Sqlite(unfinished);
  db.pragma("journal_mode = OFF");
  db.pragma("synchronous = OFF");
  db.pragma("cache_size = -1000000");
  db.pragma("foreign_keys = OFF");
  db.exec(SCHEMA);
  const grow = grower(db);
  const size = db.prepare("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").pluck();
  db.exec("BEGIN");
  for (let batch = 0; (size.get() as number) < megabytes * 1_000_000; batch++) grow(batch);
  db.exec("COMMIT");
  db.pragma("journal_mode = WAL");
  db.close();
  renameSync(unfinished, file);
  return file;
}

/** What an application writes in a short session: 100 loans, 100 returns and 100 notes. */
export function changeDatabase(path: string, seed: number): void {
  const random = randomNumbers(1_000_000 + seed);
  const db = new Sqlite(path, { fileMustExist: true });
  const books = db.prepare("SELECT max(id) FROM books").pluck().get() as number;
  const members = db.prepare("SELECT max(id) FROM members").pluck().get() as number;
  const lend = db.prepare("INSERT INTO loans (book_id, member_id, lent_at) VALUES (?, ?, ?)");
  const note = db.prepare("INSERT INTO notes (book_id, member_id, body) VALUES (?, ?, ?)");
  const giveBack = db.prepare("UPDATE loans SET returned_at = ? WHERE id = ?");
  db.transaction(() => {
    for (let i = 0; i < 100; i++) {
      const { lastInsertRowid } = lend.run(1 + random(books), 1 + random(members), day(random(9000)));
      note.run(1 + random(books), 1 + random(members), words(random, 40));
      giveBack.run(day(9000), Number(lastInsertRowid) - 100);
    }
  })();
  db.close();
}

/** Another database of the same schema, with nothing but so many loans and notes that the first one has not. */
export function makeIncoming(database: string, file: string, rows: number): void {
  const random = randomNumbers(2_000_000);
  const current = new Sqlite(database, { fileMustExist: true });
  const [books, members, loans, notes] = ["books", "members", "loans", "notes"].map(
    (table) => current.prepare(`SELECT max(id) FROM ${table}`).pluck().get() as number,
  ) as [number, number, number, number];
  current.close();
  const db = new Sqlite(file);
  db.pragma("foreign_keys = OFF");
  db.exec(SCHEMA);
  const loan = db.prepare("INSERT INTO loans (id, book_id, member_id, lent_at) VALUES (?, ?, ?, ?)");
  const note = db.prepare("INSERT INTO notes (id, book_id, member_id, body) VALUES (?, ?, ?, ?)");
  db.transaction(() => {
    for (let i = 1; i <= rows / 2; i++) {
      loan.run(loans + i, 1 + random(books), 1 + random(members), day(random(9000)));
      note.run(notes + i, 1 + random(books), 1 + random(members), words(random, 40));
    }
  })();
  db.close();
}

const BOOKS_A_BATCH = 200;

/** Adds 200 books with all that hangs on them: about half a megabyte. */
function grower(db: Sqlite.Database): (batch: number) => void {
  const author = db.prepare("INSERT INTO authors (name, born, life) VALUES (?, ?, ?)");
  const book = db.prepare("INSERT INTO books (author_id, isbn, title, published, summary) VALUES (?, ?, ?, ?, ?)");
  const member = db.prepare("INSERT INTO members (email, name, joined_at) VALUES (?, ?, ?)");
  const loan = db.prepare("INSERT INTO loans (book_id, member_id, lent_at, returned_at) VALUES (?, ?, ?, ?)");
  const note = db.prepare("INSERT INTO notes (book_id, member_id, body) VALUES (?, ?, ?)");
  return (batch) => {
    const random = randomNumbers(batch);
    const authors = (batch + 1) * 20;
    const members = (batch + 1) * 50;
    const books = (batch + 1) * BOOKS_A_BATCH;
    for (let i = 0; i < 20; i++) author.run(words(random, 2), 1700 + random(300), words(random, 60));
    for (let i = 0; i < 50; i++) {
      const name = words(random, 2);
      member.run(`${name.replace(" ", ".")}.${batch * 50 + i}@example.org`, name, day(random(9000)));
    }
    for (let i = 0; i < BOOKS_A_BATCH; i++) {
      const isbn = `978-${String(random(1e9)).padStart(9, "0")}-${batch * BOOKS_A_BATCH + i}`;
      book.run(1 + random(authors), isbn, words(random, 4), 1800 + random(225), words(random, 80));
    }
    for (let i = 0; i < 4 * BOOKS_A_BATCH; i++) {
      const lent = random(9000);
      loan.run(1 + random(books), 1 + random(members), day(lent), random(10) === 0 ? null : day(lent + 21));
    }
    for (let i = 0; i < BOOKS_A_BATCH; i++) note.run(1 + random(books), 1 + random(members), words(random, 120));
  };
}

type Random = (below: number) => number;

/** Mulberry32: small, fast, and the same everywhere. */
function randomNumbers(seed: number): Random {
  let state = (seed + 1) * 0x9e3779b9;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const SYLLABLES = "ba den ro lim tas ker un vel mor fi chan dor pel sa wen gri to lus har ny".split(" ");

/** Made once and cut from: a word at a time, a gigabyte of text would take minutes. */
const PROSE = makeProse(200_000);

function makeProse(count: number): readonly string[] {
  const random = randomNumbers(0);
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + random(3) }, () => SYLLABLES[random(SYLLABLES.length)]).join(""),
  );
}

function words(random: Random, count: number): string {
  const from = random(PROSE.length - count);
  return PROSE.slice(from, from + count).join(" ");
}

function day(number: number): string {
  return new Date(Date.UTC(2000, 0, 1 + number)).toISOString().slice(0, 10);
}
