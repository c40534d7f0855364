-- Version 3 of the record: all that the decision depended on.

ALTER TABLE access ADD COLUMN password_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access ADD COLUMN mfa_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access ADD COLUMN resistant_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access ADD COLUMN hardware_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE access ADD COLUMN token_routes TEXT NOT NULL DEFAULT '';
ALTER TABLE access ADD COLUMN token_zones TEXT NOT NULL DEFAULT '';
ALTER TABLE access ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE access ADD COLUMN interface TEXT NOT NULL DEFAULT '';
ALTER TABLE access ADD COLUMN destination TEXT NOT NULL DEFAULT '';
-- Empty: none; else 32 and 16 bytes.
ALTER TABLE access ADD COLUMN certificate BLOB NOT NULL DEFAULT x'';
ALTER TABLE access ADD COLUMN began BLOB NOT NULL DEFAULT x'';
ALTER TABLE access ADD COLUMN grants TEXT NOT NULL DEFAULT '';

-- What one person did, and what was asked of one console, newest first.
CREATE INDEX access_by_principal ON access (principal, seq);
CREATE INDEX access_by_route ON access (route, seq);
