-- Instants are whole milliseconds since 1970-01-01T00:00:00Z. No secret is in clear: passwords are Argon2id hashes,
-- codes and tokens of 120 bits or more are SHA-256 hashes, everything else is sealed (key id and envelope).
CREATE TABLE workspace (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    practice INTEGER NOT NULL CHECK (practice IN (0, 1)),
    made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
    user TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    email TEXT,
    domain TEXT,
    shift_start INTEGER CHECK (shift_start BETWEEN 0 AND 1439),
    shift_end INTEGER CHECK (shift_end BETWEEN 0 AND 1439),
    timezone TEXT,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    practice INTEGER NOT NULL CHECK (practice IN (0, 1)),
    made_at INTEGER NOT NULL,
    password TEXT,
    password_at INTEGER,
    CHECK ((shift_start IS NULL) = (shift_end IS NULL) AND (shift_start IS NULL) = (timezone IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE enrolment (
    user TEXT PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- last_step: the highest time step whose code was accepted; a code of it or of an earlier one is never accepted again.
CREATE TABLE authenticator (
    user TEXT PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    last_step INTEGER NOT NULL,
    made_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery (
    user TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    PRIMARY KEY (user, code_hash)
) STRICT, WITHOUT ROWID;

-- A sign-in under way. `secret`: the authenticator secret that enrolment proposes. `mailed`: the one-time code sent.
CREATE TABLE challenge (
    token_hash BLOB PRIMARY KEY,
    user TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    source TEXT NOT NULL,
    next TEXT NOT NULL,
    label TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    secret_key_id TEXT,
    secret BLOB,
    mailed_key_id TEXT,
    mailed BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX challenge_user ON challenge (user);

CREATE TABLE mail_sent (
    id INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX mail_sent_at ON mail_sent (at);

-- Failures in a row, by lane (see throttle.py). The key is a keyed pseudonym: a name typed in error may be a password.
-- owner: the pseudonym of the name, empty where the lane is not of one name.
CREATE TABLE lane (
    key TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    failures INTEGER NOT NULL,
    failed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX lane_failed_at ON lane (failed_at);
CREATE INDEX lane_owner ON lane (owner);

-- From where an account signed in before.
CREATE TABLE known_source (
    key TEXT PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,
    ref TEXT NOT NULL,
    user TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    address TEXT NOT NULL,
    factor TEXT NOT NULL,
    factor_at INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user);

CREATE TABLE practice_password (
    user TEXT PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Against accidents; a workspace's kind is decided when it is made.
CREATE TRIGGER workspace_is_final BEFORE UPDATE ON workspace BEGIN
    SELECT RAISE(ABORT, 'a workspace stays what it was made as');
END;
CREATE TRIGGER practice_account_only_in_practice BEFORE INSERT ON account
WHEN NEW.practice = 1 AND (SELECT practice FROM workspace) IS NOT 1 BEGIN
    SELECT RAISE(ABORT, 'practice accounts exist in practice workspaces only');
END;
CREATE TRIGGER practice_password_only_of_practice_accounts BEFORE INSERT ON practice_password
WHEN (SELECT practice FROM account WHERE user = NEW.user) IS NOT 1 BEGIN
    SELECT RAISE(ABORT, 'the passwords of practice accounts alone are kept');
END;
