-- A book may have two authors and an author many books, so neither can be a column of the other.
-- An author who still has books cannot be removed; a book takes its own rows along.
CREATE TABLE authors (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE CHECK (name <> ''),
  born INTEGER, -- negative before the common era; NULL where nobody knows the year
  died INTEGER CHECK (died >= born)
) STRICT;

CREATE TABLE book_authors (
  book_id INTEGER NOT NULL REFERENCES books (id) ON DELETE CASCADE,
  author_id INTEGER NOT NULL REFERENCES authors (id) ON DELETE RESTRICT,
  position INTEGER NOT NULL CHECK (position >= 1), -- on the title page
  PRIMARY KEY (book_id, author_id),
  UNIQUE (book_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX book_authors_by_author ON book_authors (author_id);
