package simulator

// ProviderInstagram is Meta's Instagram messaging.
const ProviderInstagram = "instagram"

func newInstagram(s *Simulator) *pages {
	return &pages{sim: s, dialect: dialect{
		provider: ProviderInstagram, of: ChannelInstagram, object: "instagram",
		textMost: 1000, textBytes: true, kinds: []string{"image", "video", "audio", "file"},
		windowSub: 2534022, midPrefix: "aWdf",
	}}
}
