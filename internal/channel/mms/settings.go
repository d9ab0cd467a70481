package mms

import (
	"bytes"
	"encoding/json"
	"net/url"

	"github.com/parley-im/parley"
)

// mm7Settings is provider_settings of provider sinch. The VASPID is the
// credential's api_key, the VASID its account_id.
type mm7Settings struct {
	URL           string `json:"url"` // of the relay
	Version       string `json:"mm7_version"`
	MediaEncoding string `json:"media_encoding"`
	MaxBytes      int64  `json:"max_bytes"` // of a message's media
	ReadReply     bool   `json:"read_reply"`
	Adaptations   bool   `json:"allow_adaptations"` // by the relay, to what the phone can show
	ServiceCode   string `json:"service_code"`
}

// The values of media_encoding.
const (
	encodingBinary = "binary"
	encodingBase64 = "base64"
)

const (
	// sinchMM7 is the address of Sinch's service (developers.sinch.com, MM7
	// service, introduction).
	sinchMM7 = "https://api.ci.mblox.com/mm7/v1/"

	defaultMaxBytes = 1 << 20 // what US carriers take; elsewhere it is 300 to 600 kB
	leastMaxBytes   = 1 << 10
	mostMaxBytes    = 10 << 20
	maxServiceCode  = 32
)

// mm7Namespaces are those of the versions (3GPP TS 23.140, annex L).
var mm7Namespaces = map[string]string{
	"5.3.0": "http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/REL-5-MM7-1-2",
	"6.8.0": "http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/REL-6-MM7-1-4",
}

const defaultVersion = "6.8.0"

func readMM7Settings(c *parley.ChannelCredential) (*mm7Settings, error) {
	s := &mm7Settings{URL: sinchMM7, Version: defaultVersion, MediaEncoding: encodingBinary, MaxBytes: defaultMaxBytes}
	if err := decodeSettings(c.ProviderSettings, s); err != nil {
		return nil, err
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil:
		return nil, setting("url", "must be an http or https address without a password")
	case mm7Namespaces[s.Version] == "":
		return nil, setting("mm7_version", "is %q; it must be 5.3.0 or 6.8.0", s.Version)
	case s.MediaEncoding != encodingBinary && s.MediaEncoding != encodingBase64:
		return nil, setting("media_encoding", "is %q; it must be binary or base64", s.MediaEncoding)
	case s.MaxBytes < leastMaxBytes || s.MaxBytes > mostMaxBytes:
		return nil, setting("max_bytes", "must be %d to %d", leastMaxBytes, mostMaxBytes)
	case len(s.ServiceCode) > maxServiceCode:
		return nil, setting("service_code", "is longer than %d bytes", maxServiceCode)
	}
	return s, nil
}

// decodeSettings decodes raw over the defaults in v. A member v does not have
// is an error: a misspelt setting would otherwise be a default in disguise.
func decodeSettings(raw json.RawMessage, v any) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(v) == nil {
		return nil
	}
	var given, known map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		return parley.Invalid("provider_settings", "must be a JSON object")
	}
	defaults, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(defaults, &known); err != nil {
		return err
	}
	for name, value := range given {
		if _, ok := known[name]; !ok {
			return setting(name, "is not a setting of this provider")
		}
		member, err := json.Marshal(map[string]json.RawMessage{name: value})
		if err != nil {
			return err
		}
		if json.Unmarshal(member, v) != nil {
			return setting(name, "has the wrong type")
		}
	}
	return parley.Invalid("provider_settings", "must be one JSON object")
}

func setting(name, format string, args ...any) error {
	return parley.Invalid("provider_settings."+name, format, args...)
}
