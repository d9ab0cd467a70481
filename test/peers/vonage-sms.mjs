// Sends texts with Vonage's own client to the address given, and says of each
// signed webhook given, as JSON, whether the client believes it.
import { AlgorithmTypes, Auth } from '@vonage/auth';
import { SMS } from '@vonage/sms';

const [, , host, cases] = process.argv;
const sms = new SMS(new Auth({ apiKey: 'AC1', apiSecret: 'gateway-token-secret' }), { restHost: host });
const frame = {
  from: 'Parley',
  to: '15551230001',
  clientRef: 'k-0',
  callback: 'https://parley.example/hook',
  statusReportReq: 1,
};

await sms.send({ ...frame, type: 'text', text: 'Hello & <welcome> + 100%' });
await sms.send({ ...frame, type: 'unicode', text: 'Привет 😀', ttl: 90_000 });
await sms.send({ ...frame, type: 'text', text: 'Look', messageClass: 0 });
// By the names in the dashboard.
const methods = {
  md5hash: AlgorithmTypes.md5hash,
  md5: AlgorithmTypes.md5hmac,
  sha1: AlgorithmTypes.sha1hmac,
  sha256: AlgorithmTypes.sha256hmac,
  sha512: AlgorithmTypes.sha512hmac,
};
console.log(JSON.stringify(JSON.parse(cases).map(
  ({ fields, secret, method }) => sms.verifySignature(fields.sig, fields, secret, methods[method]),
)));
