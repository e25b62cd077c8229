CREATE TABLE kek (
    id TEXT PRIMARY KEY,
    first_used_at INTEGER NOT NULL
) STRICT;

CREATE TABLE data_key (
    id BLOB PRIMARY KEY CHECK (length(id) = 8),
    subject TEXT NOT NULL UNIQUE,
    kek_id TEXT NOT NULL REFERENCES kek (id),
    wrapped BLOB NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX data_key_kek ON data_key (kek_id);

CREATE TABLE rotation (
    number INTEGER PRIMARY KEY,
    kek_id TEXT NOT NULL REFERENCES kek (id),
    started_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE UNIQUE INDEX rotation_open ON rotation (finished_at IS NULL) WHERE finished_at IS NULL;

-- BLOB columns are sealed cells, bound to patient_id. version counts the edits of the record.
CREATE TABLE patient (
    patient_id TEXT PRIMARY KEY,
    name BLOB NOT NULL,
    birth_date BLOB NOT NULL,
    sex TEXT NOT NULL,
    address BLOB NOT NULL,
    phone BLOB NOT NULL,
    email BLOB NOT NULL,
    ssn BLOB NOT NULL,
    insurance_id BLOB NOT NULL,
    site TEXT NOT NULL,
    domain TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,
    legal_hold INTEGER NOT NULL DEFAULT 0 CHECK (legal_hold IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX patient_domain ON patient (domain);

-- The blind index: keyed hashes of the words of names. See blind_index.py for what it gives away.
CREATE TABLE name_word (
    word BLOB NOT NULL CHECK (length(word) = 16),
    patient_id TEXT NOT NULL REFERENCES patient ON DELETE CASCADE,
    PRIMARY KEY (word, patient_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX name_word_patient ON name_word (patient_id);

CREATE TABLE assignment (
    patient_id TEXT NOT NULL REFERENCES patient ON DELETE CASCADE,
    user TEXT NOT NULL,
    assigned_by TEXT NOT NULL,
    assigned_at INTEGER NOT NULL,
    PRIMARY KEY (patient_id, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignment_user ON assignment (user);

CREATE TABLE encounter (
    patient_id TEXT NOT NULL REFERENCES patient ON DELETE CASCADE,
    number INTEGER NOT NULL,
    detail BLOB NOT NULL,
    PRIMARY KEY (patient_id, number)
) STRICT, WITHOUT ROWID;

-- One row an edit of the record: it writes an entry of the history for the first time, or a newer text of it.
CREATE TABLE history (
    patient_id TEXT NOT NULL REFERENCES patient ON DELETE CASCADE,
    version INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    text BLOB NOT NULL,
    written_by TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    PRIMARY KEY (patient_id, version)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER history_is_final BEFORE UPDATE ON history BEGIN
    SELECT RAISE(ABORT, 'an earlier version of a history is never changed');
END;
CREATE TRIGGER history_stays BEFORE DELETE ON history
WHEN EXISTS (SELECT 1 FROM patient WHERE patient_id = OLD.patient_id) BEGIN
    SELECT RAISE(ABORT, 'a history goes only with its patient');
END;
