-- What holds for a whole project; a project without a row has the defaults.
CREATE TABLE settings (
	project_id TEXT PRIMARY KEY REFERENCES projects (id),
	doc        TEXT NOT NULL
);
