// Every kind of message on every channel, with the official SDK, against
// `parley dev`: each arrives on the handset with all its words, its callbacks
// are right, and the handset answers with whatever it can: text, media, a
// location, a tap of a choice.
//
//   PARLEY_SDK_HANDSETS  [{app, app_id, channel, identity, receipts, answers}]:
//                        whom to write to; receipts lists the statuses of the
//                        channel, answers is false where nothing comes back
//   and what drive.mjs reads.
//
// Prints `ok APP CHANNEL STEP` for each step, and `none` for an answer that
// the handset cannot give. Says at the end what failed.

import { randomInt, randomUUID } from 'node:crypto';
import process from 'node:process';
import { assert, client, describe, env, eventually, listener, payload, simulator } from './drive.mjs';

const { conversation: api } = client();

const sample = `${env('PARLEY_SIMULATOR_URL').replace(/\/$/, '')}/media/sample.png`;

/** Returns a word nobody has used, short enough for any button. */
const word = (stem) => `${stem} ${randomInt(36 ** 4, 36 ** 5).toString(36)}`;

const text = (title) => ({ text_message: { text: title }, postback_data: `data of ${title}` });
const coordinates = { latitude: 55.610479, longitude: 13.002873 };
const event = { event_start: '2030-05-01T10:00:00Z', event_end: '2030-05-01T11:30:00Z', event_title: 'Demo' };

// Each kind makes a message out of new words, and says by tap which of its
// words can be tapped or typed as an answer.
const kinds = {
  text: (a) => ({ text_message: { text: a } }),
  media: () => ({ media_message: { url: sample } }),
  card: (a, b, c) => ({ card_message: { title: a, description: b, media_message: { url: sample }, choices: [text(c)] } }),
  carousel: (a, b, c) => ({ carousel_message: { cards: [
    { title: a, description: 'one', media_message: { url: sample }, choices: [text(c)] },
    { title: b, description: 'two', media_message: { url: sample }, choices: [text(word('Pick'))] },
  ] } }),
  choice: (a, b, c) => ({ choice_message: { text_message: { text: a }, choices: [text(c), text(b)] } }),
  'choice of url': (a, b) => choice(a, { url_message: { title: b, url: 'https://shop.example/1' } }),
  'choice of call': (a, b) => choice(a, { call_message: { title: b, phone_number: '+15551234567' } }),
  'choice of location': (a, b) => choice(a, { location_message: { title: b, label: 'Here', coordinates } }),
  'choice of calendar': (a, b) => choice(a, { calendar_message: { title: b, ...event, fallback_url: 'https://calendar.example/1' } }),
  // WHATSAPP's button that asks for a location has words of its own.
  'choice of share location': (a) => choice(a, { share_location_message: { title: 'Where?', fallback_url: 'https://where.example/1' } }),
  list: (a, b, c) => ({ list_message: { title: a, message_properties: { menu: 'Menu' }, sections: [{ title: 'Section', items: [
    { choice: { title: c, postback_data: `data of ${c}` } }, { choice: { title: b } },
  ] }] } }),
  location: (a) => ({ location_message: { title: a, coordinates } }),
  'contact info': (a) => ({ contact_info_message: { name: { full_name: a }, phone_numbers: [{ phone_number: '+15557654321' }] } }),
  template: (a) => ({ template_message: { omni_template: { template_id: templateId, version: 'latest', parameters: { words: a } } } }),
};

const tappable = new Set(['card', 'carousel', 'choice', 'list']);

const choice = (words, ...choices) => ({ choice_message: { text_message: { text: words }, choices } });

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

// One app on one channel.
class Line {
  constructor(hook, { app, app_id: appId, channel, identity, receipts, answers }) {
    Object.assign(this, { hook, app, appId, channel, identity, receipts, answers });
    this.path = `handsets/${channel}/${encodeURIComponent(identity)}`;
  }

