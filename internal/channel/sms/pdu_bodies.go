package sms

// bareBody is a PDU that is its header: unbind, enquire_link, generic_nack and
// the responses without content.
type bareBody struct{ id commandID }

func (b *bareBody) command() commandID { return b.id }
func (b *bareBody) fields(*codec)      {}

// bindBody is bind_transmitter, bind_receiver or bind_transceiver (4.1).
type bindBody struct {
	id               commandID
	systemID         string
	password         string
	systemType       string
	interfaceVersion byte
	addrTON, addrNPI byte
	addressRange     string
}

func (b *bindBody) command() commandID { return b.id }

func (b *bindBody) fields(c *codec) {
	c.cstring("system_id", &b.systemID, 16)
	c.cstring("password", &b.password, 9)
	c.cstring("system_type", &b.systemType, 13)
	c.octet("interface_version", &b.interfaceVersion)
	c.octet("addr_ton", &b.addrTON)
	c.octet("addr_npi", &b.addrNPI)
	c.cstring("address_range", &b.addressRange, 41)
}

// bindRespBody answers any of the three binds.
type bindRespBody struct {
	id       commandID
	systemID string
	optional tlvs
}

func (b *bindRespBody) command() commandID { return b.id }

func (b *bindRespBody) fields(c *codec) {
	c.cstring("system_id", &b.systemID, 16)
	c.optional(&b.optional)
}

// An address is a number or name with how to read it (5.2.5 to 5.2.8).
type address struct {
	ton, npi byte
	addr     string
}

func (a *address) fields(c *codec, name string, size int) {
	c.octet(name+"_ton", &a.ton)
	c.octet(name+"_npi", &a.npi)
	c.cstring(name, &a.addr, size)
}

// messageBody is submit_sm (4.4.1) or deliver_sm (4.6.1): the layout is one.
type messageBody struct {
	id                 commandID
	serviceType        string
	source, dest       address
	esmClass           byte
	protocolID         byte
	priority           byte
	scheduleTime       string
	validityPeriod     string
	registeredDelivery byte
	replaceIfPresent   byte
	dataCoding         byte
	defaultMsgID       byte
	shortMessage       []byte
	optional           tlvs
}

func (b *messageBody) command() commandID { return b.id }

func (b *messageBody) fields(c *codec) {
	c.cstring("service_type", &b.serviceType, 6)
	b.source.fields(c, "source_addr", 21)
	b.dest.fields(c, "destination_addr", 21)
	b.options(c)
	c.octets("short_message", &b.shortMessage)
	c.optional(&b.optional)
}

// options is the run of fields between the addresses and the text.
func (b *messageBody) options(c *codec) {
	c.octet("esm_class", &b.esmClass)
	c.octet("protocol_id", &b.protocolID)
	c.octet("priority_flag", &b.priority)
	c.cstring("schedule_delivery_time", &b.scheduleTime, 17)
	c.cstring("validity_period", &b.validityPeriod, 17)
	c.octet("registered_delivery", &b.registeredDelivery)
	c.octet("replace_if_present_flag", &b.replaceIfPresent)
	c.octet("data_coding", &b.dataCoding)
	c.octet("sm_default_msg_id", &b.defaultMsgID)
}

// data is the user data: message_payload when there is one, else
// short_message.
func (b *messageBody) data() []byte {
	if v, ok := b.optional.find(tagMessagePayload); ok {
		return v
	}
	return b.shortMessage
}

// messageIDBody answers submit_sm, deliver_sm and data_sm.
type messageIDBody struct {
	id        commandID
	messageID string
	optional  tlvs
}

func (b *messageIDBody) command() commandID { return b.id }

func (b *messageIDBody) fields(c *codec) {
	c.cstring("message_id", &b.messageID, 65)
	c.optional(&b.optional)
}

// dataBody is data_sm (4.7.1), which some SMSCs use in place of deliver_sm.
type dataBody struct {
	serviceType        string
	source, dest       address
	esmClass           byte
	registeredDelivery byte
	dataCoding         byte
	optional           tlvs
}

func (b *dataBody) command() commandID { return dataSM }

func (b *dataBody) fields(c *codec) {
	c.cstring("service_type", &b.serviceType, 6)
	b.source.fields(c, "source_addr", 65)
	b.dest.fields(c, "destination_addr", 65)
	c.octet("esm_class", &b.esmClass)
	c.octet("registered_delivery", &b.registeredDelivery)
	c.octet("data_coding", &b.dataCoding)
	c.optional(&b.optional)
}

// message is the same as a deliver_sm.
func (b *dataBody) message() *messageBody {
	return &messageBody{
		id: deliverSM, serviceType: b.serviceType, source: b.source, dest: b.dest, esmClass: b.esmClass,
		registeredDelivery: b.registeredDelivery, dataCoding: b.dataCoding, optional: b.optional,
	}
}

