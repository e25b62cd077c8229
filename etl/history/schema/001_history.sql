-- Times are RFC 3339 UTC text to the second (logical_time) or to the millisecond (everything else).

CREATE TABLE migration (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL
) STRICT;

-- One run for each source and logical time; a later call of the same hour continues it.
CREATE TABLE run (
    run_id       TEXT PRIMARY KEY,
    source       TEXT NOT NULL,
    logical_time TEXT NOT NULL,
    trigger      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('running', 'success', 'partial', 'failed')),
    units        TEXT NOT NULL,
    lake         TEXT NOT NULL,
    started      TEXT NOT NULL,
    ended        TEXT,
    duration_s   REAL NOT NULL DEFAULT 0,
    cancel       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source, logical_time)
) STRICT;
CREATE INDEX run_newest ON run (logical_time DESC, run_id);
CREATE INDEX run_unfinished ON run (state) WHERE state = 'running';

-- The claim: the primary key is what lets each (source, logical time, city) be worked on by one owner at a time.
CREATE TABLE run_city (
    run_id        TEXT NOT NULL REFERENCES run ON DELETE CASCADE,
    slug          TEXT NOT NULL,
    city          TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('running', 'success', 'failed', 'skipped')),
    owner         TEXT NOT NULL,
    position      INTEGER NOT NULL,
    staging       TEXT NOT NULL DEFAULT '',
    object        TEXT,
    error_task    TEXT,
    error_kind    TEXT,
    error_message TEXT,
    retry_at      TEXT,
    request       TEXT CHECK (request IN ('hurry', 'cancel')),
    PRIMARY KEY (run_id, slug)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_city_requested ON run_city (run_id) WHERE request IS NOT NULL;

-- slug is '' for the check, which runs once a run.
CREATE TABLE attempt (
    run_id        TEXT NOT NULL REFERENCES run ON DELETE CASCADE,
    slug          TEXT NOT NULL,
    task          TEXT NOT NULL,
    attempt       INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN
                  ('queued', 'running', 'success', 'failed', 'up_for_retry', 'skipped', 'upstream_failed')),
    started       TEXT,
    ended         TEXT,
    error_kind    TEXT,
    error_message TEXT,
    PRIMARY KEY (run_id, slug, task, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_log (
    run_id  TEXT NOT NULL REFERENCES run ON DELETE CASCADE,
    slug    TEXT NOT NULL,
    task    TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    at      TEXT NOT NULL,
    level   TEXT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (run_id, slug, task, attempt, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE reading (
    source        TEXT NOT NULL,
    slug          TEXT NOT NULL,
    logical_time  TEXT NOT NULL,
    city          TEXT NOT NULL,
    reported_city TEXT,
    captured_at   TEXT NOT NULL,
    temperature   REAL,
    humidity      REAL,
    weather       TEXT,
    wind_speed    REAL,
    units         TEXT NOT NULL,
    PRIMARY KEY (source, slug, logical_time)
) STRICT, WITHOUT ROWID;

CREATE TABLE missed_hour (
    source       TEXT NOT NULL,
    logical_time TEXT NOT NULL,
    reason       TEXT NOT NULL,
    recorded_at  TEXT NOT NULL,
    PRIMARY KEY (source, logical_time)
) STRICT, WITHOUT ROWID;

-- The sliding log of calls. steady_s counts from the machine's start, which boot names.
CREATE TABLE api_call (
    source   TEXT NOT NULL,
    boot     TEXT NOT NULL,
    steady_s REAL NOT NULL
) STRICT;
CREATE INDEX api_call_time ON api_call (source, boot, steady_s);

-- While it lasts nobody calls the API: it answered 429.
CREATE TABLE api_pause (
    source         TEXT PRIMARY KEY,
    boot           TEXT NOT NULL,
    until_steady_s REAL NOT NULL,
    until          TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE scheduler (
    only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
    paused    INTEGER NOT NULL DEFAULT 0,
    paused_at TEXT
) STRICT;
INSERT INTO scheduler (only_row) VALUES (1);
