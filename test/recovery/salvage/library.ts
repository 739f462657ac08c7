/** Databases to damage: several tables of each kind, on many pages. */
import Database from "better-sqlite3";
import type { Draw } from "../../faults/mutations/draw.ts";

export interface Build {
  readonly pageSize?: number;
  readonly encoding?: "UTF-8" | "UTF-16le" | "UTF-16be";
  readonly autoVacuum?: "none" | "full" | "incremental";
  /** How many rows the largest table has. */
  readonly rows: number;
  /** Rows are deleted, so that pages become free. */
  readonly withFreePages?: boolean;
}

export const SCHEMA = `
  CREATE TABLE author (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, born INTEGER);
  CREATE TABLE book (
    id INTEGER PRIMARY KEY, author INTEGER REFERENCES author, title TEXT NOT NULL, price REAL, cover BLOB, note TEXT
  );
  CREATE INDEX book_title ON book (title);
  CREATE TABLE loan (day TEXT, book INTEGER, reader TEXT NOT NULL, fee REAL, PRIMARY KEY (day, book)) WITHOUT ROWID;
  CREATE TABLE event (what TEXT, detail, at INTEGER, amount NUMERIC, flag INTEGER);
  CREATE UNIQUE INDEX event_at ON event (at);
  CREATE VIEW cheap AS SELECT title FROM book WHERE price < 5;
  CREATE TABLE settings (key TEXT PRIMARY KEY, value);
  CREATE TRIGGER unnamed AFTER INSERT ON author WHEN new.name = '' BEGIN DELETE FROM author WHERE id = new.id; END;
`;

export function buildLibrary(file: string, build: Build, draw: Draw): void {
  const { pageSize = 4096, encoding = "UTF-8", autoVacuum = "none", rows, withFreePages } = build;
  const db = new Database(file);
  try {
    db.pragma(`page_size = ${pageSize}`);
    db.pragma(`encoding = '${encoding}'`);
    db.pragma(`auto_vacuum = ${autoVacuum}`);
    db.pragma("foreign_keys = OFF");
    db.pragma("user_version = 41");
    db.exec(SCHEMA);
    db.transaction(() => fill(db, rows, pageSize, draw))();
    if (withFreePages) {
      db.exec(`DELETE FROM book WHERE id BETWEEN ${rows >> 2} AND ${(rows >> 2) + (rows >> 3)};
               DELETE FROM event WHERE rowid % 7 = 0; DELETE FROM loan WHERE book < ${rows >> 3}`);
    }
  } finally {
    db.close();
  }
}

/** What an application does with it afterwards. */
export function changeLibrary(file: string, { rows }: Build): void {
  const db = new Database(file);
  try {
    db.pragma("foreign_keys = OFF");
    db.exec(`BEGIN;
      UPDATE book SET note = 'changed', price = price + 1 WHERE id % 11 = 0;
      UPDATE loan SET reader = 'somebody else' WHERE book % 13 = 0;
      UPDATE event SET what = 'another' WHERE rowid % 17 = 0;
      DELETE FROM book WHERE id BETWEEN ${rows >> 1} AND ${(rows >> 1) + (rows >> 4)} OR id % 19 = 0;
      DELETE FROM author WHERE id % 23 = 0;
      DELETE FROM loan WHERE book % 29 = 0;
      DELETE FROM event WHERE rowid BETWEEN ${rows >> 3} AND ${rows >> 2};
      INSERT INTO book (author, title, price) SELECT author, title || ' again', 1.5 FROM book WHERE id % 5 = 0;
      INSERT INTO loan SELECT day || 'T', book, reader, fee FROM loan WHERE book % 7 = 0;
      INSERT INTO event (what, at) SELECT what, at + 1 FROM event WHERE rowid % 9 = 0;
      COMMIT;`);
  } finally {
    db.close();
  }
}

function fill(db: Database.Database, rows: number, pageSize: number, draw: Draw): void {
  const author = db.prepare("INSERT INTO author (name, born) VALUES (?, ?)");
  const book = db.prepare("INSERT INTO book VALUES (?, ?, ?, ?, ?, ?)");
  const loan = db.prepare("INSERT INTO loan VALUES (?, ?, ?, ?)");
  const event = db.prepare("INSERT INTO event VALUES (?, ?, ?, ?, ?)");
  const settings = db.prepare("INSERT INTO settings VALUES (?, ?)");
  for (let n = 1; n <= rows; n++) {
    if (n % 3 === 0) author.run(`Author ${words(draw, 2)} ${n}`, BigInt(1700 + draw.below(300)));
    const cover = draw.below(10) === 0 ? draw.bytes(1 + draw.below(3 * pageSize)) : null;
    const note = draw.below(8) === 0 ? words(draw, draw.below(pageSize >> 2)) : null;
    book.run(BigInt(n), BigInt(1 + draw.below(rows)), words(draw, 3), draw.below(10_000) / 100, cover, note);
    if (n % 2 === 0) loan.run(`2026-${n % 12}-${n % 28}`, BigInt(n), words(draw, 2), draw.below(900) / 7);
    const detail = [null, BigInt(n), n / 3, `ünïcode ${words(draw, 4)} 😀`, draw.bytes(draw.below(60))][draw.below(5)];
    event.run(
      words(draw, 1),
      detail,
      BigInt(n) * 1_000_003n,
      draw.below(2) ? BigInt.asIntN(64, BigInt(n) ** 5n) : n + 0.5,
      BigInt(n % 2),
    );
    if (n % 50 === 0) settings.run(`key ${n}`, words(draw, 5));
  }
}

const WORDS = ["sea", "stone", "winter", "letter", "house", "green", "long", "river", "of", "and", "nobody", "étude"];

function words(draw: Draw, count: number): string {
  return Array.from({ length: count }, () => draw.pick(WORDS)).join(" ");
}
