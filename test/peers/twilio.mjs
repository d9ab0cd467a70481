// Twilio's own library. "send" sends messages, given as JSON, to the address
// given and prints what becomes of them; "validate" says of each signed
// webhook, given as JSON, whether the library believes it.
import twilio from 'twilio';

const [, , command, ...args] = process.argv;
const sid = 'AC0123456789abcdef0123456789abcdef';
const token = 'auth-token-of-the-test';

async function send(address, messages) {
  const client = twilio(sid, token);
  client.api.baseUrl = address;
  const results = [];
  for (const message of JSON.parse(messages)) {
    try {
      const sent = await client.messages.create(message);
      results.push({ sid: sent.sid, status: sent.status, to: sent.to, from: sent.from });
    } catch (e) {
      results.push({ error: e.code, http_status: e.status });
    }
  }
  return results;
}

function validate(webhooks) {
  return JSON.parse(webhooks).map(
    ({ signature, url, fields }) => twilio.validateRequest(token, signature, url, fields),
  );
}

console.log(JSON.stringify(command === 'send' ? await send(...args) : validate(...args)));
