package parley

import (
	"encoding/json"
	"testing"
)

// BenchmarkDecodeSend is the decoding of a send request, as it is and without
// remembering the message's text: the two are to be compared within one run.
func BenchmarkDecodeSend(b *testing.B) {
	for _, message := range []struct{ name, text string }{
		{"text", `{"text_message":{"text":"Your parcel is on its way and will be with you between 9 and 11."}}`},
		{"card", `{"card_message":{"title":"Pick a time","description":"We have two left.","media_message":{"url":"https://a.example/a.png"},` +
			`"choices":[{"text_message":{"text":"Nine"},"postback_data":"9"},{"text_message":{"text":"Eleven"},"postback_data":"11"},` +
			`{"url_message":{"title":"More","url":"https://a.example/more"}}]},"agent":{"display_name":"Ada","type":"HUMAN"}}`},
	} {
		body := []byte(`{"app_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","recipient":{"identified_by":{"channel_identities":[` +
			`{"channel":"SMS","identity":"+15551234567"}]}},"message":` + message.text + `}`)
		b.Run(message.name+"/how=fields", func(b *testing.B) {
			type (
				plain  SendMessageRequest
				fields AppMessage
			)
			b.ReportAllocs()
			for b.Loop() {
				var r struct {
					plain
					Message *fields `json:"message"`
				}
				if err := json.Unmarshal(body, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(message.name+"/how=verbatim", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Decode(body, new(SendMessageRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
