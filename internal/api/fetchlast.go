package api

import (
	"context"
	"crypto/sha256"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// fetchLast answers with the newest message of each of those the request
// names, in its order. Whoever has none is left out.
func (s *Server) fetchLast(ctx context.Context, r *request, in *parley.FetchLastRequest) (messageList, error) {
	if err := in.Validate(); err != nil {
		return messageList{}, err
	}
	filters := lastFilters(in)
	check, err := fetchLastCheck(r.project, *in)
	if err != nil {
		return messageList{}, err
	}
	at := 0
	if in.PageToken != "" {
		says, err := openToken(in.PageToken, check)
		if err != nil {
			return messageList{}, err
		}
		if at, err = strconv.Atoi(says); err != nil || at < 0 || at > len(filters) {
			return messageList{}, errToken()
		}
	}
	size := min(in.PageSize, maxMessages)
	if size == 0 {
		size = defaultPageSize
	}
	var found []*store.Message
	next := ""
	for ; at < len(filters); at++ {
		last, err := s.store.Messages(ctx, r.project, filters[at])
		if err != nil {
			return messageList{}, err
		}
		if len(last) == 0 {
			continue
		}
		if len(found) == size {
			// Whoever is at hand begins the next page.
			next = sealToken(strconv.Itoa(at), check)
			break
		}
		found = append(found, last...)
	}
	return listed(found, in.View, next)
}

// fetchLastCheck is a fingerprint of everything that makes the list what it is.
func fetchLastCheck(project string, in parley.FetchLastRequest) (check [checkSize]byte, err error) {
	in.PageSize, in.PageToken = 0, ""
	raw, err := parley.Marshal(&in)
	if err != nil {
		return check, err
	}
	sum := sha256.Sum256(append([]byte("fetch-last\n"+project+"\n"), raw...))
	copy(check[:], sum[:])
	return check, nil
}

// lastFilters returns one filter for each of those a request names; naming
// somebody twice does not make two.
func lastFilters(in *parley.FetchLastRequest) []store.MessageFilter {
	base := store.MessageFilter{
		Dispatch: in.MessagesSource == parley.SourceDispatch, AppID: in.AppID, Channel: in.Channel, Direction: in.Direction,
		After: in.StartTime, Before: in.EndTime, Limit: 1,
	}
	if base.Channel == parley.ChannelUnspecified {
		base.Channel = ""
	}
	if base.Direction == parley.DirectionUndefined {
		base.Direction = ""
	}
	seen := map[string]bool{}
	var out []store.MessageFilter
	for _, id := range in.ContactIDs {
		if f := base; !seen[id] {
			seen[id], f.ContactID = true, id
			out = append(out, f)
		}
	}
	for _, identity := range in.ChannelIdentities {
		f := base
		if f.Identity = storedIdentity(f.Channel, identity); !seen[f.Identity] {
			seen[f.Identity] = true
			out = append(out, f)
		}
	}
	return out
}
