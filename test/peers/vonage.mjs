// Sends Viber Business Messages with Vonage's own client to the address given,
// and says whether it believes the webhook token given: the address, the
// token, its secret.
import { Auth } from '@vonage/auth';
import { Messages, ViberFile, ViberImage, ViberText } from '@vonage/messages';
import { verifySignature } from '@vonage/jwt';

const [, , host, token, secret] = process.argv;
const messages = new Messages(new Auth({ apiKey: 'a1b2c3d4', apiSecret: 'api-secret-of-the-test' }), { apiHost: host });
const frame = {
  from: '16273',
  to: '15551230001',
  clientRef: 'k-0',
  webhookUrl: 'https://parley.example/hook',
  webhookVersion: 'v1',
};
const action = { url: 'https://shop.example/', text: 'Open the shop' };

await messages.send(new ViberText({ ...frame, text: 'Hello & <welcome>' }));
await messages.send(new ViberText({
  ...frame, text: 'Our shop', viberService: { category: 'promotion', ttl: 90, action },
}));
await messages.send(new ViberImage({
  ...frame,
  image: { url: 'https://media.example/tulip.jpg', caption: '*Tulips*' },
  viberService: { category: 'promotion', action },
}));
// The class leaves viberService out, although its requests have it.
const bill = new ViberFile({ ...frame, file: { url: 'https://media.example/bill.pdf', name: 'bill.pdf' } });
await messages.send(Object.assign(bill, { viberService: { category: 'promotion' } }));
console.log(verifySignature(token, secret));
