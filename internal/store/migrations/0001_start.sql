-- One text for both databases; {{…}} marks the few words on which they differ.
-- Times are microseconds since 1970 UTC. Every key starts with the project,
-- but for what is looked up before the project is known.

CREATE TABLE projects (
	id         TEXT PRIMARY KEY,
	name       TEXT NOT NULL,
	created_at BIGINT NOT NULL
);

CREATE TABLE access_keys (
	id          TEXT PRIMARY KEY,
	project_id  TEXT NOT NULL REFERENCES projects (id),
	secret_hash TEXT NOT NULL,
	created_at  BIGINT NOT NULL,
	revoked_at  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX access_keys_project ON access_keys (project_id, id);

CREATE TABLE signing_keys (
	id         TEXT PRIMARY KEY,
	secret     TEXT NOT NULL,
	created_at BIGINT NOT NULL
);

CREATE TABLE apps (
	project_id TEXT NOT NULL REFERENCES projects (id),
	id         TEXT NOT NULL,
	doc        TEXT NOT NULL,
	secrets    TEXT NOT NULL,
	PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX apps_id ON apps (id);

CREATE TABLE webhooks (
	project_id TEXT NOT NULL,
	id         TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	target     TEXT NOT NULL,
	doc        TEXT NOT NULL,
	secrets    TEXT NOT NULL,
	PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX webhooks_target ON webhooks (project_id, app_id, target);

CREATE TABLE contacts (
	project_id  TEXT NOT NULL,
	id          TEXT NOT NULL,
	external_id TEXT NOT NULL,
	doc         TEXT NOT NULL,
	PRIMARY KEY (project_id, id)
) {{without_rowid}};
CREATE INDEX contacts_external ON contacts (project_id, external_id, id) WHERE external_id <> '';

CREATE TABLE identities (
	project_id TEXT NOT NULL,
	channel    TEXT NOT NULL,
	identity   TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	contact_id TEXT NOT NULL,
	PRIMARY KEY (project_id, channel, identity, app_id, contact_id)
) {{without_rowid}};

CREATE TABLE conversations (
	project_id     TEXT NOT NULL,
	id             TEXT NOT NULL,
	app_id         TEXT NOT NULL,
	contact_id     TEXT NOT NULL,
	active         BOOLEAN NOT NULL,
	active_channel TEXT NOT NULL,
	last_received  BIGINT NOT NULL,
	metadata       TEXT NOT NULL,
	metadata_json  TEXT NOT NULL,
	correlation_id TEXT NOT NULL,
	PRIMARY KEY (project_id, id)
) {{without_rowid}};
CREATE UNIQUE INDEX conversations_active ON conversations (project_id, contact_id, app_id) WHERE active;
CREATE INDEX conversations_app ON conversations (project_id, app_id, id);
CREATE INDEX conversations_contact ON conversations (project_id, contact_id, id);

-- A message's id is a ULID of its accept_time, so sorting by id sorts by time
-- and time filters become id ranges.
CREATE TABLE messages (
	project_id      TEXT NOT NULL,
	id              TEXT NOT NULL,
	app_id          TEXT NOT NULL,
	contact_id      TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	channel         TEXT NOT NULL,
	identity        TEXT NOT NULL,
	identity_app_id TEXT NOT NULL,
	to_contact      BOOLEAN NOT NULL,
	dispatch        BOOLEAN NOT NULL,
	listed          BOOLEAN NOT NULL,
	injected        BOOLEAN NOT NULL,
	accept_time     BIGINT NOT NULL,
	progress        BIGINT NOT NULL,
	sender_id       TEXT NOT NULL,
	metadata        TEXT NOT NULL,
	doc             TEXT NOT NULL,
	PRIMARY KEY (project_id, id)
) {{without_rowid}};
CREATE INDEX messages_app ON messages (project_id, app_id, id);
CREATE INDEX messages_contact ON messages (project_id, contact_id, id) WHERE contact_id <> '';
CREATE INDEX messages_identity ON messages (project_id, identity, id) WHERE contact_id = '';

-- What the providers call our messages (part >= 0) and what we already
-- received from them (part -1, parts 0).
CREATE TABLE provider_ids (
	project_id  TEXT NOT NULL,
	app_id      TEXT NOT NULL,
	channel     TEXT NOT NULL,
	provider_id TEXT NOT NULL,
	message_id  TEXT NOT NULL,
	leg         BIGINT NOT NULL,
	part        BIGINT NOT NULL,
	parts       BIGINT NOT NULL,
	rank        BIGINT NOT NULL,
	created_at  BIGINT NOT NULL,
	PRIMARY KEY (project_id, app_id, channel, provider_id)
) {{without_rowid}};
CREATE INDEX provider_ids_message ON provider_ids (project_id, message_id) WHERE parts <> 1;

CREATE TABLE events (
	project_id      TEXT NOT NULL,
	id              TEXT NOT NULL,
	app_id          TEXT NOT NULL,
	contact_id      TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	doc             TEXT NOT NULL,
	PRIMARY KEY (project_id, id)
) {{without_rowid}};
CREATE INDEX events_contact ON events (project_id, contact_id, id) WHERE contact_id <> '';

CREATE TABLE media (
	project_id TEXT NOT NULL,
	id         TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	channel    TEXT NOT NULL,
	doc        TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (project_id, id)
);

-- A job belongs to the node that will run it; owner 0 is for the taking.
-- started marks an attempt whose outcome was not yet recorded.
CREATE TABLE jobs (
	id         {{big_key}} PRIMARY KEY,
	project_id TEXT NOT NULL,
	kind       TEXT NOT NULL,
	lane       TEXT NOT NULL,
	owner      BIGINT NOT NULL,
	run_at     BIGINT NOT NULL,
	attempts   BIGINT NOT NULL,
	started    BIGINT NOT NULL,
	doc        TEXT NOT NULL
);
CREATE INDEX jobs_free ON jobs (run_at, id) WHERE owner = 0;
CREATE INDEX jobs_free_lane ON jobs (lane, id) WHERE owner = 0;

CREATE TABLE nodes (
	id         BIGINT PRIMARY KEY,
	expires_at BIGINT NOT NULL
);
