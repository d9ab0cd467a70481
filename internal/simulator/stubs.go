package simulator

import (
	"context"
	"net/http"
)

type whatsapp struct{}

func newWhatsApp(*Simulator) *whatsapp                        { return &whatsapp{} }
func (*whatsapp) routes(*http.ServeMux)                       {}
func (*whatsapp) accounts() []string                          { return nil }
func (*whatsapp) reply(string, key, Reply) (Item, error)      { return Item{}, nil }
func (*whatsapp) tap(string, key, Item, Choice) (Item, error) { return Item{}, nil }
func (*whatsapp) advance(key, string, string)                 {}

type WhatsAppAccount struct{}

func (*Simulator) PutWhatsApp(context.Context, string, WhatsAppAccount) error { return nil }

type smsc struct{}

func newSMSC(*Simulator) *smsc                            { return &smsc{} }
func (*smsc) accounts() []string                          { return nil }
func (*smsc) reply(string, key, Reply) (Item, error)      { return Item{}, nil }
func (*smsc) tap(string, key, Item, Choice) (Item, error) { return Item{}, nil }

type SMPPAccount struct{}

func (*Simulator) PutSMPP(string, SMPPAccount) error { return nil }
