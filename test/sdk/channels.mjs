// Every kind of message on every channel, with the official SDK, against
// `parley dev`: each arrives on the handset with all its words, its callbacks
// are right, and the handset answers with whatever it can: text, media, a
// location, a tap of a choice, an event.
//
//   PARLEY_SDK_HANDSETS  [{app, app_id, channel, identity, receipts, events,
//                        answers}]: whom to write to; receipts and events are
//                        those of the channel, answers is false where nothing
//                        comes back
//   and what drive.mjs reads.
//
// Prints `OUTCOME | APP | CHANNEL | STEP` for each step. The outcome is `ok`,
// or says how the channel does it; `none` is what it cannot do: see seen_test.go.
// Says at the end what failed.

import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { assert, client, env, listener, payload, simulator } from './drive.mjs';
import { asks, isKept } from './channels-kept.mjs';
import { heard, Line } from './channels-line.mjs';
import { hostFiles, sample } from './channels-kinds.mjs';
import { sendsItsOwn } from './channels-own.mjs';
import * as steps from './channels-steps.mjs';

const { conversation: api } = client();
const templateId = `channels-${randomUUID()}`;

async function makeTemplate() {
  await api.templatesV2.create({ createTemplateRequestBody: {
    id: templateId,
    default_translation: 'en-US',
    translations: [{
      language_code: 'en-US', version: '1', text_message: { text: 'Told: ${words}' },
      variables: [{ key: 'words', preview_value: 'words' }],
    }],
  } });
}

/** Gives an app a webhook to the listener. */
async function subscribe(appId, hook, secret) {
  await api.webhooks.create({ webhookCreateRequestBody: {
    app_id: appId, target: hook.url, target_type: 'HTTP', secret, triggers: [
      'MESSAGE_SUBMIT', 'MESSAGE_DELIVERY', 'MESSAGE_INBOUND', 'EVENT_INBOUND', 'EVENT_DELIVERY',
      'OPT_IN', 'OPT_OUT', 'CAPABILITY', 'CHANNEL_EVENT', 'UNSUPPORTED',
    ],
  } });
}

async function inConversationMode(line) {
  await simulator('PUT', line.path, { name: 'Ada' }); // it is there from now on
  await steps.sendsEveryKind(line, templateId, media);
  await sendsItsOwn(line, sample);
  await steps.dispatchesOne(line);
  await steps.fails(line);
  await steps.readsMessages(line);
  if (line.answers) {
    await steps.answersWithEveryKind(line);
  }
  if (line.answers) {
    await steps.hearsEvents(line, 'typing_on', 'typing_off', 'start', 'comment');
  }
  await steps.sendsEvents(line);
  if (line.answers) {
    await steps.hearsEvents(line, 'message_deleted', 'conversation_deleted', 'opt_out', 'opt_in');
    await steps.comesBack(line);
    await steps.optsOut(line);
  }
  await asks(line);
  await isKept(line);
}

const failures = [];
const seen = new Set();

/** Notes a callback that tells what one before it has told. */
function once({ event }) {
  const { id, message_id: of, event_id: done, request_id: asked, status, channel_identity: to } = payload(event);
  const what = [event.trigger, event.app_id, id ?? of ?? done ?? asked, status, to?.channel].join(' ');
  if (seen.has(what)) {
    failures.push(`told twice: ${what}`);
  }
  seen.add(what);
}

const handsets = JSON.parse(env('PARLEY_SDK_HANDSETS'));
assert.ok(handsets.length > 0, 'PARLEY_SDK_HANDSETS names nobody');
const secret = randomUUID();
const hook = await listener(secret, once);
const apps = [...new Set(handsets.map((one) => one.app_id))];
const lines = handsets.map((handset) => new Line({ api, hook, failures }, handset));
const media = await hostFiles();
await makeTemplate();
for (const appId of apps) {
  await subscribe(appId, hook, secret);
}
await Promise.all(lines.map(inConversationMode));
for (const appId of apps) {
  await api.app.update({ app_id: appId, update_mask: ['processing_mode'], appUpdateRequestBody: { processing_mode: 'DISPATCH' } });
}
await Promise.all(lines.map(steps.dispatches));
for (const { event } of hook.take((one) => heard.includes(one.trigger) || payload(one).status === 'FAILED')) {
  failures.push(`nobody expected ${JSON.stringify(event)}`);
}
await hook.close();
for (const failure of failures) {
  console.error(`FAIL ${failure}`);
}
process.exitCode = failures.length > 0 ? 1 : 0;
