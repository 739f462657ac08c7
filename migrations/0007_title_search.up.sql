-- Finding a book by words of its title, accents or not. The index keeps no copy of the titles, so triggers must
-- tell it of every change. It does not declare itself compatible: an older app may come with an SQLite that lacks
-- FTS5, and there each change of a title would fail.
CREATE VIRTUAL TABLE book_titles USING fts5 (
  title,
  content = 'books',
  content_rowid = 'id',
  tokenize = 'unicode61 remove_diacritics 2'
);

INSERT INTO book_titles (book_titles) VALUES ('rebuild');

CREATE TRIGGER book_titles_insert AFTER INSERT ON books BEGIN
  INSERT INTO book_titles (rowid, title) VALUES (new.id, new.title);
END;

CREATE TRIGGER book_titles_delete AFTER DELETE ON books BEGIN
  INSERT INTO book_titles (book_titles, rowid, title) VALUES ('delete', old.id, old.title);
END;

CREATE TRIGGER book_titles_update AFTER UPDATE OF id, title ON books BEGIN
  INSERT INTO book_titles (book_titles, rowid, title) VALUES ('delete', old.id, old.title);
  INSERT INTO book_titles (rowid, title) VALUES (new.id, new.title);
END;
