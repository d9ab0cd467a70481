package simulator

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Limits of interactive messages (same sources).
const (
	waBodyMost        = 1024
	waHeaderMost      = 60
	waFooterMost      = 60
	waButtonsMost     = 3
	waButtonMost      = 20
	waButtonIDMost    = 256
	waSectionsMost    = 10
	waRowsMost        = 10
	waRowTitleMost    = 24
	waRowIDMost       = 200
	waRowDetailMost   = 72
	waProductsMost    = 30
	waFlowCTAMost     = 30
	waListBodyMost    = 4096 // Meta's list page; its OpenAPI says 1024
	waSectionNameMost = 24
)

type waInteractive struct {
	Type   string    `json:"type"`
	Header *waHeader `json:"header"`
	Body   *waWords  `json:"body"`
	Footer *waWords  `json:"footer"`
	Action *waAction `json:"action"`
}

type waWords struct {
	Text string `json:"text"`
}

type waHeader struct {
	Type     string   `json:"type"`
	Text     string   `json:"text"`
	SubText  string   `json:"sub_text"`
	Image    *waMedia `json:"image"`
	Video    *waMedia `json:"video"`
	Document *waMedia `json:"document"`
}

type waAction struct {
	Button     string          `json:"button"`
	Buttons    []waButton      `json:"buttons"`
	Sections   []waSection     `json:"sections"`
	Name       string          `json:"name"`
	Parameters json.RawMessage `json:"parameters"`
	CatalogID  string          `json:"catalog_id"`
	ProductID  string          `json:"product_retailer_id"`
}

type waButton struct {
	Type  string `json:"type"`
	Reply struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	} `json:"reply"`
}

type waSection struct {
	Title string `json:"title"`
	Rows  []struct {
		ID          string `json:"id"`
		Title       string `json:"title"`
		Description string `json:"description"`
	} `json:"rows"`
	Products []struct {
		ID string `json:"product_retailer_id"`
	} `json:"product_items"`
}

// between checks the length of a text in characters.
func between(what, s string, least, most int) error {
	if n := utf8.RuneCountInString(s); n < least || n > most {
		return waInvalid(fmt.Sprintf("%s length invalid. Min length: %d, Max length: %d", what, least, most))
	}
	return nil
}

// firstError returns the first of several checks that failed.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (wa *whatsapp) interactive(raw json.RawMessage, it *Item) error {
	var in waInteractive
	if err := strict("interactive", raw, &in); err != nil {
		return err
	}
	if in.Action == nil {
		return waRequired("interactive['action']")
	}
	if err := wa.frame(&in, it); err != nil {
		return err
	}
	switch in.Type {
	case "button":
		return waButtons(in.Action, it)
	case "list":
		return waList(in.Action, it)
	case "cta_url":
		return waCTA(in.Action, it)
	case "location_request_message":
		if in.Action.Name != "send_location" {
			return waInvalid("action['name']: want send_location")
		}
		it.Choices = []Choice{{Index: 1, Title: "Send location", Kind: "location"}}
		return nil
	case "product", "product_list", "catalog_message":
		return waProducts(&in, it)
	case "flow":
		return waFlow(in.Action, it)
	}
	return waParam(`Param interactive['type'] must be one of {BUTTON, CATALOG_MESSAGE, CTA_URL, FLOW, LIST, ` +
		`LOCATION_REQUEST_MESSAGE, PRODUCT, PRODUCT_LIST} - got "` + in.Type + `".`)
}

// frame checks header, body and footer.
func (wa *whatsapp) frame(in *waInteractive, it *Item) error {
	var header, body, footer string
	if h := in.Header; h != nil {
		if err := wa.header(in.Type, h, it); err != nil {
			return err
		}
		header = h.Text
	}
	most := waBodyMost
	if in.Type == "list" {
		most = waListBodyMost
	}
	switch {
	case in.Body != nil:
		if err := between("Body text", in.Body.Text, 1, most); err != nil {
			return err
		}
		body = in.Body.Text
	case in.Type != "product":
		return waRequired("interactive['body']")
	}
	if in.Footer != nil {
		if err := between("Footer text", in.Footer.Text, 1, waFooterMost); err != nil {
			return err
		}
		footer = in.Footer.Text
	}
	it.Text = lines(header, body, footer)
	return nil
}

func (wa *whatsapp) header(kind string, h *waHeader, it *Item) error {
	if h.Type == "text" {
		return between("Header text", h.Text, 1, waHeaderMost)
	}
	if kind == "list" || kind == "product_list" {
		return waInvalid("header['type']: only text is allowed for " + kind)
	}
	file := map[string]*waMedia{"image": h.Image, "video": h.Video, "document": h.Document}[h.Type]
	if file == nil {
		return waInvalid("header: want type text, image, video or document and the field of that name")
	}
	m, err := wa.shown("interactive['header']['"+h.Type+"']", h.Type, *file)
	if err != nil {
		return err
	}
	it.Media = []Media{m}
	return nil
}