  async run() {
    await simulator('PUT', this.path, { name: 'Ada' }); // it is there from now on
    for (const [kind, make] of Object.entries(kinds)) {
      await this.#step(kind, () => this.#kind(kind, make));
    }
    if (!this.answers) {
      console.log(`none ${this.app} ${this.channel} answer`);
      return;
    }
    const answer = word('An answer');
    await this.#step('answer by text', () => this.#answer({ text: answer }, ({ text_message: message }) => message?.text === answer, true));
    await this.#step('answer by media', () => this.#answer({ media_url: '/media/sample.png' }, ({ media_message: media }) => media?.url));
    await this.#step('answer by location', () => this.#answer({ location: { ...coordinates, title: 'Here' } },
      ({ location_message: location, text_message: message }) => message?.text.includes(coordinates.latitude) ||
        Math.abs(location?.coordinates.latitude - coordinates.latitude) < 1e-4));
  }

  async #step(name, take) {
    try {
      const outcome = await take();
      console.log(`${outcome ?? 'ok'} ${this.app} ${this.channel} ${name}`);
    } catch (error) {
      failures.push(`${this.app} ${this.channel} ${name}: ${describe(error)}`);
    }
  }

  /** Sends a kind of message, sees it arrive and, where it can be, answered. */
  async #kind(kind, make) {
    const words = ['Alder', 'Birch', 'Cedar'].map(word);
    const message = make(...words);
    const before = (await this.#items()).at(-1)?.id ?? '0';
    const { message_id: id } = await api.messages.send({ sendMessageRequestBody: {
      app_id: this.appId,
      recipient: { identified_by: { channel_identities: [this.#address()] } },
      message,
      message_metadata: kind,
    } });
    const submit = await this.#notice('MESSAGE_SUBMIT', (note) => note.message_id === id);
    assert.deepEqual(Object.keys(submit.submitted_message).filter((key) => key in message), Object.keys(message));
    this.#checkNotice(submit, kind);
    // A receipt that overtakes another, or the provider's own answer, stands
    // for it: see docs/states.md.
    const report = await this.#reported(id, kind, 'QUEUED_ON_CHANNEL', 'DELIVERED', 'READ');
    if (report.status === 'QUEUED_ON_CHANNEL' && this.receipts.includes('DELIVERED')) {
      await this.#reported(id, kind, 'DELIVERED', 'READ');
    }
    const wanted = words.filter((one) => JSON.stringify(message).includes(one));
    const items = await this.#shown(before, wanted, JSON.stringify(message).includes(sample));
    if (this.answers && tappable.has(kind)) {
      await this.#tap(items, id, words[2]);
    }
  }

  async #reported(id, kind, ...statuses) {
    const report = await this.#notice('MESSAGE_DELIVERY', (note) => note.message_id === id && [...statuses, 'FAILED'].includes(note.status));
    assert.ok(statuses.includes(report.status), JSON.stringify(report));
    this.#checkNotice(report, kind);
    return report;
  }

  /**
   * Returns what came after an item, once it shows all the words, in capitals
   * or not, and the picture. A business card may be a file.
   */
  async #shown(before, words, picture) {
    let shown = [];
    const complete = async () => {
      shown = (await this.#items(before)).filter(({ direction }) => direction === 'in');
      const visible = shown.map(({ native, ...rest }) => JSON.stringify(rest)).join('\n');
      const readable = visible.toLowerCase();
      return /"mime":"text\/(x-)?vcard"/.test(visible) ||
        (words.every((one) => readable.includes(one.toLowerCase())) && (!picture || /"media":\[\{|sample\.png/.test(visible)));
    };
    complete.toString = () => `the handset shows ${words} in ${JSON.stringify(shown.map(({ native, ...rest }) => rest))}`;
    await eventually(complete);
    return shown;
  }

  /** Taps a choice, or types it where it is written as text. */
  async #tap(items, id, title) {
    const item = items.find(({ choices = [] }) => choices.some((one) => one.title === title));
    const done = item ? await this.#phone('tap', { item: item.id, choice: title }) : await this.#phone('reply', { text: title });
    const message = await this.#inbound(({ choice_response_message: answer }) => answer?.message_id === id);
    assert.equal(message.contact_message.choice_response_message.postback_data, `data of ${title}`, JSON.stringify(done));
  }

  async #answer(reply, matches, must = false) {
    try {
      await this.#phone('reply', reply);
    } catch (error) {
      // What this provider's phones cannot send the simulator refuses.
      if (must || !/: (400|409) /.test(error.message)) {
        throw error;
      }
      return 'none';
    }
    await this.#inbound(matches);
    return 'ok';
  }

  /** Takes the next inbound message that matches, and checks who sent it. */
  async #inbound(matches) {
    const message = await this.#notice('MESSAGE_INBOUND', ({ contact_message: content }) => matches(content));
    assert.equal(message.direction, 'TO_APP');
    assert.equal(message.injected, false);
    assert.deepEqual(pick(message.channel_identity), pick(this.#address()));
    assert.equal(message.contact_id, this.contactId, 'the contact who was written to');
    assert.equal(message.conversation_id, this.conversationId, 'the conversation it is in');
    return message;
  }

  /** Takes the next callback of this app and channel. */
  async #notice(trigger, test) {
    const { event: found } = await this.hook.next((one) => one.trigger === trigger && one.app_id === this.appId &&
      payload(one).channel_identity?.channel === this.channel && test(payload(one)));
    return payload(found);
  }

  #checkNotice(note, metadata) {
    assert.equal(note.metadata, metadata);
    assert.deepEqual(pick(note.channel_identity), pick(this.#address()));
    this.contactId ??= note.contact_id;
    this.conversationId ??= note.conversation_id;
    assert.deepEqual([note.contact_id, note.conversation_id], [this.contactId, this.conversationId]);
  }

  #address() {
    return { channel: this.channel, identity: this.identity };
  }

  async #items(since) {
    return (await simulator('GET', `${this.path}${since ? `?since=${since}` : ''}`)).items ?? [];
  }

  #phone(action, body) {
    return simulator('POST', `${this.path}/${action}`, body);
  }
}

const pick = ({ channel, identity }) => ({ channel, identity });

/** Gives an app a webhook to the listener. */
async function subscribe(appId, hook, secret) {
  await api.webhooks.create({ webhookCreateRequestBody: {
    app_id: appId, target: hook.url, target_type: 'HTTP', secret, triggers: ['MESSAGE_SUBMIT', 'MESSAGE_DELIVERY', 'MESSAGE_INBOUND'],
  } });
}

const failures = [];
const handsets = JSON.parse(env('PARLEY_SDK_HANDSETS'));
assert.ok(handsets.length > 0, 'PARLEY_SDK_HANDSETS names nobody');
const secret = randomUUID();
const hook = await listener(secret);
await makeTemplate();
for (const appId of new Set(handsets.map((one) => one.app_id))) {
  await subscribe(appId, hook, secret);
}
// A handset answers whoever wrote last, so that the apps that share one go one
// after the other.
await Promise.all([...new Set(handsets.map(({ channel }) => channel))].map(async (channel) => {
  for (const one of handsets.filter((other) => other.channel === channel)) {
    await new Line(hook, one).run();
  }
}));
await hook.close();
for (const failure of failures) {
  console.error(`FAIL ${failure}`);
}
process.exitCode = failures.length > 0 ? 1 : 0;
