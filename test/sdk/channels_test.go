package sdk

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/all"
	"github.com/parley-im/parley/test/parleytest"
)

// TestChannels sends every kind of message on every channel that parley dev
// has an app for, and has it answered. A new channel is in it with its row in
// devAccounts.
func TestChannels(t *testing.T) {
	t.Parallel()
	requireNode(t)
	dir := t.TempDir()
	server := parleytest.Run(t, []string{
		"PARLEY_LISTEN=" + parleytest.FreeAddress(t), "PARLEY_SIMULATOR_LISTEN=" + parleytest.FreeAddress(t),
		"PARLEY_SMPP_LISTEN=127.0.0.1:0", "PARLEY_SMTP_LISTEN=127.0.0.1:0",
		"PARLEY_LISTENER_URL=http://" + parleytest.FreeAddress(t) + "/",
		"PARLEY_DATA_DIR=" + dir,
	}, "dev")
	const patience = 30 * time.Second
	parleytest.Eventually(t, patience, func() string {
		if strings.Contains(server.Output(), "Parley is ready") {
			return ""
		}
		return "parley dev is not ready"
	})
	c := devClient(t, dir)
	people := devHandsets(t, server.Output())
	handsets, err := json.Marshal(people)
	if err != nil {
		t.Fatal(err)
	}
	c.env = []string{"PARLEY_SDK_HANDSETS=" + string(handsets)}
	compareFile(t, seenFile, seen(people, c.mustRun("channels.mjs")))
	server.Stop()
}

// devClient is a client of parley dev, which left its state in dir.
func devClient(t *testing.T, dir string) *client {
	t.Helper()
	var st struct {
		ProjectID string `json:"project_id"`
		KeyID     string `json:"key_id"`
		KeySecret string `json:"key_secret"`
		Server    string `json:"server"`
		Simulator string `json:"simulator"`
	}
	raw, err := os.ReadFile(filepath.Join(dir, "dev.json"))
	if err == nil {
		err = json.Unmarshal(raw, &st)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &client{
		t: t, url: described(t, st.Server), simulator: st.Simulator, project: st.ProjectID, keyID: st.KeyID, keySecret: st.KeySecret,
	}
}

// A handset is somebody an app of parley dev can write to.
type handset struct {
	App      string                  `json:"app"`
	AppID    string                  `json:"app_id"`
	Channel  parley.Channel          `json:"channel"`
	Identity string                  `json:"identity"`
	Receipts []parley.DeliveryStatus `json:"receipts"`
	Events   []string                `json:"events"`
	Answers  bool                    `json:"answers"` // false where nothing can come back
}

// devHandsets reads whom parley dev says one can write to.
func devHandsets(t *testing.T, printed string) []handset {
	t.Helper()
	channels := map[parley.Channel]channel.Channel{}
	for _, ch := range all.Channels() {
		channels[ch.Name()] = ch
	}
	var out []handset
	var app, id string
	line := regexp.MustCompile(`(?m)^  app +(\S+)  (.+)$|^ +(?:(\S+)  (\S.*\S) +)?([A-Z]+) +such as (\S+)$`)
	for _, match := range line.FindAllStringSubmatch(printed, -1) {
		if match[1] != "" { // the channels of this app follow
			id, app = match[1], match[2]
			continue
		}
		if match[3] != "" {
			id, app = match[3], match[4]
		}
		ch := channels[parley.Channel(match[5])]
		if ch == nil {
			t.Fatalf("parley dev has an account for %s, which is not built in", match[5])
		}
		identity := match[6]
		if phone := "1202555"; strings.HasPrefix(identity, phone) {
			// A phone answers whoever wrote last: one for each app and channel.
			identity = fmt.Sprintf("%s%04d", phone, 1000+len(out))
		}
		_, answers := ch.(channel.Receiver)
		answers = answers && ch.Name() != parley.ChannelKakaoTalk // it receives reports; people answer on KAKAOTALKCHAT
		out = append(out, handset{
			App: app, AppID: id, Channel: ch.Name(), Identity: identity,
			Receipts: append([]parley.DeliveryStatus{}, ch.Capabilities().Receipts...),
			Events:   append([]string{}, ch.Capabilities().Events...), Answers: answers,
		})
	}
	for _, ch := range all.Channels() {
		if !slices.ContainsFunc(out, func(h handset) bool { return h.Channel == ch.Name() }) {
			t.Errorf("parley dev has no app for %s", ch.Name())
		}
	}
	return out
}
