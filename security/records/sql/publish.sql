-- Everything staged, into the store. Each in the order of its table, which is the cheapest to write and needs no sorting.
INSERT INTO main.patient (patient_id, name, birth_date, sex, address, phone, email, ssn, insurance_id, site, domain,
    version, legal_hold)
SELECT patient_id, name, birth_date, sex, address, phone, email, ssn, insurance_id, site, domain, version, legal_hold
FROM staged.patient ORDER BY patient_id;

INSERT INTO main.name_word (word, patient_id)
SELECT word, patient_id FROM staged.name_word ORDER BY word, patient_id;

INSERT INTO main.assignment (patient_id, user, assigned_by, assigned_at)
SELECT patient_id, user, assigned_by, assigned_at FROM staged.assignment ORDER BY patient_id, user;

INSERT INTO main.encounter (patient_id, number, detail)
SELECT patient_id, number, detail FROM staged.encounter ORDER BY patient_id, number;

INSERT INTO main.history (patient_id, version, entry, text, written_by, written_at)
SELECT patient_id, version, entry, text, written_by, written_at FROM staged.history ORDER BY patient_id, version;
