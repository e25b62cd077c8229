-- The search index by blocks of events (`index.py`) in place of one by single events: it is authenticated, which trees
-- of SQLite cannot be. What is given up holds no personal data, and may be long, so it is not overwritten.
PRAGMA secure_delete = OFF;
DROP TABLE entry;
PRAGMA secure_delete = ON;

CREATE TABLE block (
    first_seq INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    earliest_at INTEGER NOT NULL,
    latest_at INTEGER NOT NULL,
    shapes BLOB NOT NULL,
    subjects BLOB NOT NULL,
    mac BLOB NOT NULL
) STRICT;
