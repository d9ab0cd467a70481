-- The newest message of each conversation, for those who list conversations
-- by it: up to recent_marks, which only such a list moves (recent.go), so that
-- nobody else pays for it.
ALTER TABLE conversations ADD COLUMN last_message TEXT NOT NULL DEFAULT '';
CREATE INDEX conversations_recent ON conversations (project_id, app_id, last_message) WHERE last_message <> '';
CREATE INDEX conversations_recent_active ON conversations (project_id, app_id, last_message) WHERE active AND last_message <> '';
CREATE TABLE recent_marks (
	project_id TEXT NOT NULL,
	app_id     TEXT NOT NULL,
	mark       TEXT NOT NULL,
	PRIMARY KEY (project_id, app_id)
);

-- The filters of lists. Those of messages are columns that never change and
-- sort by age, so that an entry lands beside the one before it.
CREATE INDEX conversations_app_active ON conversations (project_id, app_id, id) WHERE active;
CREATE INDEX conversations_app_channel ON conversations (project_id, app_id, active_channel, id);
CREATE INDEX messages_listed ON messages (project_id, app_id, dispatch, to_contact, id) WHERE listed;

-- What sticks to a recipient in dispatch mode, until it expires.
CREATE TABLE sticky (
	project_id     TEXT NOT NULL,
	app_id         TEXT NOT NULL,
	channel        TEXT NOT NULL,
	identity       TEXT NOT NULL,
	metadata_json  TEXT NOT NULL,
	correlation_id TEXT NOT NULL,
	expires_at     BIGINT NOT NULL,
	PRIMARY KEY (project_id, app_id, channel, identity)
) {{without_rowid}};
CREATE INDEX sticky_expires ON sticky (expires_at);
