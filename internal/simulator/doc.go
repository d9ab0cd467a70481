// Package simulator is the other end: the providers' side of MESSENGER,
// RCS, SMS, TELEGRAM, VIBERBM, WECHAT and WHATSAPP, spoken as the providers speak it,
// with handsets that show what arrived and can answer. It serves development and tests. It shares no
// code with the adapters it stands opposite to, and does nothing a provider
// would not do except through the control API.
//
// # Providers
//
// One HTTP listener serves all of them, each under a prefix, so that an
// adapter needs only another base URL:
//
//	/telegram    Bot API:            /telegram/bot{token}/{method}, /telegram/file/bot{token}/{path}
//	/instagram   Send API:           as /messenger, the account instead of the page
//	/graph       WhatsApp Cloud API: /graph/{version}/{phone_number_id}/messages, …/media, /graph/{version}/{media_id}
//	/messenger   Send API:           /messenger/{version}/{page_id or me}/messages, …/subscribed_apps, /messenger/{version}/{page_id or psid}
//	/kakaotalk   Bizmessage:         /kakaotalk/alimtalk/v2.3/appkeys/{app_key}/messages, …/brand-message/v1.0/appkeys/{app_key}/freestyle-messages
//	/wechat      Official Account:   /wechat/cgi-bin/message/custom/send, …/message/template/send, …/media/upload, …/stable_token
//	/sms-twilio, /sms-vonage, /sms-kannel   the gateways' send request each
//	/applebc     MSP REST API:      /applebc/message, …/preUpload, …/preDownload, …/decodePayload
//	/viber       REST bot API:       /viber/pa/{method}; buttons are 6 columns wide
//	/kakaotalkchat   Happytalk's KakaoWebhook: /kakaotalkchat/kakaoWebhook/v3/bzc/chat/send/…, …/upload, /kakaotalkchat/v1/chat/write
//	/line        LINE Messaging API: /line/v2/bot/…, /line/bot/pnp/push; content too
//	/viberbm-vonage   Messages API:  /viberbm-vonage/v1/messages
//	/viberbm-infobip  Viber Business Messages: /viberbm-infobip/viber/2/messages, …/viber/2/logs
//	/sms-sinch   SMS REST API:       /sms-sinch/xms/v1/{service_plan_id}/batches[/{id}[/delivery_report]]
//	/mms-sinch   MM7 submissions:    /mms-sinch
//	/mms-bandwidth  Messaging API:   /mms-bandwidth/users/{account_id}/messages, …/media/{id}/{name}
//	/mms-twilio  Messages:           /mms-twilio/2010-04-01/Accounts/{sid}/Messages.json, …/Messages/{sid}/Media/{id}
//	/rcs-google  RCS for Business:   /rcs-google/token, /rcs-google/v1/phones/{phone}/agentMessages and so on
//	/rcs-sinch   RCS REST API:       /rcs-sinch/rcs/v1/{agent_id}/messages[/{id}], …/events, …/capabilities
//
// SMPP 3.4 and mail (SMTP) have listeners of their own, see Serve. The mail
// server takes letters for every address, and brings those to an account to its mail
// address. A new provider's prefix is a
// slash and its name. Webhooks go to the addresses the accounts give, are
// retried for about four minutes, and keep the order of a handset unless one
// of them fails.
//
// Known differences from the real ones: Telegram knows private chats only,
// parse_mode HTML only, and accepts http webhooks, as a Bot API server of
// one's own does; media given by URL is not fetched until somebody asks for
// it; SMPP keeps no messages for query_sm, and ignores validity_period; LINE
// accepts http webhooks, and finds the phone of a hashed number among the
// handsets whose identity is a number; an MMS has one recipient; Sinch's RCS
// messages expire only if they say when; consultations of
// KAKAOTALKCHAT are open from the start, and the codes of its errors are our own.
//
// # Accounts
//
//	GET /accounts                                 ids by provider
//	PUT /accounts/instagram/{account_id}          PageAccount
//	PUT /accounts/telegram/{token}                TelegramAccount
//	PUT /accounts/whatsapp/{phone_number_id}      WhatsAppAccount
//	PUT /accounts/messenger/{page_id}             PageAccount
//	PUT /accounts/kakaotalk/{app_key}             KakaoTalkAccount
//	PUT /accounts/wechat/{app_id}                 WeChatAccount
//	PUT /accounts/sms-sinch/{service_plan_id}     SinchAccount
//	PUT /accounts/line/{channel_id}               LINEAccount
//	PUT /accounts/viberbm-vonage/{service_id}     VonageViberAccount
//	PUT /accounts/viberbm-infobip/{sender}        InfobipViberAccount
//	PUT /accounts/viber/{token}                   ViberAccount
//	PUT /accounts/email/{user}                    EmailAccount
//	PUT /accounts/kakaotalkchat/{sender_key}      KakaoChatAccount
//	PUT /accounts/smpp/{system_id}                SMPPAccount
//	PUT /accounts/mms-sinch/{vasp_id}             MMSSinchAccount
//	PUT /accounts/mms-bandwidth/{account_id}      BandwidthAccount
//	PUT /accounts/mms-twilio/{account_sid}        TwilioMMSAccount
//	PUT /accounts/rcs-google/{agent_id}           RCSGoogleAccount
//	PUT /accounts/rcs-sinch/{agent_id}            RCSSinchAccount
//
// and so on. A PUT makes the account or replaces it, and answers {"id"}. One
// of Meta's, RCS-GOOGLE or WECHAT with a webhook_url makes the verification handshake first and
// fails, with nothing changed, if the webhook does not echo the challenge.
//
// # Handsets
//
// A handset is a channel (TELEGRAM, WHATSAPP, SMS and so on; in any case) and
// an identity as the provider has it; of phone numbers the digits. It exists
// from the first time it is mentioned.
//
//	GET    /handsets                          {"handsets":[HandsetInfo]}
//	DELETE /handsets                          forget all of them, and the statistics; ?keep=1 forgets
//	                                          messages only, not names and behaviours
//	GET    /handsets/{channel}/{identity}     Thread; ?since={item id or RFC 3339 time}, ?direction=in|out,
//	                                          ?text={part of it}, ?type=, ?status= select items
//	PUT    /handsets/{channel}/{identity}     {"name"}: what accounts see as the profile name
//	GET    …/wait                             Item: the first that matches the same selection (direction
//	                                          in unless given), as soon as there is one; ?timeout=5s (at
//	                                          most 1m), then 408
//	PUT    …/behaviour                        Behaviour
//	POST   …/reply                            Reply → Item
//	POST   …/tap                              Tap → Tapped
//	POST   …/read                             mark everything as read → {"read": n}
//	POST   …/block, …/unblock                 {"account"?}; TELEGRAM: my_chat_member to that bot, or to
//	                                          every bot in the thread
//	POST   …/start                            TELEGRAM: the Start button. {"account"?, "payload"?}
//	POST   …/event                            Event → Item, or 204 if it leaves nothing in the thread
//	GET    /stats                             Counts by provider
//
// Who a reply goes to: the account named, else the one that wrote last, else
// the only one of the channel. Files of a reply are given by media_url: http
// or https, a data: URL, or /media/{id} of the simulator itself. /media/
// sample.png is always there, and POST /media?name= with the bytes and their
// Content-Type makes another. more_media adds files where the channel takes
// several in one message.
//
// A tap opens what the choice has to open, sends what it has to send, or both.
// An Event tells typing_on, typing_off, start, opt_in, opt_out,
// conversation_deleted, message_deleted or comment, as far as the provider
// knows them.
// A handset that opted out or deleted the conversation has left until it opts
// in, starts or writes.
//
// An Item's native is what the provider got (in) or posted (out), as JSON; a
// form or multipart request is shown as an object of its fields, SMPP as a
// list of PDUs, and what else is not JSON as a string.
//
// # Behaviour
//
// What a handset does with what is sent to it; {} is back to normal.
//
//	deliver            normal       shown, and reported as delivered
//	                   never        accepted, then silence (WHATSAPP: sent; REST: Dispatched)
//	                   reject       accepted, then reported as failed. TELEGRAM has no reports and refuses
//	                   refuse       the request is answered with an error
//	                   rate_limit   the request is answered with "too fast"
//	delivered_after    delay before delivery, such as "1.5s"
//	read, read_after   with reports of reading, as on WHATSAPP: whether and how long after delivery
//	                   a message is read (true, 1s)
//	retry_after        seconds a rate-limited sender is told to wait (1; REST: no header unless given)
//	fail_code          code of reject and refuse, number or string:
//	                   TELEGRAM  "403 Forbidden: user is deactivated" (status and description)
//	                   KAKAOTALK "3018"; of refuse -7000
//	                   WECHAT    45015; of a template that is rejected "failed:user block"
//	                   WHATSAPP  131026; of refuse 131009, of rate_limit 131056
//	                   MESSENGER and INSTAGRAM 551, of rate_limit 613; both refuse, as there are no reports of failure
//	                   VIBERBM   1300; of refuse 1170. Infobip: EC_ABSENT_SUBSCRIBER; REJECTED_DESTINATION
//	                   REST      408, a delivery code; of refuse an error code such as "unauthorized"
//	                   MMS-SINCH "Expired", an MMStatus; of refuse a StatusCode such as 2002
//	                   MMS-BANDWIDTH  4470, an errorCode; of refuse an error type
//	                   MMS-TWILIO  30003, an error code; of refuse 21612
//	                   RCS       a google.rpc status such as NOT_FOUND, also of reject, which is refused
//	                   RCS-SINCH 7, a code of status reports; of refuse an error_code, 1014
//	                   SMPP      "UNDELIV", 27 or "REJECTD:015"; of refuse a command status, 0x45
//	hang               before: the connection is cut and the message is not taken
//	                   after:  the message is taken and the connection is cut before the answer
//	hang_for           how long the connection stays silent before it is cut
//	times              after so many messages the handset is back to normal
//	window_closed      until the phone writes, what needs an open window fails; WHATSAPP: all but
//	                   templates, with 131047; KAKAOTALKCHAT: everything, as there is no session
//
// Errors of the control API are {"error"} with 400, 404 (no such handset,
// item, choice or account), 408 (wait) or 409.
//
// # How to add a provider
//
// Write pigeon.go and the like: ProviderPigeon, the exported PigeonAccount, and
// a type that is a provider; then add its constructor to newProviders. Name and
// path are those of the server's setting: "line", "rcs-google". It does three
// things, and the rest is there:
//
//   - Make an Item of a request and hand it to accept, which applies the
//     phone's behaviour, counts, and plans what becomes of it. Call cutIfAsked
//     with the error before answering it in the provider's words. The item's
//     report, if there are receipts, posts one for the Status and Code it is
//     called with, or ignores those the provider does not tell.
//   - Make webhook bodies of a Reply (see Reply.item), a tapped Choice and, as
//     an eventer or a blocker, of an Event; hand them to writeOut, or to
//     poster.send if they leave nothing in the thread.
//   - Say in post.target where they go and sign them, where signature helps.
//
// accountSet keeps accounts; phones.typing and phones.seen show what the app
// does besides writing; media keeps uploads, and fileURL is where the app
// fetches a phone's file. Say here what is special about the provider. A whole
// one to begin from is in provider_test.go.
package simulator
