-- Every launch asks which book was read last. An index changes nothing for an app that does not know it, so
-- 1.2.0 may open the result as it is.
-- holdfast: compatible-since 1.2.0
CREATE INDEX reading_progress_by_time ON reading_progress (read_at);
