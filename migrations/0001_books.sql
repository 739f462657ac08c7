-- The shelf. Only printed books are meant, so a year before Gutenberg's press is taken for a slip of the pen.
CREATE TABLE books (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL CHECK (title <> ''),
  first_published INTEGER NOT NULL CHECK (first_published BETWEEN 1450 AND 2100),
  language TEXT NOT NULL CHECK (length(language) BETWEEN 2 AND 3), -- ISO 639
  UNIQUE (title, first_published)
) STRICT;

CREATE INDEX books_by_year ON books (first_published);
