package sms

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// A codec reads or writes the fields of a PDU body, so that each layout is
// described once. After an error it does nothing more.
type codec struct {
	buf     []byte // written so far, or not yet read
	writing bool
	err     error
}

func (c *codec) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...))
	}
}

// take returns the next n octets to read.
func (c *codec) take(field string, n int) []byte {
	if c.err != nil {
		return nil
	}
	if len(c.buf) < n {
		c.fail(field, "PDU ends inside it")
		return nil
	}
	b := c.buf[:n]
	c.buf = c.buf[n:]
	return b
}

// octet is a one-octet integer.
func (c *codec) octet(field string, v *byte) {
	if c.writing {
		c.buf = append(c.buf, *v)
	} else if b := c.take(field, 1); b != nil {
		*v = b[0]
	}
}

// word is a four-octet integer.
func (c *codec) word(field string, v *uint32) {
	if c.writing {
		c.buf = binary.BigEndian.AppendUint32(c.buf, *v)
	} else if b := c.take(field, 4); b != nil {
		*v = binary.BigEndian.Uint32(b)
	}
}

// cstring is a NUL-terminated string of at most size octets with its NUL. The
// limit is for writing: peers that send longer message ids are understood.
func (c *codec) cstring(field string, v *string, size int) {
	if c.err != nil {
		return
	}
	if c.writing {
		if len(*v) >= size {
			c.fail(field, "longer than %d octets", size-1)
		} else if bytes.IndexByte([]byte(*v), 0) >= 0 {
			c.fail(field, "contains NUL")
		}
		c.buf = append(append(c.buf, *v...), 0)
		return
	}
	end := bytes.IndexByte(c.buf, 0)
	if end < 0 {
		c.fail(field, "not terminated")
		return
	}
	*v = string(c.buf[:end])
	c.buf = c.buf[end+1:]
}

// octets is a length octet and as many octets.
func (c *codec) octets(field string, v *[]byte) {
	if c.writing {
		if len(*v) > 254 {
			c.fail(field, "longer than 254 octets")
			return
		}
		c.buf = append(append(c.buf, byte(len(*v))), *v...) //nolint:gosec // checked above
		return
	}
	var n byte
	c.octet(field, &n)
	if *v = nil; n > 0 {
		*v = slices.Clone(c.take(field, int(n)))
	}
}

// A tlvTag names an optional parameter (SMPP 3.4, section 5.3.2).
type tlvTag uint16

const (
	tagReceiptedMessageID tlvTag = 0x001E
	tagSarMsgRefNum       tlvTag = 0x020C
	tagSarTotalSegments   tlvTag = 0x020E
	tagSarSegmentSeqnum   tlvTag = 0x020F
	tagNetworkErrorCode   tlvTag = 0x0423
	tagMessagePayload     tlvTag = 0x0424
	tagMessageState       tlvTag = 0x0427
)

// A tlv is one optional parameter.
type tlv struct {
	tag   tlvTag
	value []byte
}

type tlvs []tlv

// find returns the value of the first parameter with tag.
func (t tlvs) find(tag tlvTag) ([]byte, bool) {
	for _, p := range t {
		if p.tag == tag {
			return p.value, true
		}
	}
	return nil, false
}

// number returns the value with tag as an integer of up to four octets.
func (t tlvs) number(tag tlvTag) (uint32, bool) {
	value, ok := t.find(tag)
	if !ok || len(value) == 0 || len(value) > 4 {
		return 0, false
	}
	var n uint32
	for _, b := range value {
		n = n<<8 | uint32(b)
	}
	return n, true
}

// optional is the parameters that fill the rest of the body.
func (c *codec) optional(v *tlvs) {
	if c.writing {
		for _, p := range *v {
			if len(p.value) > 0xFFFF {
				c.fail("optional parameter", "longer than 65535 octets")
				return
			}
			c.buf = binary.BigEndian.AppendUint16(c.buf, uint16(p.tag))
			c.buf = binary.BigEndian.AppendUint16(c.buf, uint16(len(p.value))) //nolint:gosec // checked above
			c.buf = append(c.buf, p.value...)
		}
		return
	}
	*v = nil
	for c.err == nil && len(c.buf) > 0 {
		head := c.take("optional parameter", 4)
		if head == nil {
			return
		}
		value := c.take("optional parameter", int(binary.BigEndian.Uint16(head[2:])))
		if c.err == nil {
			*v = append(*v, tlv{tag: tlvTag(binary.BigEndian.Uint16(head)), value: slices.Clone(value)})
		}
	}
}