// multiBody is submit_multi (4.5.1).
type multiBody struct {
	message messageBody // dest is not used
	dests   []multiDest
}

// multiDest is a number, or a distribution list when list is not empty.
type multiDest struct {
	address
	list string
}

func (b *multiBody) command() commandID { return submitMulti }

func (b *multiBody) fields(c *codec) {
	m := &b.message
	c.cstring("service_type", &m.serviceType, 6)
	m.source.fields(c, "source_addr", 21)
	n := byte(len(b.dests)) //nolint:gosec // checked by the next line
	if c.writing && len(b.dests) > 254 {
		c.fail("number_of_dests", "more than 254")
	}
	c.octet("number_of_dests", &n)
	if !c.writing && c.err == nil {
		b.dests = make([]multiDest, n)
	}
	for i := range b.dests {
		b.dests[i].fields(c)
	}
	m.options(c)
	c.octets("short_message", &m.shortMessage)
	c.optional(&m.optional)
}

func (d *multiDest) fields(c *codec) {
	flag := byte(1)
	if d.list != "" {
		flag = 2
	}
	c.octet("dest_flag", &flag)
	switch flag {
	case 1:
		d.address.fields(c, "destination_addr", 21)
	case 2:
		c.cstring("dl_name", &d.list, 21)
	default:
		c.fail("dest_flag", "is %d", flag)
	}
}

// multiRespBody answers submit_multi.
type multiRespBody struct {
	messageID string
	unsuccess []multiFailure
	optional  tlvs
}

// multiFailure is one address submit_multi could not take.
type multiFailure struct {
	address
	status uint32
}

func (b *multiRespBody) command() commandID { return submitMulti.response() }

func (b *multiRespBody) fields(c *codec) {
	c.cstring("message_id", &b.messageID, 65)
	n := byte(len(b.unsuccess)) //nolint:gosec // only ever decoded
	c.octet("no_unsuccess", &n)
	if !c.writing && c.err == nil {
		b.unsuccess = make([]multiFailure, n)
	}
	for i := range b.unsuccess {
		f := &b.unsuccess[i]
		f.fields(c, "destination_addr", 21)
		c.word("error_status_code", &f.status)
	}
	c.optional(&b.optional)
}

// queryBody is query_sm (4.8.1).
type queryBody struct {
	messageID string
	source    address
}

func (b *queryBody) command() commandID { return querySM }

func (b *queryBody) fields(c *codec) {
	c.cstring("message_id", &b.messageID, 65)
	b.source.fields(c, "source_addr", 21)
}

// queryRespBody answers query_sm.
type queryRespBody struct {
	messageID string
	finalDate string
	state     byte
	errorCode byte
}

func (b *queryRespBody) command() commandID { return querySM.response() }

func (b *queryRespBody) fields(c *codec) {
	c.cstring("message_id", &b.messageID, 65)
	c.cstring("final_date", &b.finalDate, 17)
	c.octet("message_state", &b.state)
	c.octet("error_code", &b.errorCode)
}

// cancelBody is cancel_sm (4.9.1).
type cancelBody struct {
	serviceType  string
	messageID    string
	source, dest address
}

func (b *cancelBody) command() commandID { return cancelSM }

func (b *cancelBody) fields(c *codec) {
	c.cstring("service_type", &b.serviceType, 6)
	c.cstring("message_id", &b.messageID, 65)
	b.source.fields(c, "source_addr", 21)
	b.dest.fields(c, "destination_addr", 21)
}

// replaceBody is replace_sm (4.10.1).
type replaceBody struct {
	messageID          string
	source             address
	scheduleTime       string
	validityPeriod     string
	registeredDelivery byte
	defaultMsgID       byte
	shortMessage       []byte
}

func (b *replaceBody) command() commandID { return replaceSM }

func (b *replaceBody) fields(c *codec) {
	c.cstring("message_id", &b.messageID, 65)
	b.source.fields(c, "source_addr", 21)
	c.cstring("schedule_delivery_time", &b.scheduleTime, 17)
	c.cstring("validity_period", &b.validityPeriod, 17)
	c.octet("registered_delivery", &b.registeredDelivery)
	c.octet("sm_default_msg_id", &b.defaultMsgID)
	c.octets("short_message", &b.shortMessage)
}

// outbindBody is outbind (4.1.7), by which an SMSC asks to be bound to.
type outbindBody struct{ systemID, password string }

func (b *outbindBody) command() commandID { return outbind }

func (b *outbindBody) fields(c *codec) {
	c.cstring("system_id", &b.systemID, 16)
	c.cstring("password", &b.password, 9)
}

// alertBody is alert_notification (4.12.1): a handset can be reached again.
type alertBody struct {
	source, esme address
	optional     tlvs
}

func (b *alertBody) command() commandID { return alertNotification }

func (b *alertBody) fields(c *codec) {
	b.source.fields(c, "source_addr", 65)
	b.esme.fields(c, "esme_addr", 65)
	c.optional(&b.optional)
}
