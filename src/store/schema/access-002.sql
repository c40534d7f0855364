-- A tunnel makes two records, one when it opens and one when it ends: enum access_stream.

ALTER TABLE access ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;
