package parley

// The message types of channel-specific messages, by channel.
const (
	TypeFlows            = "FLOWS"                         // WHATSAPP
	TypeOrderDetails     = "ORDER_DETAILS"                 // WHATSAPP
	TypeOrderStatus      = "ORDER_STATUS"                  // WHATSAPP
	TypeCommerce         = "COMMERCE"                      // KAKAOTALK, a KakaoTalkCommerce
	TypeCarouselCommerce = "CAROUSEL_COMMERCE"             // KAKAOTALK, a KakaoTalkCarouselCommerce
	TypeNotification     = "NOTIFICATION_MESSAGE_TEMPLATE" // LINE, a LINENotification
)

// A channel-specific message is accepted unread. These are bodies a channel
// decodes when its turn comes, and checks with Validate: paths in its errors
// start at the body. WhatsApp's bodies are the provider's own and known to that
// channel alone.

// A KakaoTalkCommerce is a product on sale.
type KakaoTalkCommerce struct {
	PushAlarm *bool `json:"push_alarm,omitempty"` // nil is true
	Adult     bool  `json:"adult,omitempty"`
	KakaoTalkCard
}

// A KakaoTalkCarouselCommerce is several products in a row.
type KakaoTalkCarouselCommerce struct {
	PushAlarm *bool              `json:"push_alarm,omitempty"` // nil is true
	Adult     bool               `json:"adult,omitempty"`
	Carousel  *KakaoTalkCarousel `json:"carousel"`
}

// A KakaoTalkCarousel is 2 to 10 cards between an introduction and a link to
// more.
type KakaoTalkCarousel struct {
	Head *KakaoTalkHead  `json:"head,omitempty"`
	List []KakaoTalkCard `json:"list"`
	Tail *KakaoTalkLinks `json:"tail,omitempty"` // needs link_mo
}

// A KakaoTalkHead introduces a carousel.
type KakaoTalkHead struct {
	Header   string `json:"header"`
	Content  string `json:"content"`
	ImageURL string `json:"image_url"`
	KakaoTalkLinks
}

// KakaoTalkLinks are what opens on a tap, by device.
type KakaoTalkLinks struct {
	LinkMobile    string `json:"link_mo,omitempty"`
	LinkPC        string `json:"link_pc,omitempty"`
	SchemeIOS     string `json:"scheme_ios,omitempty"`
	SchemeAndroid string `json:"scheme_android,omitempty"`
}

// A KakaoTalkCard shows one product.
type KakaoTalkCard struct {
	Buttons           []KakaoTalkButton `json:"buttons"`
	AdditionalContent string            `json:"additional_content,omitempty"`
	Image             *KakaoTalkImage   `json:"image"`
	Commerce          *KakaoTalkPricing `json:"commerce"`
	Coupon            *KakaoTalkCoupon  `json:"coupon,omitempty"`
}

// A KakaoTalkImage is the picture of a product.
type KakaoTalkImage struct {
	ImageURL  string `json:"image_url"`
	ImageLink string `json:"image_link,omitempty"`
}

// A KakaoTalkButton is a web link (type WL), an app link (AL) or a keyword for
// the bot (BK).
type KakaoTalkButton struct {
	Type string `json:"type"`
	Name string `json:"name"`
	KakaoTalkLinks
}

// A KakaoTalkPricing is a product's name and price in won: type
// REGULAR_PRICE_COMMERCE, FIXED_DISCOUNT_COMMERCE or
// PERCENTAGE_DISCOUNT_COMMERCE.
type KakaoTalkPricing struct {
	Type          string `json:"type"`
	Title         string `json:"title"`
	RegularPrice  *int   `json:"regular_price"`
	DiscountPrice *int   `json:"discount_price,omitempty"`
	DiscountFixed *int   `json:"discount_fixed,omitempty"`
	DiscountRate  *int   `json:"discount_rate,omitempty"` // percent
}

// A KakaoTalkCoupon is a reduction: type FIXED_DISCOUNT_COUPON,
// PERCENTAGE_DISCOUNT_COUPON, SHIPPING_DISCOUNT_COUPON, FREE_COUPON or
// UP_COUPON.
type KakaoTalkCoupon struct {
	Type          string `json:"type"`
	Title         string `json:"title,omitempty"` // FREE_COUPON and UP_COUPON
	Description   string `json:"description,omitempty"`
	DiscountFixed *int   `json:"discount_fixed,omitempty"`
	DiscountRate  *int   `json:"discount_rate,omitempty"`
	KakaoTalkLinks
}

// Limits of KakaoTalk's commerce messages.
const (
	maxKakaoTalkButtons  = 2
	minKakaoTalkCards    = 2
	maxKakaoTalkCards    = 10
	maxKakaoTalkPrice    = 99_999_999
	maxKakaoTalkDiscount = 999_999
)

// Validate checks the message.
func (m *KakaoTalkCommerce) Validate() error { return m.validate("") }

// Validate checks the message.
func (m *KakaoTalkCarouselCommerce) Validate() error {
	c, p := m.Carousel, path("carousel")
	if c == nil {
		return missing(p)
	}
	if n := len(c.List); n < minKakaoTalkCards || n > maxKakaoTalkCards {
		return invalid(p.field("list"), "must have %d to %d cards", minKakaoTalkCards, maxKakaoTalkCards)
	}
	if h, q := c.Head, p.field("head"); h != nil {
		if err := first(
			words(q.field("header"), h.Header, 20), words(q.field("content"), h.Content, 50),
			absoluteURL(q.field("image_url"), h.ImageURL),
		); err != nil {
			return err
		}
	}
	if c.Tail != nil {
		if err := required(p.field("tail").field("link_mo"), c.Tail.LinkMobile); err != nil {
			return err
		}
	}
	return each(p.field("list"), c.List, (*KakaoTalkCard).validate)
}

