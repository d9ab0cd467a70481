package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// WeChat's own limits (Customer service messages, Add temporary media).
const (
	wcTextMost   = 2048 // bytes
	wcUploadMost = 10 << 20
	wcVoiceMost  = 2 << 20
	wcThumbMost  = 64 << 10
)

// wcMessage is a customer service or template message.
type wcMessage struct {
	To   string `json:"touser"`
	Type string `json:"msgtype"`
	Text struct {
		Content string `json:"content"`
	} `json:"text"`
	Image wcMedia `json:"image"`
	Voice wcMedia `json:"voice"`
	Video wcMedia `json:"video"`
	Music struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		URL         string `json:"musicurl"`
	} `json:"music"`
	News struct {
		Articles []struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			URL         string `json:"url"`
			Picture     string `json:"picurl"`
		} `json:"articles"`
	} `json:"news"`
	Menu struct {
		Head string `json:"head_content"`
		List []struct {
			ID      string `json:"id"`
			Content string `json:"content"`
		} `json:"list"`
		Tail string `json:"tail_content"`
	} `json:"msgmenu"`

	TemplateID string `json:"template_id"`
	Data       map[string]struct {
		Value string `json:"value"`
	} `json:"data"`
}

type wcMedia struct {
	ID          string `json:"media_id"`
	Thumb       string `json:"thumb_media_id"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

// read decodes a message and begins what the phone shows of it.
func (wc *wechat) read(r *http.Request, account string) (*wcMessage, Item, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	m := new(wcMessage)
	if err != nil || json.Unmarshal(body, m) != nil {
		return nil, Item{}, &wcError{47001, "data format error"}
	}
	if strings.Contains(string(body), `\u`) {
		return nil, Item{}, &wcError{40033, "invalid charset. please check your request, if include \\uxxxx will create fail!"}
	}
	if !wcOpenID.MatchString(m.To) {
		return nil, Item{}, &wcError{40003, "invalid openid"}
	}
	return m, Item{Account: account, Provider: ProviderWeChat, Type: m.Type, Native: body}, nil
}

// customSend is message/custom/send. Nothing is ever reported of such a
// message, so what the phone does with it must be answered at once.
func (wc *wechat) customSend(r *http.Request, account string) (any, error) {
	m, it, err := wc.read(r, account)
	if err != nil {
		return nil, err
	}
	if err := wc.show(m, &it); err != nil {
		return nil, err
	}
	_, err = wc.sim.accept(incoming{
		phone: newKey(ChannelWeChat, m.To), item: it, windowCode: "45015", leftCode: "45015",
		refuse: func(b Behaviour, blocked bool) error {
			if blocked {
				return wcRefusal("45015")
			}
			switch b.Deliver {
			case DeliverRefuse, DeliverReject:
				return wcRefusal(b.FailCode.or("45015"))
			case DeliverRateLimit:
				return wcRefusal("45011")
			}
			return nil
		},
	})
	return wcDone(), err
}

// wcRefusal is the error of a code.
func wcRefusal(code string) error {
	words := map[string]string{
		"45015": "response out of time limit or subscription is canceled", "45047": "out of response count limit",
		"45011": "api minute-quota reach limit", "43004": "require subscribe",
	}[code]
	n, err := strconv.Atoi(code)
	if err != nil {
		n = -1
	}
	return &wcError{n, orElse(words, "refused by the simulated phone")}
}

// show puts into the item what the phone shows.
func (wc *wechat) show(m *wcMessage, it *Item) error {
	switch m.Type {
	case "text":
		it.Text, it.Choices = wcLinks(m.Text.Content)
		switch {
		case m.Text.Content == "":
			return &wcError{44004, "empty content"}
		case len(m.Text.Content) > wcTextMost:
			return &wcError{45002, "content size out of limit"}
		}
	case "image":
		return wc.showFile(it, m.Image)
	case "voice":
		return wc.showFile(it, m.Voice)
	case "video":
		return wc.showFile(it, m.Video)
	case "music":
		it.Text = lines(m.Music.Title, m.Music.Description, m.Music.URL)
	case "news":
		if len(m.News.Articles) != 1 {
			return &wcError{45008, "article size out of limit"}
		}
		a := m.News.Articles[0]
		it.Text = lines(a.Title, a.Description)
		if a.Picture != "" {
			it.Media = []Media{{Kind: "image", URL: a.Picture, MIME: mimeOf(a.Picture)}}
		}
		it.Choices = []Choice{{Index: 1, Title: a.Title, Kind: "url", URL: a.URL}}
	case "msgmenu":
		return m.showMenu(it)
	default:
		return &wcError{40008, "invalid message type"}
	}
	return nil
}

func (m *wcMessage) showMenu(it *Item) error {
	if len(m.Menu.List) == 0 {
		return &wcError{47001, "data format error"}
	}
	for _, i := range m.Menu.List {
		if i.ID == "" || i.Content == "" {
			return &wcError{47001, "data format error"}
		}
		it.Choices = append(it.Choices, Choice{Title: i.Content, Kind: "reply", Payload: i.ID})
	}
	words, links := wcLinks(lines(m.Menu.Head, m.Menu.Tail))
	it.Text, it.Choices = words, append(it.Choices, links...)
	for i := range it.Choices {
		it.Choices[i].Index = i + 1
	}
	return nil
}

func (wc *wechat) showFile(it *Item, m wcMedia) error {
	f := wc.file(m.ID)
	if f == nil || m.Thumb != "" && wc.file(m.Thumb) == nil {
		return &wcError{40007, "invalid media_id"}
	}
	it.Text, it.Media = lines(m.Title, m.Description), []Media{f.shown(f.kind())}
	return nil
}

var wcLink = regexp.MustCompile(`<a href="([^"]*)"[^>]*>([^<]*)</a>`)

