package parley_test

import (
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

const kakaoTalkCard = `{
	"buttons": [{"type": "WL", "name": "Buy", "link_mo": "https://a.example"}],
	"image": {"image_url": "https://a.example/a.jpg"},
	"commerce": {"type": "REGULAR_PRICE_COMMERCE", "title": "Tulips", "regular_price": 0}}`

func TestKakaoTalkCommerce(t *testing.T) {
	t.Parallel()
	commerce := func(members string) string {
		return `"commerce": {"type": "PERCENTAGE_DISCOUNT_COMMERCE", "title": "a", "regular_price": 1` + members + `}`
	}
	coupon := func(members string) string { return `"coupon": {"link_mo": "https://a.example", ` + members + `}` }
	validates[*parley.KakaoTalkCommerce](t, []row{
		{"plain", ``, "valid"},
		{"more", `"push_alarm": false, "adult": true, "additional_content": "a"`, "valid"},
		{"no buttons", `"buttons": []`, "buttons"},
		{"three buttons", `"buttons": [{}, {}, {}]`, "buttons"},
		{"odd button", `"buttons": [{"type": "X", "name": "a"}]`, "buttons[0].type"},
		{"button without a name", `"buttons": [{"type": "BK"}]`, "buttons[0].name"},
		{"long button", `"buttons": [{"type": "BK", "name": "123456789"}]`, "buttons[0].name"},
		{"bot keyword", `"buttons": [{"type": "BK", "name": "가나다라마바사아"}]`, "valid"},
		{"web link to nowhere", `"buttons": [{"type": "WL", "name": "a"}]`, "buttons[0].link_mo"},
		{"app link for one", `"buttons": [{"type": "AL", "name": "a", "scheme_ios": "a"}]`, "buttons[0].scheme_android"},
		{"app link for the other", `"buttons": [{"type": "AL", "name": "a", "scheme_android": "a"}]`, "buttons[0].scheme_ios"},
		{"long addition", `"additional_content": "` + strings.Repeat("a", 35) + `"`, "additional_content"},
		{"no image", `"image": null`, "image"},
		{"image nowhere", `"image": {}`, "image.image_url"},
		{"no product", `"commerce": null`, "commerce"},
		{"odd product", `"commerce": {"type": "X"}`, "commerce.type"},
		{"nameless product", `"commerce": {"type": "REGULAR_PRICE_COMMERCE"}`, "commerce.title"},
		{"priceless product", `"commerce": {"type": "REGULAR_PRICE_COMMERCE", "title": "a"}`, "commerce.regular_price"},
		{"dear product", `"commerce": {"type": "REGULAR_PRICE_COMMERCE", "title": "a", "regular_price": 100000000}`, "commerce.regular_price"},
		{"percentage", commerce(`, "discount_price": 1, "discount_rate": 100`), "valid"},
		{"percentage of no price", commerce(``), "commerce.discount_price"},
		{"no percentage", commerce(`, "discount_price": 1`), "commerce.discount_rate"},
		{"large percentage", commerce(`, "discount_price": 1, "discount_rate": 101`), "commerce.discount_rate"},
		{
			"no discount", `"commerce": {"type": "FIXED_DISCOUNT_COMMERCE", "title": "a", "regular_price": 1, "discount_price": 1}`,
			"commerce.discount_fixed",
		},
		{"odd coupon", coupon(`"type": "X"`), "coupon.type"},
		{"coupon for nowhere", `"coupon": {"type": "SHIPPING_DISCOUNT_COUPON"}`, "coupon"},
		{"coupon for shipping", coupon(`"type": "SHIPPING_DISCOUNT_COUPON"`), "valid"},
		{"coupon in many words", coupon(`"type": "SHIPPING_DISCOUNT_COUPON", "description": "1234567890123"`), "coupon.description"},
		{"coupon of nothing", coupon(`"type": "FIXED_DISCOUNT_COUPON"`), "coupon.discount_fixed"},
		{"coupon of no percentage", coupon(`"type": "PERCENTAGE_DISCOUNT_COUPON"`), "coupon.discount_rate"},
		{"free coupon for what", coupon(`"type": "FREE_COUPON"`), "coupon.title"},
		{"long coupon", coupon(`"type": "UP_COUPON", "title": "12345678"`), "coupon.title"},
	}, func(t *testing.T, change string) []byte {
		t.Helper()
		return merged(t, kakaoTalkCard, change)
	})
}

func TestKakaoTalkCarouselCommerce(t *testing.T) {
	t.Parallel()
	cards := func(n int) string { return `"list": [` + strings.Repeat(kakaoTalkCard+",", n-1) + kakaoTalkCard + `]` }
	carousel := func(members ...string) string { return `"carousel": {` + strings.Join(members, ",") + `}` }
	validates[*parley.KakaoTalkCarouselCommerce](t, []row{
		{"nothing", ``, "carousel"},
		{"one card", carousel(cards(1)), "carousel.list"},
		{"two cards", carousel(cards(2)), "valid"},
		{"eleven cards", carousel(cards(11)), "carousel.list"},
		{"a broken card", carousel(`"list": [` + kakaoTalkCard + `,{}]`), "carousel.list[1].buttons"},
		{"a head", carousel(cards(2), `"head": {"header": "a", "content": "b", "image_url": "https://a.example/a.jpg"}`), "valid"},
		{"a head without words", carousel(cards(2), `"head": {"header": "a"}`), "carousel.head.content"},
		{"a head without a picture", carousel(cards(2), `"head": {"header": "a", "content": "b"}`), "carousel.head.image_url"},
		{"a tail to nowhere", carousel(cards(2), `"tail": {"link_pc": "https://a.example"}`), "carousel.tail.link_mo"},
	}, func(t *testing.T, change string) []byte {
		t.Helper()
		return merged(t, `{}`, change)
	})
}

func TestLINENotification(t *testing.T) {
	t.Parallel()
	const item = `{"item_key": "a", "content": "b"}`
	many := func(n int) string { return "[" + strings.Repeat(item+",", n-1) + item + "]" }
	validates[*parley.LINENotification](t, []row{
		{"plain", ``, "valid"},
		{"no template", `"template_key": ""`, "template_key"},
		{"full", `"body": {"emphasized_item": ` + item + `, "items": ` + many(15) + `, "buttons": [{"button_key": "a", "url": "b"}]}`, "valid"},
		{"sixteen items", `"body": {"items": ` + many(16) + `}`, "body.items"},
		{"three buttons", `"body": {"buttons": [{}, {}, {}]}`, "body.buttons"},
		{"item without a key", `"body": {"items": [{"content": "a"}]}`, "body.items[0].item_key"},
		{"item without content", `"body": {"items": [` + item + `, {"item_key": "a"}]}`, "body.items[1].content"},
		{"long emphasis", `"body": {"emphasized_item": {"item_key": "a", "content": "1234567890123456"}}`, "body.emphasized_item.content"},
		{"button without a key", `"body": {"buttons": [{"url": "a"}]}`, "body.buttons[0].button_key"},
		{"button to nowhere", `"body": {"buttons": [{"button_key": "a"}]}`, "body.buttons[0].url"},
	}, func(t *testing.T, change string) []byte {
		t.Helper()
		return merged(t, `{"template_key": "couriers_ja"}`, change)
	})
}
