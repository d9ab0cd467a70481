package rcs

import (
	"slices"
	"strings"

	"github.com/parley-im/parley"
)

// sinchSettings is provider_settings of provider sinch.
type sinchSettings struct {
	Region string `json:"region"` // us or eu
}

// sinchRegions are the hosts of the API (developers.sinch.com, RCS REST API).
var sinchRegions = []string{"us", "eu"}

// A sinchAccount is a credential of provider sinch taken apart.
type sinchAccount struct {
	sinchSettings
	agentID string
	token   string
	secret  string // tells Sinch's callbacks from others
}

func readSinch(c *parley.ChannelCredential) (*sinchAccount, error) {
	a := &sinchAccount{
		sinchSettings: sinchSettings{Region: "us"},
		agentID:       c.StaticBearer.ClaimedIdentity, token: c.StaticBearer.Token, secret: c.CallbackSecret,
	}
	if !lineForm.MatchString(a.token) {
		return nil, parley.Invalid("static_bearer.token", "must be without line breaks")
	}
	if err := decodeSettings(c.ProviderSettings, &a.sinchSettings, "sinch, which has region"); err != nil {
		return nil, err
	}
	if !slices.Contains(sinchRegions, a.Region) {
		return nil, setting("region", "must be one of %s", strings.Join(sinchRegions, ", "))
	}
	return a, nil
}