func (c *KakaoTalkCard) validate(p path) error {
	if n := len(c.Buttons); n == 0 || n > maxKakaoTalkButtons {
		return invalid(p.field("buttons"), "must have 1 to %d buttons", maxKakaoTalkButtons)
	}
	if err := each(p.field("buttons"), c.Buttons, (*KakaoTalkButton).validate); err != nil {
		return err
	}
	switch {
	case c.Image == nil:
		return missing(p.field("image"))
	case c.Commerce == nil:
		return missing(p.field("commerce"))
	}
	if err := first(
		atMost(p.field("additional_content"), c.AdditionalContent, 34),
		absoluteURL(p.field("image").field("image_url"), c.Image.ImageURL),
		c.Commerce.validate(p.field("commerce")),
	); err != nil || c.Coupon == nil {
		return err
	}
	return c.Coupon.validate(p.field("coupon"))
}

func (b *KakaoTalkButton) validate(p path) error {
	if err := first(oneOf(p.field("type"), b.Type, "WL", "AL", "BK"), words(p.field("name"), b.Name, 8)); err != nil {
		return err
	}
	switch b.Type {
	case "WL":
		return required(p.field("link_mo"), b.LinkMobile)
	case "AL":
		return first(required(p.field("scheme_ios"), b.SchemeIOS), required(p.field("scheme_android"), b.SchemeAndroid))
	}
	return nil
}

func (c *KakaoTalkPricing) validate(p path) error {
	if err := first(
		oneOf(p.field("type"), c.Type, "REGULAR_PRICE_COMMERCE", "FIXED_DISCOUNT_COMMERCE", "PERCENTAGE_DISCOUNT_COMMERCE"),
		words(p.field("title"), c.Title, 30),
		number(p.field("regular_price"), c.RegularPrice, maxKakaoTalkPrice),
	); err != nil || c.Type == "REGULAR_PRICE_COMMERCE" {
		return err
	}
	if err := number(p.field("discount_price"), c.DiscountPrice, maxKakaoTalkPrice); err != nil {
		return err
	}
	if c.Type == "FIXED_DISCOUNT_COMMERCE" {
		return number(p.field("discount_fixed"), c.DiscountFixed, maxKakaoTalkDiscount)
	}
	return number(p.field("discount_rate"), c.DiscountRate, 100)
}

func (c *KakaoTalkCoupon) validate(p path) error {
	if err := atMost(p.field("description"), c.Description, 12); err != nil {
		return err
	}
	if c.LinkMobile == "" && c.SchemeIOS == "" && c.SchemeAndroid == "" {
		return invalid(p, "needs link_mo, scheme_ios or scheme_android")
	}
	switch c.Type {
	case "SHIPPING_DISCOUNT_COUPON":
		return nil
	case "FIXED_DISCOUNT_COUPON":
		return number(p.field("discount_fixed"), c.DiscountFixed, maxKakaoTalkDiscount)
	case "PERCENTAGE_DISCOUNT_COUPON":
		return number(p.field("discount_rate"), c.DiscountRate, 100)
	case "FREE_COUPON", "UP_COUPON":
		return words(p.field("title"), c.Title, 7)
	}
	return invalid(p.field("type"), "unknown value %q", c.Type)
}

// A LINENotification is a message to a phone number, made from one of LINE's
// templates.
type LINENotification struct {
	TemplateKey string                `json:"template_key"`
	Body        *LINENotificationBody `json:"body,omitempty"`
}

// A LINENotificationBody fills in a template.
type LINENotificationBody struct {
	EmphasizedItem *LINENotificationItem    `json:"emphasized_item,omitempty"`
	Items          []LINENotificationItem   `json:"items,omitempty"`
	Buttons        []LINENotificationButton `json:"buttons,omitempty"`
}

// A LINENotificationItem is a line of a template.
type LINENotificationItem struct {
	ItemKey string `json:"item_key"`
	Content string `json:"content"`
}

// A LINENotificationButton is a link below a template.
type LINENotificationButton struct {
	ButtonKey string `json:"button_key"`
	URL       string `json:"url"`
}

// Validate checks the message.
func (m *LINENotification) Validate() error {
	if err := required("template_key", m.TemplateKey); err != nil || m.Body == nil {
		return err
	}
	const maxItems, maxButtons = 15, 2
	p := path("body")
	switch {
	case len(m.Body.Items) > maxItems:
		return invalid(p.field("items"), "must have at most %d items", maxItems)
	case len(m.Body.Buttons) > maxButtons:
		return invalid(p.field("buttons"), "must have at most %d buttons", maxButtons)
	}
	if item := m.Body.EmphasizedItem; item != nil {
		if err := item.validate(p.field("emphasized_item"), 15); err != nil {
			return err
		}
	}
	for i := range m.Body.Items {
		if err := m.Body.Items[i].validate(p.field("items").index(i), 300); err != nil {
			return err
		}
	}
	return each(p.field("buttons"), m.Body.Buttons, (*LINENotificationButton).validate)
}

func (i *LINENotificationItem) validate(p path, most int) error {
	return first(required(p.field("item_key"), i.ItemKey), words(p.field("content"), i.Content, most))
}

func (b *LINENotificationButton) validate(p path) error {
	return first(required(p.field("button_key"), b.ButtonKey), words(p.field("url"), b.URL, 1000))
}

// words accepts text of 1 to most characters.
func words(p path, s string, most int) error { return first(required(p, s), atMost(p, s, most)) }

// number accepts 0 to most.
func number(p path, n *int, most int) error {
	switch {
	case n == nil:
		return missing(p)
	case *n < 0 || *n > most:
		return invalid(p, "must be 0 to %d", most)
	}
	return nil
}
