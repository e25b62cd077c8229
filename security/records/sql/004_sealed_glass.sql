-- A row of broken glass is sealed under the patient's data key, with patient, user and instant, so that nobody who
-- writes the file alone opens a record. Those from before have no seal and end here: they let in for 15 minutes after
-- the breaking and for nothing later, and every breaking stays in the audit log. Who still needs one breaks it again.
DROP TABLE glass;
CREATE TABLE glass (
    patient_id TEXT NOT NULL REFERENCES patient ON DELETE CASCADE,
    user TEXT NOT NULL,
    broken_at INTEGER NOT NULL,
    seal BLOB NOT NULL,
    PRIMARY KEY (user, patient_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX glass_patient ON glass (patient_id);
