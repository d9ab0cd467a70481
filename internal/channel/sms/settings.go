package sms

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// sinchSettings is provider_settings of provider sinch.
type sinchSettings struct {
	Region        string `json:"region"`         // us, eu, au, br or ca
	DefaultSender string `json:"default_sender"` // "" leaves it to the service plan
	SmartEncoding bool   `json:"smart_encoding"` // replace typographic punctuation where that saves segments
}

// sinchRegions are the hosts of the SMS API (developers.sinch.com, SMS API).
var sinchRegions = []string{"us", "eu", "au", "br", "ca"}

func checkSinch(c *parley.ChannelCredential) error {
	_, err := readSinchSettings(c)
	return err
}

func readSinchSettings(c *parley.ChannelCredential) (*sinchSettings, error) {
	s := &sinchSettings{Region: "us"}
	if c == nil { // a message is only looked at
		return s, nil
	}
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+providerSinch, s); err != nil {
		return nil, err
	}
	if !slices.Contains(sinchRegions, s.Region) {
		return nil, channel.Setting("region", "is %q; it must be one of %s", s.Region, strings.Join(sinchRegions, ", "))
	}
	return s, checkSender(s.DefaultSender)
}

// smppSettings is provider_settings of provider smpp. The system_id is the
// credential's claimed_identity and the password its token.
type smppSettings struct {
	Host          string `json:"host"`
	Port          int    `json:"port"`
	TLS           bool   `json:"tls"`
	TLSServerName string `json:"tls_server_name"` // in the certificate; "" means host
	TLSCA         string `json:"tls_ca"`          // PEM, instead of the system's authorities

	BindMode     bindMode `json:"bind_mode"`
	SystemType   string   `json:"system_type"`
	AddressTON   byte     `json:"address_ton"`
	AddressNPI   byte     `json:"address_npi"`
	AddressRange string   `json:"address_range"`

	DefaultSender string `json:"default_sender"`
	ServiceType   string `json:"service_type"`
	SourceTON     *byte  `json:"source_ton"` // null: by the form of the sender
	SourceNPI     *byte  `json:"source_npi"`
	DestTON       byte   `json:"destination_ton"`
	DestNPI       byte   `json:"destination_npi"`

	Window           int     `json:"window"`
	RateLimit        float64 `json:"rate_limit_per_s"` // 0: none
	ResponseTimeoutS int     `json:"response_timeout_s"`
	EnquireLinkS     int     `json:"enquire_link_s"`

	LongMessageMode longMode `json:"long_message_mode"`
	DefaultAlphabet alphabet `json:"default_alphabet"` // what data_coding 0 means
	GSM7DataCoding  byte     `json:"gsm7_data_coding"`
	UCS2DataCoding  byte     `json:"ucs2_data_coding"`
	SmartEncoding   bool     `json:"smart_encoding"`

	Receipts     bool    `json:"delivery_receipts"`
	MsgIDType    *idForm `json:"msg_id_type"` // null: ids compare as they are
	UnknownState string  `json:"unknown_state"`
	OnUnknown    string  `json:"on_unknown"`

	HoldParts    bool `json:"hold_parts"`
	MaxHeldParts int  `json:"max_held_parts"`
	ReassemblyS  int  `json:"reassembly_s"`
}

// A longMode is how the segments of a long text are tied together.
type longMode string

const (
	longUDH     longMode = "udh"     // user data header, 8-bit reference
	longUDH16   longMode = "udh16"   // user data header, 16-bit reference
	longSAR     longMode = "sar"     // sar_* parameters; the SMSC writes the header
	longPayload longMode = "payload" // message_payload; the SMSC splits
)

// Values of unknown_state and on_unknown.
const (
	unknownStateFailed = "failed" // a final UNKNOWN in a receipt fails the message
	unknownStateKeep   = "keep"   // it says nothing
	onUnknownWait      = "wait"   // a receipt may still tell
	onUnknownResend    = "resend" // at the risk of a second text
)

func defaultSMPPSettings() *smppSettings {
	return &smppSettings{
		Port: 2775, BindMode: bindTRX, DestTON: 1, DestNPI: 1,
		Window: 10, RateLimit: 10, ResponseTimeoutS: 10, EnquireLinkS: 30,
		LongMessageMode: longUDH, DefaultAlphabet: alphabetGSM7, UCS2DataCoding: codingUCS2,
		Receipts: true, UnknownState: unknownStateFailed, OnUnknown: onUnknownWait,
		HoldParts: true, MaxHeldParts: 100, ReassemblyS: 30,
	}
}

