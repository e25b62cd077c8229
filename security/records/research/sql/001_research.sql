-- Whole rows without any identifier, in random order; safe_harbor.py says how each column is made.
CREATE TABLE subject (
    position INTEGER PRIMARY KEY,
    domain TEXT NOT NULL,
    sex TEXT NOT NULL,
    age_band TEXT NOT NULL,
    state TEXT NOT NULL,
    diagnosis TEXT NOT NULL,
    first_year TEXT NOT NULL,
    encounters INTEGER NOT NULL,
    ssn TEXT NOT NULL CHECK (ssn = 'XXX-XX-XXXX')
) STRICT;

CREATE TABLE projection (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    built_at INTEGER NOT NULL,
    subjects INTEGER NOT NULL
) STRICT;
