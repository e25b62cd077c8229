-- When a user last broke the glass of a patient, in microseconds since 1970.
CREATE TABLE glass (
    patient_id TEXT NOT NULL REFERENCES patient ON DELETE CASCADE,
    user TEXT NOT NULL,
    broken_at INTEGER NOT NULL,
    PRIMARY KEY (user, patient_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX glass_patient ON glass (patient_id);
