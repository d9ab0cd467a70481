package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// kakaoMessage is a request of AlimTalk or Brand Message.
type kakaoMessage struct {
	SenderKey  string           `json:"senderKey"`
	Template   string           `json:"templateCode"`
	Bubble     string           `json:"chatBubbleType"`
	Content    string           `json:"content"`
	Additional string           `json:"additionalContent"`
	Image      kakaoImage       `json:"image"`
	Commerce   *kakaoCommerce   `json:"commerce"`
	Buttons    []kakaoButton    `json:"buttons"`
	Coupon     *kakaoCoupon     `json:"coupon"`
	Carousel   *kakaoCarousel   `json:"carousel"`
	Recipients []kakaoRecipient `json:"recipientList"`
}

type kakaoRecipient struct {
	Number     string            `json:"recipientNo"`
	Parameters map[string]string `json:"templateParameter"`
	Targeting  string            `json:"targeting"`
	Key        string            `json:"recipientGroupingKey"`
}

type kakaoImage struct {
	URL string `json:"imageUrl"`
}

type kakaoCommerce struct {
	Title   string `json:"title"`
	Regular *int   `json:"regularPrice"`
}

type kakaoCoupon struct {
	Title string `json:"title"`
}

type kakaoButton struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Mobile  string `json:"linkMo"`
	IOS     string `json:"schemeIos"`
	Android string `json:"schemeAndroid"`
}

type kakaoCarousel struct {
	Head *struct {
		Header  string `json:"header"`
		Content string `json:"content"`
	} `json:"head"`
	List []struct {
		Additional string         `json:"additionalContent"`
		Image      string         `json:"imageUrl"`
		Commerce   *kakaoCommerce `json:"commerce"`
		Coupon     *kakaoCoupon   `json:"coupon"`
		Buttons    []kakaoButton  `json:"buttons"`
	} `json:"list"`
}

// show checks a message and puts into the item what the phone shows.
func (m *kakaoMessage) show(kind string, a KakaoTalkAccount, it *Item) error {
	switch {
	case m.SenderKey != a.SenderKey:
		return &kakaoError{-2017, "Not exist plus friend."}
	case len(m.Recipients) == 0 || len(m.Recipients) > 1000:
		return &kakaoError{-2004, "The 'recipientList' must be between 1 and 1000."}
	}
	if kind != "BRAND_MESSAGE" {
		if m.Template == "" || kakaoLong(m.Template, 20) {
			return &kakaoError{-3003, "Template does not exist."}
		}
		it.Type, it.Text = "alimtalk", "Template "+m.Template
		return nil
	}
	it.Type, it.Text = strings.ToLower(m.Bubble), m.Content
	if err := m.showButtons(it, m.Buttons, 0); err != nil {
		return err
	}
	switch m.Bubble {
	case "TEXT":
		return m.words(kakaoTextMost)
	case "IMAGE", "WIDE":
		it.showPicture(m.Image.URL)
		if m.Image.URL == "" {
			return &kakaoError{-3303, "image is empty."}
		}
		return m.words(kakaoCaptionMost)
	case "COMMERCE":
		it.showPicture(m.Image.URL)
		if m.Commerce == nil || m.Commerce.Regular == nil || m.Image.URL == "" || len(m.Buttons) == 0 {
			return &kakaoError{-3306, "The commerce type requires buttons."}
		}
		it.Text = lines(m.Commerce.Title, m.Additional, m.Coupon.title())
	case "CAROUSEL_COMMERCE":
		return m.showCarousel(it)
	default:
		return &kakaoError{-3303, "chatBubbleType is empty."}
	}
	return nil
}

func (m *kakaoMessage) words(most int) error {
	if m.Content == "" || kakaoLong(m.Content, most) {
		return &kakaoError{-3304, "The 'content' must be between 1 and the most."}
	}
	return nil
}

func (c *kakaoCoupon) title() string {
	if c == nil {
		return ""
	}
	return c.Title
}

func (it *Item) showPicture(u string) {
	if u != "" {
		it.Media = append(it.Media, Media{Kind: "image", URL: u, MIME: mimeOf(u)})
	}
}

