// Package all lists the channels built into the server.
package all

import (
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/applebc"
	"github.com/parley-im/parley/internal/channel/email"
	"github.com/parley-im/parley/internal/channel/instagram"
	"github.com/parley-im/parley/internal/channel/kakaotalk"
	"github.com/parley-im/parley/internal/channel/kakaotalkchat"
	"github.com/parley-im/parley/internal/channel/line"
	"github.com/parley-im/parley/internal/channel/messenger"
	"github.com/parley-im/parley/internal/channel/mms"
	"github.com/parley-im/parley/internal/channel/rcs"
	"github.com/parley-im/parley/internal/channel/sms"
	"github.com/parley-im/parley/internal/channel/telegram"
	"github.com/parley-im/parley/internal/channel/viber"
	"github.com/parley-im/parley/internal/channel/viberbm"
	"github.com/parley-im/parley/internal/channel/wechat"
	"github.com/parley-im/parley/internal/channel/whatsapp"
)

// Channels returns one of each. A new channel is one more line here.
func Channels() []channel.Channel {
	return []channel.Channel{
		applebc.New(),
		email.New(),
		instagram.New(),
		kakaotalk.New(),
		kakaotalkchat.New(),
		line.New(),
		messenger.New(),
		mms.New(),
		rcs.New(),
		sms.New(),
		telegram.New(),
		viber.New(),
		viberbm.New(),
		wechat.New(),
		whatsapp.New(),
	}
}
