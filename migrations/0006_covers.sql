-- Covers, in a table of their own: images beside the titles would make every look along the shelf slow.
CREATE TABLE covers (
  book_id INTEGER PRIMARY KEY REFERENCES books (id) ON DELETE CASCADE,
  media_type TEXT NOT NULL CHECK (media_type GLOB 'image/*'),
  image BLOB NOT NULL
) STRICT;
