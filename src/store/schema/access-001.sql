-- Access records: the fields of access_record in ipc/records.def.

CREATE TABLE access (
    seq INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    request_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    status INTEGER NOT NULL,
    source BLOB NOT NULL,
    listener TEXT NOT NULL,
    route TEXT NOT NULL,
    principal_kind INTEGER NOT NULL,
    principal TEXT NOT NULL,
    session BLOB NOT NULL,
    groups TEXT NOT NULL,
    assurance INTEGER NOT NULL,
    proven_at INTEGER NOT NULL,
    zones TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    rule TEXT NOT NULL,
    reason INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL
) STRICT;

-- Refusals are few and asked for often; everything else is read by number only.
CREATE INDEX access_denials ON access (seq) WHERE outcome BETWEEN 1 AND 5;
-- Holds all that the count by source needs.
CREATE INDEX access_denials_by_time ON access (wall_ms, source, reason, route)
    WHERE outcome BETWEEN 1 AND 5;

-- One row: how many records were dropped before they came here.
CREATE TABLE loss (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    lost INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
) STRICT;

INSERT INTO loss (one, lost, last_ms) VALUES (1, 0, 0);
