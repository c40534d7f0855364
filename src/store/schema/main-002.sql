-- Strong authentication: levels proven one by one, kinds of users, sign-ins under way.

-- What proves a level proves those below it, so these never rise from left to right.
ALTER TABLE sessions ADD COLUMN password_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN mfa_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN resistant_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN hardware_at INTEGER NOT NULL DEFAULT 0;
-- Bits of enum factor of identity/assurance.h.
ALTER TABLE sessions ADD COLUMN factors INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET
    password_at = iif(assurance >= 1, proven_at, 0),
    mfa_at = iif(assurance >= 2, proven_at, 0),
    resistant_at = iif(assurance >= 3, proven_at, 0),
    hardware_at = iif(assurance >= 4, proven_at, 0);
ALTER TABLE sessions DROP COLUMN assurance;
ALTER TABLE sessions DROP COLUMN proven_at;
-- Of the program that proved: ja4.same of net/ja4.h, or ''.
ALTER TABLE sessions ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';

-- kind: enum user_kind of store/users.h.
ALTER TABLE users ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;

-- Sign-ins under way. hash: of the cookie that binds one to a browser. kind: enum flow_kind of
-- store/flows.h. session: the one that is to be raised, or NULL.
CREATE TABLE flows (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    kind INTEGER NOT NULL,
    user TEXT NOT NULL,
    factors INTEGER NOT NULL,
    device_bound INTEGER NOT NULL,
    asserted INTEGER NOT NULL,
    session BLOB REFERENCES sessions (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    data TEXT NOT NULL,
    back TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX flows_by_source ON flows (source, expires);
CREATE INDEX flows_by_expiry ON flows (expires);
CREATE INDEX flows_by_session ON flows (session) WHERE session IS NOT NULL;

-- Where each person has signed in from. place: lockout_source_key() of identity/lockout.h.
CREATE TABLE places (
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    place TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (user, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX places_by_age ON places (last);

-- alg: the COSE number, without its sign.
CREATE TABLE passkeys (
    id BLOB PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 1023),
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    alg INTEGER NOT NULL,
    key BLOB NOT NULL,
    count INTEGER NOT NULL,
    verified INTEGER NOT NULL,
    synced INTEGER NOT NULL,
    backed_up INTEGER NOT NULL,
    attested INTEGER NOT NULL,
    model BLOB NOT NULL CHECK (length(model) = 16),
    made INTEGER NOT NULL,
    last_used INTEGER NOT NULL DEFAULT 0,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    UNIQUE (user, name)
) STRICT, WITHOUT ROWID;

-- Under which authenticators know a person.
CREATE TABLE passkey_handles (
    user TEXT PRIMARY KEY REFERENCES users (name) ON DELETE CASCADE,
    handle BLOB NOT NULL UNIQUE CHECK (length(handle) = 32)
) STRICT, WITHOUT ROWID;

-- From which ids are made up for names that have no passkey, the same ones each time.
CREATE TABLE passkey_decoy (
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;

INSERT INTO passkey_decoy (secret) VALUES (randomblob(32));

-- sealed: the secret is a blob of store/seal.h, or (0) what an older version has written.
ALTER TABLE totps ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE enrolments ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;

-- Tokens. zones: names, one a line; none: anywhere. certificate: SHA-256 of the public key (SPKI) that
-- the client has to prove beside it. former: the text before the last rotation, good until its end.
-- strayed: the last time that somebody used it where or how it is not good.
ALTER TABLE tokens ADD COLUMN zones TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN certificate BLOB CHECK (length(certificate) = 32);
ALTER TABLE tokens ADD COLUMN rotated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN former BLOB CHECK (length(former) = 32);
ALTER TABLE tokens ADD COLUMN former_ends INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN former_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN last_source BLOB CHECK (length(last_source) = 16);
ALTER TABLE tokens ADD COLUMN strayed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN stray_source BLOB CHECK (length(stray_source) = 16);
CREATE UNIQUE INDEX tokens_by_former ON tokens (former) WHERE former IS NOT NULL;
CREATE INDEX tokens_by_expiry ON tokens (expires) WHERE revoked = 0 AND expires <> 0;

-- Where a person is told of what happens to the account; empty: nowhere.
ALTER TABLE users ADD COLUMN mail TEXT NOT NULL DEFAULT '';

-- What each person has signed in with. agent: as the browser names itself.
CREATE TABLE agents (
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    agent TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (user, agent)
) STRICT, WITHOUT ROWID;

-- Notices to people, until they are on their way and a while longer (store/notices.h). channel: enum
-- notice_channel. No reference to users: somebody who was removed is still told so.
CREATE TABLE notices (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    user TEXT NOT NULL,
    channel INTEGER NOT NULL,
    address TEXT NOT NULL,
    event TEXT NOT NULL,
    source BLOB NOT NULL CHECK (length(source) = 16),
    detail TEXT NOT NULL,
    made INTEGER NOT NULL,
    folded INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    sent INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX notices_waiting ON notices (channel, due) WHERE sent = 0;
CREATE INDEX notices_sent ON notices (sent) WHERE sent > 0;
CREATE INDEX notices_of ON notices (user, channel, made);
-- Enrolments of people who lost a factor, and those that wait for another person's word. renews:
-- bits of enum enrol_part of store/credentials.h. word: what the two people compare. password, step:
-- what was chosen and is not in force yet.
ALTER TABLE enrolments ADD COLUMN renews INTEGER NOT NULL DEFAULT 3;
ALTER TABLE enrolments ADD COLUMN maker TEXT NOT NULL DEFAULT '';
ALTER TABLE enrolments ADD COLUMN confirm INTEGER NOT NULL DEFAULT 0;
ALTER TABLE enrolments ADD COLUMN password TEXT NOT NULL DEFAULT '';
ALTER TABLE enrolments ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE enrolments ADD COLUMN word TEXT NOT NULL DEFAULT '';
ALTER TABLE enrolments ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE enrolments ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE enrolments ADD COLUMN source BLOB NOT NULL DEFAULT (zeroblob(16));
ALTER TABLE enrolments ADD COLUMN approver TEXT NOT NULL DEFAULT '';
CREATE INDEX enrolments_waiting ON enrolments (asked) WHERE asked <> 0;


-- Users that are entries of a directory (store/entries.h). id: what the directory never changes, or
-- NULL until it is known. gone: the directory said so. settled: has been on, and so has a second factor.
CREATE TABLE directory_entries (
    user TEXT PRIMARY KEY REFERENCES users (name) ON DELETE CASCADE,
    directory TEXT NOT NULL,
    id TEXT,
    dn TEXT NOT NULL,
    checked INTEGER NOT NULL,
    gone INTEGER NOT NULL CHECK (gone IN (0, 1)),
    settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    UNIQUE (directory, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX directory_entries_by_age ON directory_entries (directory, checked);
-- Break-glass accounts: sealed until somebody breaks the seal. session: of one sign-in, active: from
-- the first sign-in until all of it is over, both in seconds.
CREATE TABLE breakglass (
    user TEXT PRIMARY KEY REFERENCES users (name) ON DELETE CASCADE,
    made INTEGER NOT NULL,
    session INTEGER NOT NULL,
    active INTEGER NOT NULL,
    active_until INTEGER NOT NULL DEFAULT 0,
    last_used INTEGER NOT NULL DEFAULT 0,
    last_drill INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- A drill's code opens nothing, and expires.
CREATE TABLE sealed_codes (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    user TEXT NOT NULL REFERENCES breakglass (user) ON DELETE CASCADE,
    drill INTEGER NOT NULL CHECK (drill IN (0, 1)),
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sealed_codes_by_user ON sealed_codes (user, drill);

-- What was done to whom.
CREATE INDEX audit_by_target ON audit (target, seq);



-- Whom clients' certificates stand for. kind: enum certname_kind of pki/certname.h.
CREATE TABLE certificates (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    name TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    value TEXT NOT NULL,
    created INTEGER NOT NULL,
    last_used INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, value)
) STRICT;

CREATE INDEX certificates_by_user ON certificates (user, seq);

-- Who somebody is at an OpenID provider.
CREATE TABLE identities (
    issuer TEXT NOT NULL CHECK (length(issuer) BETWEEN 1 AND 1024),
    subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_by_user ON identities (user);

-- Sessions that a provider has vouched for, as it knows them.
CREATE TABLE vouches (
    session BLOB PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    sid TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX vouches_by_subject ON vouches (issuer, subject);
CREATE INDEX vouches_by_sid ON vouches (issuer, sid);

-- Logout tokens that were used.
CREATE TABLE endings (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    forget INTEGER NOT NULL,
    PRIMARY KEY (issuer, jti)
) STRICT, WITHOUT ROWID;

CREATE INDEX endings_by_age ON endings (forget);
