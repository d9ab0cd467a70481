-- Whom an app must not write to. An identity here has no channel. id is a ULID
-- of when it came on the list, by which the list is paged.
CREATE TABLE consents (
	project_id TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	list_type  TEXT NOT NULL,
	identity   TEXT NOT NULL,
	id         TEXT NOT NULL,
	origin     TEXT NOT NULL,
	PRIMARY KEY (project_id, app_id, list_type, identity)
) {{without_rowid}};
CREATE INDEX consents_page ON consents (project_id, app_id, list_type, id);

-- Every change of those lists.
CREATE TABLE consent_audit (
	project_id TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	identity   TEXT NOT NULL,
	id         TEXT NOT NULL,
	list_type  TEXT NOT NULL,
	origin     TEXT NOT NULL,
	operation  TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (project_id, app_id, identity, id)
) {{without_rowid}};

CREATE INDEX events_conversation ON events (project_id, conversation_id, id);

-- App events the provider gave an id to, so that a receipt finds them. doc is
-- what the report shows.
CREATE TABLE sent_events (
	project_id  TEXT NOT NULL,
	app_id      TEXT NOT NULL,
	channel     TEXT NOT NULL,
	provider_id TEXT NOT NULL,
	progress    BIGINT NOT NULL,
	doc         TEXT NOT NULL,
	created_at  BIGINT NOT NULL,
	PRIMARY KEY (project_id, app_id, channel, provider_id)
) {{without_rowid}};
