-- Versions of the policy: who changed what, and what it was before.
CREATE TABLE versions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    author TEXT NOT NULL CHECK (length(author) <= 191),
    cause TEXT NOT NULL,
    comment TEXT NOT NULL CHECK (length(comment) <= 1023),
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
    confirm_by INTEGER NOT NULL DEFAULT 0,
    confirm_for INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX versions_by_state ON versions (state, number);
CREATE INDEX versions_waiting ON versions (number) WHERE confirm_by > 0;

-- place: the number of the row in resources, which is its place in the order; 0: not there.
CREATE TABLE version_entries (
    version INTEGER NOT NULL REFERENCES versions (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    from_file INTEGER NOT NULL,
    place_before INTEGER NOT NULL,
    before TEXT,
    place_after INTEGER NOT NULL,
    after TEXT,
    PRIMARY KEY (version, position)
) STRICT;

-- What the configuration file said last, so that a change of it is seen over a restart as well.
CREATE TABLE filed (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- Built-in groups give a role. A group of the same name that had members before keeps them under
-- another name: nobody becomes an administrator by an upgrade.
INSERT INTO user_groups (name, created)
    SELECT name || '.before', created FROM user_groups
    WHERE name IN ('administrators', 'auditors', 'operators')
        AND EXISTS (SELECT 1 FROM memberships WHERE user_group = user_groups.name);
UPDATE memberships SET user_group = user_group || '.before'
    WHERE user_group IN ('administrators', 'auditors', 'operators');
INSERT OR IGNORE INTO user_groups (name, created)
    VALUES ('administrators', 0), ('auditors', 0), ('operators', 0);
-- What somebody may do only when others agree. kind, state: enum request_kind and request_state of
-- store/requests.h. The last four columns are of a change: what is to be done.
CREATE TABLE requests (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    token TEXT NOT NULL,
    subject TEXT NOT NULL,
    basis BLOB NOT NULL CHECK (length(basis) = 32),
    reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 1024),
    duration INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    decided INTEGER NOT NULL DEFAULT 0,
    ends INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT '',
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX requests_by_user ON requests (user, seq);
-- One that is pending or runs, of a person for a rule.
CREATE UNIQUE INDEX requests_open ON requests (user, subject) WHERE kind = 1 AND state IN (1, 2);
CREATE INDEX requests_pending ON requests (expires) WHERE state = 1;
CREATE INDEX requests_running ON requests (ends) WHERE kind = 1 AND state = 2;
CREATE INDEX requests_decided ON requests (decided) WHERE state NOT IN (1, 2) OR kind = 2;

CREATE TABLE votes (
    request INTEGER NOT NULL REFERENCES requests (seq) ON DELETE CASCADE,
    user TEXT NOT NULL,
    at INTEGER NOT NULL,
    comment TEXT NOT NULL,
    PRIMARY KEY (request, user)
) STRICT, WITHOUT ROWID;

-- Since when an alert is known, and who has seen to it; id: of keeper/alerts.h.
CREATE TABLE alerts (
    id TEXT PRIMARY KEY CHECK (length(id) = 32),
    first INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    by TEXT NOT NULL DEFAULT '' CHECK (length(by) <= 191)
) STRICT, WITHOUT ROWID;

CREATE INDEX alerts_by_seen ON alerts (seen);

-- Requests that made something, so that they are not made twice (keeper/repeat.h): digests of caller and
-- key, and of the request.
CREATE TABLE repeats (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    question BLOB NOT NULL CHECK (length(question) = 32),
    made INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX repeats_by_age ON repeats (made);
-- What was counted in each minute and each hour; step: 60 or 3600. latency: keeper/series.h.
CREATE TABLE series (
    step INTEGER NOT NULL CHECK (step IN (60, 3600)),
    at INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    denials INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    latency BLOB NOT NULL,
    PRIMARY KEY (step, at)
) STRICT, WITHOUT ROWID;

-- Who is on, counted once a minute.
CREATE INDEX sessions_on ON sessions (seq) WHERE ended = 0 AND parent IS NULL;
