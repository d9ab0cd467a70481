package kakaotalk

import (
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// maxCards is the longest list of a carousel; one more with a head is one less
// (Request to send carousel commerce type).
const maxCards = 6

type commerce struct {
	Title    string `json:"title"`
	Regular  *int   `json:"regularPrice"`
	Discount *int   `json:"discountPrice,omitempty"`
	Rate     *int   `json:"discountRate,omitempty"`
	Fixed    *int   `json:"discountFixed,omitempty"`
}

type coupon struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	links
}

type carousel struct {
	Head *carouselHead  `json:"head,omitempty"`
	List []carouselCard `json:"list"`
	Tail *links         `json:"tail,omitempty"`
}

type carouselHead struct {
	Header  string `json:"header"`
	Content string `json:"content"`
	Image   string `json:"imageUrl"`
	links
}

type carouselCard struct {
	Additional string    `json:"additionalContent,omitempty"`
	Image      string    `json:"imageUrl"`
	ImageLink  string    `json:"imageLink,omitempty"`
	Buttons    []button  `json:"buttons"`
	Coupon     *coupon   `json:"coupon,omitempty"`
	Commerce   *commerce `json:"commerce"`
}

// specific is a commerce message.
func (r *renderer) specific(m parley.ChannelSpecificMessage) error {
	switch m.MessageType {
	case parley.TypeCommerce:
		var v parley.KakaoTalkCommerce
		if err := read(m, &v, v.Validate); err != nil {
			return err
		}
		return r.bubble(request{
			Bubble: "COMMERCE", Push: v.PushAlarm, Adult: v.Adult, Additional: v.AdditionalContent,
			Image: &image{URL: v.Image.ImageURL, Link: v.Image.ImageLink}, Commerce: newCommerce(v.Commerce),
			Buttons: newButtons(v.Buttons), Coupon: newCoupon(v.Coupon),
		})
	case parley.TypeCarouselCommerce:
		var v parley.KakaoTalkCarouselCommerce
		if err := read(m, &v, v.Validate); err != nil {
			return err
		}
		c, err := newCarousel(v.Carousel)
		if err != nil {
			return err
		}
		return r.bubble(request{Bubble: "CAROUSEL_COMMERCE", Push: v.PushAlarm, Adult: v.Adult, Carousel: c})
	}
	return channel.Refuse(parley.ReasonBadRequest, "KAKAOTALK has no channel specific message "+strconv.Quote(m.MessageType))
}

// read decodes a channel-specific message into v and validates it.
func read(m parley.ChannelSpecificMessage, v any, validate func() error) error {
	err := parley.Decode(m.Message, v)
	if err == nil {
		err = validate()
	}
	if err != nil {
		e := channel.Refuse(parley.ReasonBadRequest, "the "+m.MessageType+" message: "+err.Error())
		e.Err = err
		return e
	}
	return nil
}

func newCarousel(c *parley.KakaoTalkCarousel) (*carousel, error) {
	out, most := &carousel{}, maxCards
	if c.Head != nil {
		most--
		out.Head = &carouselHead{c.Head.Header, c.Head.Content, c.Head.ImageURL, newLinks(c.Head.KakaoTalkLinks)}
	}
	if len(c.List) > most {
		return nil, channel.Refuse(parley.ReasonBadRequest, "carousel.list: the provider takes at most "+strconv.Itoa(most)+" cards")
	}
	for i := range c.List {
		card := &c.List[i]
		out.List = append(out.List, carouselCard{
			Additional: card.AdditionalContent, Image: card.Image.ImageURL, ImageLink: card.Image.ImageLink,
			Buttons: newButtons(card.Buttons), Coupon: newCoupon(card.Coupon), Commerce: newCommerce(card.Commerce),
		})
	}
	if c.Tail != nil {
		tail := newLinks(*c.Tail)
		out.Tail = &tail
	}
	return out, nil
}

func newLinks(l parley.KakaoTalkLinks) links {
	return links{Mobile: l.LinkMobile, PC: l.LinkPC, Android: l.SchemeAndroid, IOS: l.SchemeIOS}
}

func newButtons(given []parley.KakaoTalkButton) []button {
	out := make([]button, len(given))
	for i, b := range given {
		out[i] = button{b.Name, b.Type, newLinks(b.KakaoTalkLinks)}
	}
	return out
}

// newCommerce leaves out the discounts the type does not speak of.
func newCommerce(p *parley.KakaoTalkPricing) *commerce {
	out := &commerce{Title: p.Title, Regular: p.RegularPrice}
	switch p.Type {
	case "FIXED_DISCOUNT_COMMERCE":
		out.Discount, out.Fixed = p.DiscountPrice, p.DiscountFixed
	case "PERCENTAGE_DISCOUNT_COMMERCE":
		out.Discount, out.Rate = p.DiscountPrice, p.DiscountRate
	}
	return out
}

// newCoupon words the title in one of the five ways Kakao takes (Brand
// Message, coupon.title): an amount off, a percentage off, shipping off, one
// for free, an upgrade.
func newCoupon(c *parley.KakaoTalkCoupon) *coupon {
	if c == nil {
		return nil
	}
	out := &coupon{Description: c.Description, links: newLinks(c.KakaoTalkLinks)}
	switch c.Type {
	case "FIXED_DISCOUNT_COUPON":
		out.Title = strconv.Itoa(*c.DiscountFixed) + "원 할인 쿠폰"
	case "PERCENTAGE_DISCOUNT_COUPON":
		out.Title = strconv.Itoa(*c.DiscountRate) + "% 할인 쿠폰"
	case "SHIPPING_DISCOUNT_COUPON":
		out.Title = "배송비 할인 쿠폰"
	case "FREE_COUPON":
		out.Title = c.Title + " 무료 쿠폰"
	case "UP_COUPON":
		out.Title = c.Title + " UP 쿠폰"
	}
	return out
}
