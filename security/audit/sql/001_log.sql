CREATE TABLE log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    origin TEXT NOT NULL,
    key_id TEXT NOT NULL
) STRICT;

-- nodes: the leaf hash, then every subtree this leaf completes, 32 bytes each: the tree needs no other table.
-- mac: of the leaf, on the last event of each commit.
CREATE TABLE event (
    seq INTEGER PRIMARY KEY CHECK (seq >= 0),
    body TEXT NOT NULL,
    nodes BLOB NOT NULL,
    mac BLOB
) STRICT;

CREATE TABLE checkpoint (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    made_at TEXT NOT NULL
) STRICT;

-- The search index: filled behind the appends, which would otherwise write a page more for each of its trees. It is
-- a copy; what is shown comes from the events, and a verification compares it with them.
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    action TEXT NOT NULL,
    principal TEXT NOT NULL,
    decision TEXT,
    subject TEXT
) STRICT;
CREATE INDEX entry_at ON entry (at);
CREATE INDEX entry_kind ON entry (kind);
CREATE INDEX entry_action ON entry (action);
CREATE INDEX entry_principal ON entry (principal);
CREATE INDEX entry_decision ON entry (decision) WHERE decision IS NOT NULL;
CREATE INDEX entry_subject ON entry (subject) WHERE subject IS NOT NULL;

-- Against accidents. Whoever can write the file can drop them: what finds tampering is the tree and its signatures.
CREATE TRIGGER event_is_final BEFORE UPDATE ON event BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER checkpoint_is_final BEFORE UPDATE ON checkpoint BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER checkpoint_stays BEFORE DELETE ON checkpoint BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
