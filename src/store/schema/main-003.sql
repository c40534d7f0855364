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
