-- api is the version of the API that wrote the template last, and thereby what
-- doc is; version counts the changes.
CREATE TABLE templates (
	project_id TEXT NOT NULL,
	id         TEXT NOT NULL,
	api        BIGINT NOT NULL,
	version    BIGINT NOT NULL,
	doc        TEXT NOT NULL,
	PRIMARY KEY (project_id, id)
) {{without_rowid}};
