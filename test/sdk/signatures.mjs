// What an app sends comes back in callbacks. Receivers that parse them before
// they check the signature write them again for that, so the bytes must be
// those that JSON.stringify writes, however the app wrote them: here as
// clients do that are not written in JavaScript. The listener checks it.

import { randomInt, randomUUID } from 'node:crypto';
import { assert, client, describe, env, listener, payload } from './drive.mjs';

const { conversation: api } = client();

async function main() {
  const secret = randomUUID();
  const hook = await listener(secret);
  const { id } = await api.app.create({ appCreateRequestBody: {
    display_name: 'Signatures', channel_credentials: [{ channel: 'SMS', ...JSON.parse(env('PARLEY_SDK_CREDENTIALS')).SMS }],
  } });
  await api.webhooks.create({ webhookCreateRequestBody: {
    app_id: id, target: hook.url, target_type: 'HTTP', secret, triggers: ['MESSAGE_SUBMIT'],
  } });
  const number = `1555${randomInt(1e6, 1e7)}`;
  for (const message of [
    String.raw`{"text_message": {"text": "sm\u00f6rg\u00e5s \/ \ud83d\udc4d \u2028"}}`,
    `{"location_message": {"title": "Malm\\u00f6", "coordinates": {"latitude": 55.0, "longitude": 1.30e1}}}`,
  ]) {
    const answer = await fetch(`${env('PARLEY_URL')}/v1/projects/${env('PARLEY_PROJECT')}/messages:send`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`${env('PARLEY_KEY_ID')}:${env('PARLEY_KEY_SECRET')}`).toString('base64')}`,
      },
      body: `{"app_id": "${id}", "message": ${message},
        "recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": "${number}"}]}}}`,
    });
    const { message_id: sent } = await answer.json();
    const note = payload(await hook.expect('MESSAGE_SUBMIT', (one) => one.message_id === sent));
    assert.deepEqual(note.submitted_message, JSON.parse(message));
  }
  await api.app.delete({ app_id: id });
  await hook.close();
}

main().catch((error) => {
  console.error(describe(error));
  process.exit(1); // the listener may still listen
});
