-- Where the reader stopped. In percent, since page numbers differ from edition to edition.
CREATE TABLE reading_progress (
  book_id INTEGER PRIMARY KEY REFERENCES books (id) ON DELETE CASCADE,
  percent INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 100),
  read_at TEXT NOT NULL -- ISO 8601, UTC
) STRICT;
