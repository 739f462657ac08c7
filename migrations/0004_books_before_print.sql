-- Books are older than print after all. SQLite cannot change a CHECK in place, so the table is rebuilt in the
-- order of https://sqlite.org/lang_altertable.html, 7: create the new one, copy, drop the old one, rename.
-- With foreign keys on, the DROP would delete every row that refers to a book; Holdfast turns them off for
-- migrations and checks them at the end, so authors and reading progress stay.
CREATE TABLE books_rebuilt (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL CHECK (title <> ''),
  first_published INTEGER NOT NULL CHECK (first_published BETWEEN -3000 AND 2100 AND first_published <> 0),
  language TEXT NOT NULL CHECK (length(language) BETWEEN 2 AND 3), -- ISO 639
  UNIQUE (title, first_published)
) STRICT;

INSERT INTO books_rebuilt (id, title, first_published, language)
SELECT id, title, first_published, language FROM books;

DROP TABLE books;

ALTER TABLE books_rebuilt RENAME TO books;

-- The index went with the old table.
CREATE INDEX books_by_year ON books (first_published);
