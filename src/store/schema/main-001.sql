-- The store. Times are wall seconds, *_ms milliseconds; 0 means never.

CREATE TABLE users (
    name TEXT PRIMARY KEY,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user_groups (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO user_groups (name, created) VALUES ('owners', 0);

CREATE TABLE memberships (
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    user_group TEXT NOT NULL REFERENCES user_groups (name) ON DELETE CASCADE,
    PRIMARY KEY (user, user_group)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_by_group ON memberships (user_group, user);

CREATE TABLE passwords (
    user TEXT PRIMARY KEY REFERENCES users (name) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE totps (
    user TEXT PRIMARY KEY REFERENCES users (name) ON DELETE CASCADE,
    secret BLOB NOT NULL,
    last_step INTEGER NOT NULL,
    set_at INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    made_at INTEGER NOT NULL,
    PRIMARY KEY (user, hash)
) STRICT, WITHOUT ROWID;

-- One unused code per user at the most.
CREATE TABLE enrolments (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    user TEXT NOT NULL UNIQUE REFERENCES users (name) ON DELETE CASCADE,
    secret BLOB NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    parent BLOB REFERENCES sessions (id) ON DELETE CASCADE,
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    host TEXT NOT NULL,
    assurance INTEGER NOT NULL,
    proven_at INTEGER NOT NULL,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    idle INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    source BLOB NOT NULL CHECK (length(source) = 16),
    agent TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user, seq);
CREATE INDEX sessions_by_parent ON sessions (parent) WHERE parent IS NOT NULL;
CREATE INDEX sessions_not_ended ON sessions (seq) WHERE ended = 0;
CREATE INDEX sessions_ended ON sessions (ended) WHERE ended <> 0;

-- kind: enum credential_kind of ipc/message.h.
CREATE TABLE session_keys (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    kind INTEGER NOT NULL,
    session BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX session_keys_by_session ON session_keys (session);

CREATE TABLE handovers (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    flow_hash BLOB NOT NULL CHECK (length(flow_hash) = 32),
    parent BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    back TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX handovers_by_parent ON handovers (parent);

CREATE TABLE tokens (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    name TEXT NOT NULL,
    owner TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    routes TEXT NOT NULL,
    methods TEXT NOT NULL,
    paths TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    last_used INTEGER NOT NULL DEFAULT 0,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX tokens_by_name ON tokens (name) WHERE revoked = 0;
CREATE INDEX tokens_by_owner ON tokens (owner, seq);

CREATE TABLE resources (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (kind, name)
) STRICT;

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL DEFAULT 0,
    text TEXT
) STRICT, WITHOUT ROWID;

-- kind: enum throttle_kind of store/throttles.h.
CREATE TABLE throttles (
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    failures INTEGER NOT NULL,
    last_failure INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX throttles_by_age ON throttles (kind, last_failure);

-- The audit trail. Every column but the hashes is part of what is hashed (audit/record.h).
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    actor_kind INTEGER NOT NULL,
    actor TEXT NOT NULL,
    source BLOB NOT NULL CHECK (length(source) = 16),
    event TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev BLOB NOT NULL CHECK (length(prev) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_by_event ON audit (event, seq);
CREATE INDEX audit_by_actor ON audit (actor, seq);
