-- A recovery code is sealed as well as hashed: with a password it sets up another authenticator, so nobody who writes the
-- file alone may give an account one of theirs. Those from before have no seal and end here: make ten new ones.
DROP TABLE recovery;
CREATE TABLE recovery (
    user TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (user, code_hash)
) STRICT, WITHOUT ROWID;
