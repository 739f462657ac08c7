CREATE INDEX authors_by_year ON authors (born);
