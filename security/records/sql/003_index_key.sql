-- The key that the words of names are hashed with: one row from the first opening on. proof is what it makes of no word: see blind_index.py.
CREATE TABLE index_key (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key_id TEXT NOT NULL,
    proof BLOB NOT NULL CHECK (length(proof) = 16)
) STRICT;
