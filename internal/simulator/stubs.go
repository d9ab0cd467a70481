package simulator


type smsc struct{}

func newSMSC(*Simulator) *smsc                            { return &smsc{} }
func (*smsc) accounts() []string                          { return nil }
func (*smsc) reply(string, key, Reply) (Item, error)      { return Item{}, nil }
func (*smsc) tap(string, key, Item, Choice) (Item, error) { return Item{}, nil }

type SMPPAccount struct{}

func (*Simulator) PutSMPP(string, SMPPAccount) error { return nil }