func waButtons(a *waAction, it *Item) error {
	if len(a.Buttons) == 0 || len(a.Buttons) > waButtonsMost {
		return waInvalid("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
	}
	titles, ids := map[string]bool{}, map[string]bool{}
	for i, b := range a.Buttons {
		if b.Type != "reply" {
			return waInvalid("buttons: type must be reply")
		}
		if err := firstError(
			between("Button title", b.Reply.Title, 1, waButtonMost),
			between("Button id", b.Reply.ID, 1, waButtonIDMost),
		); err != nil {
			return err
		}
		if titles[b.Reply.Title] || ids[b.Reply.ID] {
			return waInvalid("Duplicated title or id in buttons")
		}
		titles[b.Reply.Title], ids[b.Reply.ID] = true, true
		it.Choices = append(it.Choices, Choice{Index: i + 1, Title: b.Reply.Title, Kind: "reply", Payload: b.Reply.ID})
	}
	return nil
}

func waList(a *waAction, it *Item) error {
	if err := between("List button", a.Button, 1, waButtonMost); err != nil {
		return err
	}
	if len(a.Sections) == 0 || len(a.Sections) > waSectionsMost {
		return waInvalid("Invalid sections count. Min allowed sections: 1, Max allowed sections: 10")
	}
	ids := map[string]bool{}
	for _, s := range a.Sections {
		least := 0
		if len(a.Sections) > 1 {
			least = 1
		}
		if err := between("Section title", s.Title, least, waSectionNameMost); err != nil {
			return err
		}
		if len(s.Rows) == 0 {
			return waInvalid("Section without rows")
		}
		for _, r := range s.Rows {
			if err := firstError(
				between("Row title", r.Title, 1, waRowTitleMost),
				between("Row id", r.ID, 1, waRowIDMost),
				between("Row description", r.Description, 0, waRowDetailMost),
			); err != nil {
				return err
			}
			if ids[r.ID] {
				return waInvalid("Duplicated row id")
			}
			ids[r.ID] = true
			it.Choices = append(it.Choices, Choice{
				Index: len(it.Choices) + 1, Title: r.Title, Kind: "row", Payload: r.ID, Detail: r.Description,
			})
		}
	}
	if len(it.Choices) > waRowsMost {
		return waInvalid("Total row count exceed max allowed count: 10")
	}
	return nil
}

func waCTA(a *waAction, it *Item) error {
	var p struct {
		Text string `json:"display_text"`
		URL  string `json:"url"`
	}
	if a.Name != "cta_url" {
		return waInvalid("action['name']: want cta_url")
	}
	if err := strict("interactive['action']['parameters']", a.Parameters, &p); err != nil {
		return err
	}
	if err := between("Button title", p.Text, 1, waButtonMost); err != nil {
		return err
	}
	if u, err := url.Parse(p.URL); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
		return waInvalid("url: want an http or https URL")
	}
	it.Choices = []Choice{{Index: 1, Title: p.Text, Kind: "url", URL: p.URL}}
	return nil
}

func waProducts(in *waInteractive, it *Item) error {
	a := in.Action
	switch in.Type {
	case "catalog_message":
		it.Text = lines(it.Text, "[catalog]")
		return nil
	case "product":
		if a.CatalogID == "" || a.ProductID == "" {
			return waRequired("interactive['action']['catalog_id'] and ['product_retailer_id']")
		}
		it.Choices = []Choice{{Index: 1, Title: a.ProductID, Kind: "product", Payload: a.ProductID}}
	case "product_list":
		if in.Header == nil {
			return waRequired("interactive['header']")
		}
		if a.CatalogID == "" {
			return waRequired("interactive['action']['catalog_id']")
		}
		for _, s := range a.Sections {
			for _, p := range s.Products {
				it.Choices = append(it.Choices, Choice{Index: len(it.Choices) + 1, Title: p.ID, Kind: "product", Payload: p.ID})
			}
		}
		if n := len(it.Choices); n == 0 || n > waProductsMost {
			return waInvalid("Invalid products count. Min allowed: 1, Max allowed: 30")
		}
	}
	for i := range it.Choices {
		it.Choices[i].Detail = a.CatalogID
	}
	return nil
}

func waFlow(a *waAction, it *Item) error {
	var p struct {
		Version string          `json:"flow_message_version"`
		ID      string          `json:"flow_id"`
		Name    string          `json:"flow_name"`
		CTA     string          `json:"flow_cta"`
		Token   string          `json:"flow_token"`
		Action  string          `json:"flow_action"`
		Payload json.RawMessage `json:"flow_action_payload"`
		Mode    string          `json:"mode"`
	}
	if a.Name != "flow" {
		return waInvalid("action['name']: want flow")
	}
	if err := strict("interactive['action']['parameters']", a.Parameters, &p); err != nil {
		return err
	}
	if p.Version == "" || (p.ID == "") == (p.Name == "") {
		return waInvalid("flow: want flow_message_version and one of flow_id and flow_name")
	}
	if err := between("Flow cta", p.CTA, 1, waFlowCTAMost); err != nil {
		return err
	}
	it.Choices = []Choice{{Index: 1, Title: p.CTA, Kind: "flow", Payload: p.Token}}
	return nil
}
