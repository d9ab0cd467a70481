package whatsapp

import "encoding/json"

// A message is the body of a request to send. The members are in the order of
// the hosted API's transcode answers, which clients compare as strings.
type message struct {
	To               string        `json:"to,omitempty"`
	Recipient        string        `json:"recipient,omitempty"` // instead of To, for a business-scoped user id
	Type             string        `json:"type"`
	RecipientType    string        `json:"recipient_type"`
	Context          *replyContext `json:"context,omitempty"`
	Text             *textBody     `json:"text,omitempty"`
	Image            *media        `json:"image,omitempty"`
	Video            *media        `json:"video,omitempty"`
	Audio            *media        `json:"audio,omitempty"`
	Sticker          *media        `json:"sticker,omitempty"`
	Document         *media        `json:"document,omitempty"`
	Location         *location     `json:"location,omitempty"`
	Contacts         []contact     `json:"contacts,omitempty"`
	Interactive      *interactive  `json:"interactive,omitempty"`
	Template         *template     `json:"template,omitempty"`
	MessagingProduct string        `json:"messaging_product"`
	CallbackData     *string       `json:"biz_opaque_callback_data"` // Send puts the attempt's key here
}

// replyContext names the message that is quoted.
type replyContext struct {
	MessageID string `json:"message_id"`
}

type textBody struct {
	Body       string `json:"body"`
	PreviewURL bool   `json:"preview_url,omitempty"`
}

type media struct {
	Link     string `json:"link"`
	Caption  string `json:"caption,omitempty"`
	Filename string `json:"filename,omitempty"` // of a document
}

type location struct {
	Longitude string `json:"longitude"`
	Latitude  string `json:"latitude"`
	Name      string `json:"name,omitempty"`
	Address   string `json:"address,omitempty"`
}

type interactive struct {
	Type   string  `json:"type"`
	Header *header `json:"header,omitempty"`
	Body   *words  `json:"body,omitempty"`
	Footer *words  `json:"footer,omitempty"`
	Action action  `json:"action"`
}

// The types of interactive messages.
const (
	typeButtons     = "button"
	typeList        = "list"
	typeLink        = "cta_url"
	typeAskLocation = "location_request_message"
	typeProduct     = "product"
	typeProducts    = "product_list"
	typeFlow        = "flow"
	typeOrder       = "order_details"
	typeOrderStatus = "order_status"
)

type words struct {
	Text string `json:"text"`
}

type header struct {
	Type     string `json:"type"` // text, image, video or document
	Text     string `json:"text,omitempty"`
	Image    *media `json:"image,omitempty"`
	Video    *media `json:"video,omitempty"`
	Document *media `json:"document,omitempty"`
}

type action struct {
	Name       string    `json:"name,omitempty"`
	Parameters any       `json:"parameters,omitempty"`
	Buttons    []button  `json:"buttons,omitempty"`
	Button     string    `json:"button,omitempty"` // opens the list
	Sections   []section `json:"sections,omitempty"`
	CatalogID  string    `json:"catalog_id,omitempty"`
	ProductID  string    `json:"product_retailer_id,omitempty"`
}

type button struct {
	Type  string `json:"type"`
	Reply reply  `json:"reply"`
}

type reply struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type section struct {
	Title    string    `json:"title,omitempty"`
	Rows     []row     `json:"rows,omitempty"`
	Products []product `json:"product_items,omitempty"`
}

type row struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

type product struct {
	ID string `json:"product_retailer_id"`
}

// link is the parameters of a message with a button that opens a web page.
type link struct {
	DisplayText string `json:"display_text"`
	URL         string `json:"url"`
}

type contact struct {
	Name      contactName    `json:"name"`
	Phones    []contactPhone `json:"phones,omitempty"`
	Emails    []contactEmail `json:"emails,omitempty"`
	Org       *contactOrg    `json:"org,omitempty"`
	Addresses []contactPlace `json:"addresses,omitempty"`
	URLs      []contactURL   `json:"urls,omitempty"`
	Birthday  string         `json:"birthday,omitempty"`
}

type contactName struct {
	FormattedName string `json:"formatted_name"`
	FirstName     string `json:"first_name,omitempty"`
	LastName      string `json:"last_name,omitempty"`
	MiddleName    string `json:"middle_name,omitempty"`
	Prefix        string `json:"prefix,omitempty"`
	Suffix        string `json:"suffix,omitempty"`
}

type contactPhone struct {
	Phone string `json:"phone"`
	Type  string `json:"type,omitempty"`
}

type contactEmail struct {
	Email string `json:"email"`
	Type  string `json:"type,omitempty"`
}

type contactOrg struct {
	Company    string `json:"company,omitempty"`
	Department string `json:"department,omitempty"`
	Title      string `json:"title,omitempty"`
}

type contactPlace struct {
	City        string `json:"city,omitempty"`
	State       string `json:"state,omitempty"`
	Zip         string `json:"zip,omitempty"`
	Country     string `json:"country,omitempty"`
	CountryCode string `json:"country_code,omitempty"`
	Type        string `json:"type,omitempty"`
}

type contactURL struct {
	URL  string `json:"url"`
	Type string `json:"type,omitempty"`
}

type template struct {
	Name       string      `json:"name"`
	Language   language    `json:"language"`
	Components []component `json:"components,omitempty"`
}

type language struct {
	Code   string `json:"code"`
	Policy string `json:"policy"`
}

// A component is a part of a template with its parameters, or the cards of a
// carousel.
type component struct {
	Type       string      `json:"type"`
	SubType    string      `json:"sub_type,omitempty"` // of a button
	Index      string      `json:"index,omitempty"`    // of a button
	Parameters []parameter `json:"parameters,omitempty"`
	Cards      []card      `json:"cards,omitempty"`
}

type card struct {
	Index      int         `json:"card_index"`
	Components []component `json:"components"`
}

// A parameter is one value for a template; its members depend on its type.
type parameter map[string]any

// raw is JSON that is passed on as it came.
type raw = json.RawMessage
