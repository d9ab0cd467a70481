// Speaks to a Send API with messaging-api-messenger, a client of its own
// making: node messenger.mjs {origin} {token} {psid}. Prints a line of JSON
// for each call: its name and the id it was answered, or the error.
import messenger from 'messaging-api-messenger';

const [origin, accessToken, psid] = process.argv.slice(2);
const client = new messenger.MessengerClient({ origin, accessToken, version: '23.0' });
const reply = (title) => ({ contentType: 'text', title, payload: title });
const calls = {
  text: () => client.sendText(psid, 'Hello'),
  image: () => client.sendImage(psid, 'https://media.example/tulip.jpg'),
  file: () => client.sendFile(psid, 'https://media.example/a.pdf'),
  quick_replies: () => client.sendText(psid, 'Tea?', { quickReplies: [reply('Yes'), reply('No')] }),
  too_many: () => client.sendText(psid, 'Tea?', { quickReplies: Array.from({ length: 14 }, (_, i) => reply(`${i}`)) }),
  buttons: () => client.sendButtonTemplate(psid, 'What next?', [
    { type: 'web_url', title: 'Visit', url: 'https://shop.example' },
    { type: 'phone_number', title: 'Call', payload: '+15105551234' },
    { type: 'postback', title: 'Chat', payload: 'CHAT' },
  ]),
  cards: () => client.sendGenericTemplate(psid, [
    { title: 'Tulip', subtitle: 'Red', imageUrl: 'https://media.example/tulip.jpg', buttons: [{ type: 'postback', title: 'Buy', payload: 'BUY' }] },
  ]),
  tag: () => client.sendText(psid, 'Hello', { messagingType: 'MESSAGE_TAG', tag: 'HUMAN_AGENT' }),
  typing: () => client.sendSenderAction(psid, 'typing_on'),
  seen: () => client.sendSenderAction(psid, 'mark_seen'),
  page: () => client.getPageInfo(),
  nobody: () => client.sendText('nobody', 'Hello'),
};
for (const [name, call] of Object.entries(calls)) {
  let said;
  try {
    const { messageId, recipientId, id } = await call();
    said = { name, id: messageId ?? recipientId ?? id };
  } catch (error) {
    said = { name, error: error.message };
  }
  console.log(JSON.stringify(said));
}