func (m *kakaoMessage) showCarousel(it *Item) error {
	if m.Carousel == nil {
		return &kakaoError{-3303, "carousel is empty."}
	}
	least, most := 2, 6
	if h := m.Carousel.Head; h != nil {
		least, most = 1, 5
		it.Text = lines(h.Header, h.Content)
	}
	if n := len(m.Carousel.List); n < least || n > most {
		return &kakaoError{-3304, "The 'carousel.list' is out of range."}
	}
	for i, c := range m.Carousel.List {
		if c.Commerce == nil || c.Commerce.Regular == nil || c.Image == "" || len(c.Buttons) == 0 {
			return &kakaoError{-3306, "The commerce type requires buttons."}
		}
		it.Cards = append(it.Cards, Card{
			Index: i + 1, Title: c.Commerce.Title, Text: lines(c.Additional, c.Coupon.title()),
			Media: []Media{{Kind: "image", URL: c.Image, MIME: mimeOf(c.Image)}},
		})
		if err := m.showButtons(it, c.Buttons, i+1); err != nil {
			return err
		}
	}
	return nil
}

func (m *kakaoMessage) showButtons(it *Item, buttons []kakaoButton, card int) error {
	if len(buttons) > kakaoButtonsMost {
		return &kakaoError{-3304, "The 'buttons' must be between 0 and 5."}
	}
	for _, b := range buttons {
		c := Choice{Index: len(it.Choices) + 1, Title: b.Name, Kind: "text", Card: card}
		switch {
		case b.Name == "" || kakaoLong(b.Name, kakaoNameMost):
			return &kakaoError{-2018, "Button parameter is invalid."}
		case b.Type == "WL" && !strings.HasPrefix(b.Mobile, "http"):
			return &kakaoError{-3310, "The linkMo/linkPc must include http:// or https://"}
		case b.Type == "WL":
			c.Kind, c.URL = "url", b.Mobile
		case b.Type == "AL" && (b.IOS == "" || b.Android == ""):
			return &kakaoError{-3309, "At least two of schemeAndroid, schemeIos, and linkMo must be entered."}
		case b.Type == "AL":
			c.Kind, c.URL = "url", b.Android
			if number, ok := strings.CutPrefix(b.Android, "tel://"); ok {
				c.Kind, c.URL, c.Phone = "call", "", number
			}
		case b.Type != "BK" && b.Type != "MD" && b.Type != "AC":
			return &kakaoError{-2018, "Button parameter is invalid."}
		}
		it.Choices = append(it.Choices, c)
	}
	return nil
}

// fill shows the parameters of a template, whose text the simulator does not
// know.
func (r *kakaoRecipient) fill(text string) string {
	words := make([]string, 0, len(r.Parameters))
	for name, v := range r.Parameters {
		words = append(words, name+": "+v)
	}
	slices.Sort(words)
	return lines(append([]string{text}, words...)...)
}

// kakaoHandset is the handset of a number as it is dialled in Korea.
func kakaoHandset(number string) string {
	if rest, ok := strings.CutPrefix(number, "0"); ok {
		return "82" + rest
	}
	return number
}

// report posts the result of a message.
func (k *kakaoTalk) report(kind string, to kakaoRecipient, phone key, it Item) {
	code := it.Code
	switch it.Status {
	case StatusDelivered:
		code = "MRC01"
	case StatusFailed:
	default:
		return
	}
	request, place, _ := strings.Cut(it.ProviderID, ":")
	at := k.sim.now().UTC().Add(9 * time.Hour).Format("2006-01-02 15:04:05.0")
	body, err := encode(map[string]any{
		"hooksId": "hooks-" + it.ID, "webhookConfigId": "simulator", "productName": "KakaoTalk Bizmessage",
		"appKey": it.Account, "event": "MESSAGE_RESULT_UPDATE",
		"hooks": []map[string]any{{
			"hookId": "hook-" + it.ID, "kakaoMessageType": kind, "requestId": request, "recipientSeq": json.Number(place),
			"requestDate": at, "createDate": at, "receiveDate": at, "recipientNo": to.Number,
			"resultCode": code, "recipientGroupingKey": to.Key,
		}},
	})
	if err != nil {
		return // strings and numbers always encode
	}
	account := it.Account
	k.sim.poster.send(&post{provider: ProviderKakaoTalk, order: phone.order(), body: body, target: func() (string, http.Header) {
		a, _ := k.known.get(account)
		return a.WebhookURL, http.Header{"X-Toast-Webhook-Signature": {a.Signature}}
	}})
}
