package sendapi

import (
	"context"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// FetchMedia opens a file Meta gave the address of.
func FetchMedia(ctx context.Context, c *channel.Conn, address string) (channel.Media, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the channel's media are at an address that is none")
	}
	return channel.Download(c, req)
}
