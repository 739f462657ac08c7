/** The database that is damaged: small, and with pages of every kind. */

/** Several tables and indexes, one WITHOUT ROWID, long texts that overflow, a full-text index, and free pages. */
export const LIBRARY = `
  CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, year INTEGER, notes TEXT);
  CREATE INDEX book_by_title ON book (title, year);
  CREATE INDEX book_by_year ON book (year);
  CREATE TABLE tag (name TEXT NOT NULL, book_id INTEGER NOT NULL, weight REAL, PRIMARY KEY (name, book_id)) WITHOUT ROWID;
  CREATE VIRTUAL TABLE search USING fts5 (title, notes);
  CREATE TABLE scrap (id INTEGER PRIMARY KEY, what TEXT);

  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 240)
  INSERT INTO book (title, year, notes)
  SELECT printf('The %s of volume %d', substr('LampHouseRiverGardenLetterWinter', 1 + i % 20, 7), i), 1500 + i * 7 % 500,
         printf('shelf %d, copied in %d, bound in %s', i % 13, 1700 + i % 200, hex(i * 7919)) FROM n;
  INSERT INTO book (title, year, notes)
  SELECT 'A long one, ' || id, 1900 + id, replace(printf('%.9000c', '*'), '*', substr('leaf', 1 + id % 4, 1)) FROM book LIMIT 3;
  INSERT INTO tag SELECT printf('tag-%03d', id % 40), id, id / 3.0 FROM book;
  INSERT INTO tag SELECT printf('shelved-in-the-hall-%03d', id % 60), id, NULL FROM book;
  INSERT INTO search SELECT title, substr(notes, 1, 80) FROM book WHERE id % 4 = 0;
  INSERT INTO scrap SELECT id, notes || notes || notes || notes FROM book;
  DELETE FROM scrap WHERE id > 8;
`;

export const SHELVES = "CREATE TABLE shelf (name TEXT NOT NULL UNIQUE); INSERT INTO shelf VALUES ('hall'), ('attic');";

/** Another application's, of the same file name. */
export const RECIPES = `
  CREATE TABLE recipe (id INTEGER PRIMARY KEY, name TEXT);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
  INSERT INTO recipe (name) SELECT printf('soup number %d, with salt', i) FROM n;
`;
