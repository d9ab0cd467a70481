-- What was done for messages, step by step: packed rows for the messages of an
-- app that were accepted in about the same second, from the first to the last
-- of them. See traces.go and docs/adr.
CREATE TABLE traces (
	project_id TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	bucket     TEXT NOT NULL,
	id         BIGINT NOT NULL,
	first_id   TEXT NOT NULL,
	last_id    TEXT NOT NULL,
	steps      {{bytes}} NOT NULL,
	PRIMARY KEY (project_id, app_id, bucket, id)
);

-- When work that one node does for all is next due.
CREATE TABLE leases (
	name TEXT PRIMARY KEY,
	due  BIGINT NOT NULL
);

-- How far a sweep has come through a table that it does not read whole each
-- time. since is when it last began from the start.
CREATE TABLE sweep_marks (
	project_id TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	sweep      TEXT NOT NULL,
	mark       TEXT NOT NULL,
	since      BIGINT NOT NULL,
	PRIMARY KEY (project_id, app_id, sweep)
);

-- Contacts without a message for so long go; 0 keeps them.
ALTER TABLE projects ADD COLUMN contact_ttl_days BIGINT NOT NULL DEFAULT 0;
