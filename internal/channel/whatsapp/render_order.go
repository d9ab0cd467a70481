package whatsapp

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// amountOffset says that amounts are in hundredths of the currency.
const amountOffset = 100

// A payment is the payment of an ORDER_DETAILS message as the API has it.
type payment struct {
	Type        string       `json:"type"` // br or sg
	ReferenceID string       `json:"reference_id"`
	TypeOfGoods string       `json:"type_of_goods"`
	Buttons     []raw        `json:"payment_buttons"`
	Settings    *paySettings `json:"payment_settings"` // deprecated: one PIX code
	TotalAmount *int64       `json:"total_amount_value"`
	Order       *payOrder    `json:"order"`
}

type paySettings struct {
	DynamicPix *pixCode `json:"dynamic_pix"`
}

type payOrder struct {
	CatalogID             string    `json:"catalog_id"`
	ExpirationTime        string    `json:"expiration_time"`
	ExpirationDescription string    `json:"expiration_description"`
	Subtotal              *int64    `json:"subtotal_value"`
	Tax                   *int64    `json:"tax_value"`
	TaxDescription        string    `json:"tax_description"`
	Shipping              *int64    `json:"shipping_value"`
	ShippingDescription   string    `json:"shipping_description"`
	Discount              *int64    `json:"discount_value"`
	DiscountDescription   string    `json:"discount_description"`
	DiscountProgram       string    `json:"discount_program_name"`
	Items                 []payItem `json:"items"`
}

type payItem struct {
	RetailerID string `json:"retailer_id"`
	Name       string `json:"name"`
	Amount     int64  `json:"amount_value"`
	Quantity   int64  `json:"quantity"`
	SaleAmount *int64 `json:"sale_amount_value"`
}

// orderParameters is the action of an order_details message.
type orderParameters struct {
	ReferenceID string          `json:"reference_id"`
	Type        string          `json:"type"` // of goods
	PaymentType string          `json:"payment_type"`
	Settings    []paymentMethod `json:"payment_settings,omitempty"`
	Currency    string          `json:"currency"`
	TotalAmount *amount         `json:"total_amount"`
	Order       order           `json:"order"`
}

type paymentMethod struct {
	Type   string   `json:"type"`
	Pix    *pixCode `json:"pix_dynamic_code,omitempty"`
	Link   *payLink `json:"payment_link,omitempty"`
	Boleto *boleto  `json:"boleto,omitempty"`
}

type pixCode struct {
	Code         string `json:"code"`
	MerchantName string `json:"merchant_name"`
	Key          string `json:"key"`
	KeyType      string `json:"key_type"`
}

type payLink struct {
	URI string `json:"uri"`
}

type boleto struct {
	DigitableLine string `json:"digitable_line"`
}

type order struct {
	Status     string      `json:"status"`
	CatalogID  string      `json:"catalog_id,omitempty"`
	Expiration *expiration `json:"expiration,omitempty"`
	Items      []orderItem `json:"items"`
	Subtotal   *amount     `json:"subtotal"`
	Tax        *amount     `json:"tax"`
	Shipping   *amount     `json:"shipping,omitempty"`
	Discount   *amount     `json:"discount,omitempty"`
}

type expiration struct {
	Timestamp   string `json:"timestamp"`
	Description string `json:"description,omitempty"`
}

type orderItem struct {
	RetailerID string  `json:"retailer_id"`
	Name       string  `json:"name"`
	Amount     *amount `json:"amount"`
	Quantity   int64   `json:"quantity"`
	SaleAmount *amount `json:"sale_amount,omitempty"`
}

type amount struct {
	Value       int64  `json:"value"`
	Offset      int    `json:"offset"`
	Description string `json:"description,omitempty"`
	Program     string `json:"discount_program_name,omitempty"`
}

func money(value *int64, description string) *amount {
	if value == nil {
		return nil
	}
	return &amount{Value: *value, Offset: amountOffset, Description: description}
}

func orderDetails(body raw) (*interactive, error) {
	var m struct {
		frame
		Payment payment `json:"payment"`
	}
	if err := decode(body, &m); err != nil {
		return nil, err
	}
	p := &m.Payment
	if err := p.check(); err != nil {
		return nil, err
	}
	methods, err := p.methods()
	if err != nil {
		return nil, err
	}
	currency := "BRL"
	if p.Type == "sg" {
		currency = "SGD"
	}
	return m.interactive(typeOrder, action{Name: "review_and_pay", Parameters: orderParameters{
		ReferenceID: p.ReferenceID, Type: p.TypeOfGoods, PaymentType: p.Type, Settings: methods,
		Currency: currency, TotalAmount: money(p.TotalAmount, ""), Order: p.Order.render(),
	}})
}

// check names the first member that is required and absent.
func (p *payment) check() error {
	switch {
	case p.Type != "br" && p.Type != "sg":
		return channel.Refuse(parley.ReasonBadRequest, specificPath+".payment.type must be br or sg")
	case p.ReferenceID == "":
		return lacks("payment.reference_id")
	case p.TypeOfGoods == "":
		return lacks("payment.type_of_goods")
	case p.TotalAmount == nil:
		return lacks("payment.total_amount_value")
	case p.Order == nil:
		return lacks("payment.order")
	case p.Order.Subtotal == nil:
		return lacks("payment.order.subtotal_value")
	case p.Order.Tax == nil:
		return lacks("payment.order.tax_value")
	case len(p.Order.Items) == 0:
		return lacks("payment.order.items")
	}
	return nil
}

// methods returns the ways to pay.
func (p *payment) methods() ([]paymentMethod, error) {
	var out []paymentMethod
	for _, button := range p.Buttons {
		var b struct {
			Type string `json:"type"`
			pixCode
			payLink
			boleto
		}
		if err := decode(button, &b); err != nil {
			return nil, err
		}
		switch b.Type {
		case "pix_dynamic_code":
			out = append(out, paymentMethod{Type: b.Type, Pix: &b.pixCode})
		case "payment_link":
			out = append(out, paymentMethod{Type: b.Type, Link: &b.payLink})
		case "boleto":
			out = append(out, paymentMethod{Type: b.Type, Boleto: &b.boleto})
		default:
			return nil, channel.Refuse(parley.ReasonBadRequest,
				specificPath+".payment.payment_buttons: type must be pix_dynamic_code, payment_link or boleto")
		}
	}
	if len(out) == 0 && p.Settings != nil && p.Settings.DynamicPix != nil {
		out = append(out, paymentMethod{Type: "pix_dynamic_code", Pix: p.Settings.DynamicPix})
	}
	return out, nil
}

func (o *payOrder) render() order {
	out := order{
		Status: "pending", CatalogID: o.CatalogID,
		Subtotal: money(o.Subtotal, ""),
		Tax:      money(o.Tax, o.TaxDescription),
		Shipping: money(o.Shipping, o.ShippingDescription),
		Discount: money(o.Discount, o.DiscountDescription),
	}
	if out.Discount != nil {
		out.Discount.Program = o.DiscountProgram
	}
	if o.ExpirationTime != "" {
		out.Expiration = &expiration{Timestamp: o.ExpirationTime, Description: o.ExpirationDescription}
	}
	for _, i := range o.Items {
		out.Items = append(out.Items, orderItem{
			RetailerID: i.RetailerID, Name: i.Name, Amount: money(&i.Amount, ""),
			Quantity: i.Quantity, SaleAmount: money(i.SaleAmount, ""),
		})
	}
	return out
}