// wcLinks returns a text as the phone shows it, and its links.
func wcLinks(text string) (string, []Choice) {
	var links []Choice
	for i, m := range wcLink.FindAllStringSubmatch(text, -1) {
		links = append(links, Choice{Index: i + 1, Title: m[2], Kind: "url", URL: m[1]})
	}
	return wcLink.ReplaceAllString(text, "$2"), links
}

// templateSend is message/template/send, whose end is reported.
func (wc *wechat) templateSend(r *http.Request, account string) (any, error) {
	m, it, err := wc.read(r, account)
	if err != nil {
		return nil, err
	}
	if m.TemplateID == "" {
		return nil, &wcError{40037, "invalid template_id"}
	}
	wc.mu.Lock()
	wc.seq++
	id := 200_000_000 + wc.seq
	wc.mu.Unlock()
	it.Type, it.ProviderID, it.report = "template", strconv.FormatInt(id, 10), wc.report
	words := []string{"Template " + m.TemplateID}
	for name, v := range m.Data {
		words = append(words, name+": "+v.Value)
	}
	slices.Sort(words[1:])
	it.Text = lines(words...)
	_, err = wc.sim.accept(incoming{
		phone: newKey(ChannelWeChat, m.To), item: it, failCode: "failed:user block", leftCode: "failed:user block",
		refuse: func(b Behaviour, _ bool) error {
			switch b.Deliver {
			case DeliverRefuse:
				return wcRefusal(b.FailCode.or("43004"))
			case DeliverRateLimit:
				return wcRefusal("45011")
			}
			return nil
		},
	})
	return map[string]any{"errcode": 0, "errmsg": "ok", "msgid": id}, err
}

// upload is media/upload. It wants the length ahead, as WeChat does.
func (wc *wechat) upload(r *http.Request, _ string) (any, error) {
	if r.ContentLength <= 0 {
		return nil, &wcError{41005, "media data missing"}
	}
	kind := r.URL.Query().Get("type")
	most := map[string]int{"image": wcUploadMost, "video": wcUploadMost, "voice": wcVoiceMost, "thumb": wcThumbMost}[kind]
	if most == 0 {
		return nil, &wcError{40004, "invalid media type"}
	}
	mr, err := r.MultipartReader()
	if err != nil {
		return nil, &wcError{41005, "media data missing"}
	}
	part, err := mr.NextPart()
	if err != nil || part.FormName() != "media" || part.FileName() == "" {
		return nil, &wcError{41005, "media data missing"}
	}
	data, err := io.ReadAll(io.LimitReader(part, wcUploadMost+1))
	switch {
	case err != nil || len(data) == 0:
		return nil, &wcError{44001, "empty media data"}
	case len(data) > most:
		return nil, &wcError{45001, "media size out of limit"}
	}
	mime := mimeOf(part.FileName())
	if strings.HasSuffix(part.FileName(), ".amr") {
		mime = "audio/amr"
	}
	takes := map[string][]string{
		"image": {"image/jpeg", "image/png", "image/gif"}, "thumb": {"image/jpeg"},
		"voice": {"audio/amr", "audio/mpeg"}, "video": {"video/mp4"},
	}
	if !slices.Contains(takes[kind], mime) {
		return nil, &wcError{40005, "invalid file type"}
	}
	f := wc.sim.media.put(data, mime, part.FileName())
	member := "media_id"
	if kind == "thumb" {
		member = "thumb_media_id"
	}
	return map[string]any{"type": kind, member: wcMediaID(f), "created_at": wc.sim.now().Unix()}, nil
}

func wcMediaID(f *file) string { return "SIM-" + f.id }

// file returns the file of a media id, or nil.
func (wc *wechat) file(id string) *file {
	n, ok := strings.CutPrefix(id, "SIM-")
	if !ok {
		return nil
	}
	return wc.sim.media.get(n)
}

// download is media/get: the bytes of a file, but of a video its address.
func (wc *wechat) download(w http.ResponseWriter, r *http.Request) {
	_, err := wc.authorize(r)
	f := wc.file(r.URL.Query().Get("media_id"))
	if err == nil && f == nil {
		err = &wcError{40007, "invalid media_id"}
	}
	if err != nil {
		writeWeChat(w, nil, err)
		return
	}
	if f.kind() == "video" {
		w.Header().Set("Content-Type", "text/plain")
		if b, err := encode(map[string]string{"video_url": wc.sim.fileURL(f)}); err == nil {
			_, _ = w.Write(b) // a caller that hangs up is no error
		}
		return
	}
	data, typ, err := wc.sim.media.bytesOf(r.Context(), f)
	if err != nil {
		writeWeChat(w, nil, errors.New("the file is gone"))
		return
	}
	serveFile(w, data, typ)
}
