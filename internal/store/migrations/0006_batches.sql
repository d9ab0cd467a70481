-- A batch of messages: what was asked for (doc, emptied once it is carried
-- out) and how many of its recipients were dealt with.
CREATE TABLE batches (
	project_id TEXT NOT NULL,
	id         TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	status     TEXT NOT NULL,
	send_after BIGINT NOT NULL,
	done       BIGINT NOT NULL,
	metadata   TEXT NOT NULL,
	doc        TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (project_id, id)
);
CREATE INDEX batches_created ON batches (created_at);

-- The members of batches' metadata, by which they are found.
CREATE TABLE batch_metadata (
	project_id TEXT NOT NULL,
	name       TEXT NOT NULL,
	value      TEXT NOT NULL,
	batch_id   TEXT NOT NULL,
	PRIMARY KEY (project_id, name, value, batch_id)
) {{without_rowid}};
CREATE INDEX batch_metadata_batch ON batch_metadata (project_id, batch_id);

-- What requests with an Idempotency-Key were answered; status is 0 from the
-- commit of the effect until the answer is known.
CREATE TABLE idempotency_keys (
	project_id  TEXT NOT NULL,
	name        TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	status      BIGINT NOT NULL,
	answer      TEXT NOT NULL,
	created_at  BIGINT NOT NULL,
	PRIMARY KEY (project_id, name)
) {{without_rowid}};
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
