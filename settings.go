package parley

// ProjectSettings is what holds for a whole project, as a client writes it.
type ProjectSettings struct {
	ContactSettings ContactSettings `json:"contact_settings"`
}

// ContactSettings says how the project's contacts are kept.
type ContactSettings struct {
	// UnifiedContactIDEnabled makes one contact of the same phone number on
	// SMS, MMS and RCS.
	UnifiedContactIDEnabled bool `json:"unified_contact_id_enabled"`
}

// ProjectSettingsAnswer is the settings as a client reads them.
type ProjectSettingsAnswer struct {
	ProjectID string          `json:"project_id"`
	Settings  ProjectSettings `json:"settings"`
}

// Patch returns the settings with the members of body named by mask changed.
func (s *ProjectSettings) Patch(body []byte, mask []string) (*ProjectSettings, error) {
	return patch(s, body, mask, map[string]bool{"contact_settings": true})
}

// An IdentityConflict is a phone number that several contacts have on the
// channels that Unified Contact ID unites.
type IdentityConflict struct {
	Identity   string    `json:"identity"`
	Channels   []Channel `json:"channels"`
	ContactIDs []string  `json:"contact_ids"`
}
