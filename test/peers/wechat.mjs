// Encrypts, signs and decrypts bodies of WeChat webhooks with wechat-crypto:
// node wechat.mjs {token} {EncodingAESKey} {AppID}. Reads JSON, a line for
// each body, with timestamp, nonce, and text or encrypt; prints a line for
// each with text, encrypt, the AppID in it and its msg_signature.
import { createInterface } from 'node:readline';
import WXBizMsgCrypt from 'wechat-crypto';

const crypt = new WXBizMsgCrypt(...process.argv.slice(2));
for await (const line of createInterface({ input: process.stdin })) {
  const body = JSON.parse(line);
  const encrypt = body.encrypt || crypt.encrypt(body.text);
  const { message, id } = crypt.decrypt(encrypt);
  console.log(JSON.stringify({ text: message, id, encrypt, signature: crypt.getSignature(body.timestamp, body.nonce, encrypt) }));
}
