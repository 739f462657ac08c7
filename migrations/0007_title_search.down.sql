-- The way back from the title search: it holds nothing that cannot be built again from the books.
DROP TRIGGER book_titles_update;

DROP TRIGGER book_titles_delete;

DROP TRIGGER book_titles_insert;

DROP TABLE book_titles;
