package mms

import (
	"net/url"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
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
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+providerSinch, s); err != nil {
		return nil, err
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil:
		return nil, channel.Setting("url", "must be an http or https address without a password")
	case mm7Namespaces[s.Version] == "":
		return nil, channel.Setting("mm7_version", "is %q; it must be 5.3.0 or 6.8.0", s.Version)
	case s.MediaEncoding != encodingBinary && s.MediaEncoding != encodingBase64:
		return nil, channel.Setting("media_encoding", "is %q; it must be binary or base64", s.MediaEncoding)
	case s.MaxBytes < leastMaxBytes || s.MaxBytes > mostMaxBytes:
		return nil, channel.Setting("max_bytes", "must be %d to %d", leastMaxBytes, mostMaxBytes)
	case len(s.ServiceCode) > maxServiceCode:
		return nil, channel.Setting("service_code", "is longer than %d bytes", maxServiceCode)
	}
	return s, nil
}
