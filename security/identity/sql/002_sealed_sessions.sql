-- A session is sealed as a whole by the key of identity, so that nobody who writes the file alone makes or changes one.
-- Those from before have no seal and end here: sign in again.
DROP TABLE session;
CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,
    ref TEXT NOT NULL,
    user TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    address TEXT NOT NULL,
    factor TEXT NOT NULL,
    factor_at INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    seal BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user);