func readSMPPSettings(c *parley.ChannelCredential) (*smppSettings, error) {
	s := defaultSMPPSettings()
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+providerSMPP, s); err != nil {
		return nil, err
	}
	if len(c.StaticBearer.ClaimedIdentity) > 15 {
		return nil, parley.Invalid("static_bearer.claimed_identity", "is longer than the 15 octets of an SMPP system_id")
	}
	if len(c.StaticBearer.Token) > 8 {
		return nil, parley.Invalid("static_bearer.token", "is longer than the 8 octets of an SMPP password")
	}
	return s, firstError(s.checkLink(), s.checkAddresses(), s.checkMessages(), checkSender(s.DefaultSender))
}

func (s *smppSettings) checkLink() error {
	if s.Host == "" || strings.ContainsAny(s.Host, "/ ") {
		return channel.Setting("host", "must be a host name or an address, without a scheme")
	}
	if s.TLSCA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.TLSCA)) {
		return channel.Setting("tls_ca", "has no PEM certificate")
	}
	return firstError(
		within("port", s.Port, 1, 65535),
		within("window", s.Window, 1, 1000),
		within("response_timeout_s", s.ResponseTimeoutS, 1, 120),
		within("enquire_link_s", s.EnquireLinkS, 1, 600),
		within("rate_limit_per_s", s.RateLimit, 0, 100_000),
		oneOf("bind_mode", s.BindMode, bindTRX, bindTXRX, bindTX),
		atMost("system_type", s.SystemType, 12),
		atMost("address_range", s.AddressRange, 40),
	)
}

// The values of TON and NPI end at 6 and 18 (SMPP 3.4, sections 5.2.5, 5.2.6).
const (
	maxTON = 6
	maxNPI = 18
)

func (s *smppSettings) checkAddresses() error {
	for name, ton := range map[string]*byte{
		"address_ton": &s.AddressTON, "source_ton": s.SourceTON, "destination_ton": &s.DestTON,
	} {
		if ton != nil && *ton > maxTON {
			return channel.Setting(name, "must be 0 to %d", maxTON)
		}
	}
	for name, npi := range map[string]*byte{
		"address_npi": &s.AddressNPI, "source_npi": s.SourceNPI, "destination_npi": &s.DestNPI,
	} {
		if npi != nil && *npi > maxNPI {
			return channel.Setting(name, "must be 0 to %d", maxNPI)
		}
	}
	return atMost("service_type", s.ServiceType, 5)
}

func (s *smppSettings) checkMessages() error {
	if s.MsgIDType != nil && (*s.MsgIDType < 0 || *s.MsgIDType > 3) {
		return channel.Setting("msg_id_type", "must be 0 to 3, or null")
	}
	return firstError(
		oneOf("long_message_mode", s.LongMessageMode, longUDH, longUDH16, longSAR, longPayload),
		oneOf("default_alphabet", s.DefaultAlphabet,
			alphabetGSM7, alphabetPacked, alphabetLatin1, alphabetASCII, alphabetUTF8),
		oneOf("unknown_state", s.UnknownState, unknownStateFailed, unknownStateKeep),
		oneOf("on_unknown", s.OnUnknown, onUnknownWait, onUnknownResend),
		within("max_held_parts", s.MaxHeldParts, 1, 10_000),
		within("reassembly_s", s.ReassemblyS, 1, 3600),
	)
}

// ids is how the SMSC writes message ids.
func (s *smppSettings) ids() idForm {
	if s.MsgIDType == nil {
		return idVerbatim
	}
	return *s.MsgIDType
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func within[N int | float64](name string, v, low, high N) error {
	if v < low || v > high {
		return channel.Setting(name, "must be %v to %v", low, high)
	}
	return nil
}

func oneOf[S ~string](name string, v S, allowed ...S) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	return channel.Setting(name, "is %q; it must be one of %s", v, strings.Join(words, ", "))
}

func atMost(name, v string, octets int) error {
	if len(v) > octets {
		return channel.Setting(name, "is longer than %d octets", octets)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
