-- Patients on their way into the store, as they will stand in it: see staging.py. Data keys are not among them.
CREATE TABLE staged.patient (
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
    version INTEGER NOT NULL,
    legal_hold INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE staged.name_word (
    word BLOB NOT NULL,
    patient_id TEXT NOT NULL,
    PRIMARY KEY (word, patient_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE staged.assignment (
    patient_id TEXT NOT NULL,
    user TEXT NOT NULL,
    assigned_by TEXT NOT NULL,
    assigned_at INTEGER NOT NULL,
    PRIMARY KEY (patient_id, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE staged.encounter (
    patient_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    detail BLOB NOT NULL,
    PRIMARY KEY (patient_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE staged.history (
    patient_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    text BLOB NOT NULL,
    written_by TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    PRIMARY KEY (patient_id, version)
) STRICT, WITHOUT ROWID;
