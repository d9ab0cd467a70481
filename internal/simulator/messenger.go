package simulator

// ProviderMessenger is Meta's Messenger Platform.
const ProviderMessenger = "messenger"

func newMessenger(s *Simulator) *pages {
	return &pages{sim: s, dialect: dialect{
		provider: ProviderMessenger, of: ChannelMessenger, object: "page",
		textMost: 2000, calls: true, places: true, kinds: []string{"image", "video", "audio", "file"},
		windowSub: 2018278, watermark: true, midPrefix: "m_",
	}}
}
