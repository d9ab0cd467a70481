// What channels.mjs does on each line, one step after the other.

import { randomInt } from 'node:crypto';
import { assert, eventually, payload, simulator } from './drive.mjs';
import { coordinates, files, kinds, stems, word } from './channels-kinds.mjs';
import { readable } from './channels-line.mjs';

/** Sends every kind of message and chooses what can be chosen under it. */
export async function sendsEveryKind(line, templateId, media) {
  for (const [kind, { make, taps, opens }] of Object.entries(kinds(templateId, media))) {
    await line.step(kind, async () => {
      const words = stems.map(word);
      const message = make(...words);
      const { transcoded_message: { [line.channel]: transcoded } } = await line.api.transcoding.transcodeMessage({ transcodeMessageRequestBody: {
        app_id: line.app_id, app_message: message, channels: [line.channel],
      } });
      assert.ok(transcoded, 'the message as the channel has it');
      const sent = await line.deliver(message, kind, words.filter((one) => JSON.stringify(message).includes(one) && !opens));
      if (opens) {
        return opened(line, sent, opens(...words));
      }
      if (line.answers) {
        for (const [title, data] of taps?.(...words) ?? []) {
          await taken(line, sent, title, data ?? `${sent.id}_${title}`);
        }
      }
      return undefined;
    });
  }
}

/** Taps a choice, or types it where it is written as text. */
async function taken(line, { id, items, metadata }, title, data) {
  const item = items.find(({ choices = [] }) => choices.some((one) => one.title.toLowerCase() === title.toLowerCase()));
  const done = item ? await line.phone('tap', { item: item.id, choice: title }) : await line.phone('reply', { text: title });
  assert.ok(done, line.refusal);
  const message = await line.inbound(({ choice_response_message: answer }) => answer?.message_id === id);
  assert.equal(message.contact_message.choice_response_message.postback_data, data, JSON.stringify(done));
  assert.equal(message.metadata, metadata, 'the metadata of the message that is answered');
}

/** Chooses what opens something on the phone, where there is such a button. */
async function opened(line, { id, items }, { title, data, address, location, reads }) {
  const shown = items.flatMap(({ id: item, choices = [] }) => choices.map((one) => ({ ...one, item })));
  // A button for a place or a time may have words of its own.
  const button = shown.find((one) => one.title.toLowerCase() === title?.toLowerCase()) ?? shown[0];
  if (!button) {
    assert.ok(readable(items).includes(reads), `the phone shows ${reads}: ${readable(items)}`);
    return 'text';
  }
  const tapped = await line.phone('tap', { item: button.item, choice: button.title });
  assert.ok(tapped, line.refusal);
  if (location) {
    if (tapped.opened) {
      assert.ok(tapped.opened.includes(reads), tapped.opened);
      return 'opens the address';
    }
    await line.inbound(({ location_message: place }) => place);
  } else if (tapped.opened || !tapped.sent) {
    assert.ok((tapped.opened ?? '').includes(address) || (tapped.opened ?? '').includes(reads), `it opens ${tapped.opened}`);
  }
  if (!tapped.sent || location && line.channel !== 'RCS') {
    return undefined;
  }
  const { contact_message: content } = await line.inbound(({ choice_response_message: answer }) => answer?.message_id === id);
  assert.equal(content.choice_response_message.postback_data, data ?? content.choice_response_message.postback_data);
  return 'reported';
}

/** Waits for a message to be read, where that is told: of MMS over MM7 only. */
export async function readsMessages(line) {
  if (!line.receipts.includes('READ') || (line.channel === 'MMS' && line.app !== 'Demo')) {
    return;
  }
  await line.step('read', async () => {
    const sent = await line.send({ text_message: { text: word('Read') } }, 'read');
    await line.reported(sent.id, 'read', 'READ');
  });
}

/** Answers with each kind of message a phone can write. */
export async function answersWithEveryKind(line) {
  let last;
  const answers = (name, reply, matches, then = () => undefined) => line.step(`answer by ${name}`, async () => {
    const item = await line.phone('reply', reply());
    return item ? then(await line.inbound(matches), item) : 'none';
  });
  const text = word('An answer');
  let first;
  await answers('text', () => ({ text }), ({ text_message: message }) => message?.text === text, ({ id }, { id: item }) => {
    first = { id, item };
  });
  await line.step('quote of an answer', async () => {
    const reply = word('To that');
    const { items } = await line.deliver({ text_message: { text: reply }, reply_to: { message_id: first.id } }, 'reply', [reply]);
    return items[0].reply_to === first.item ? 'ok' : 'no quote';
  });

  const quote = word('Quoting');
  await line.step('what is quoted', async () => {
    last = await line.deliver({ text_message: { text: word('Quote') } }, 'quote', []);
  });
  await answers('quote', () => ({ text: quote, reply_to: last.items[0].id }), ({ text_message: message }) => message?.text === quote,
    ({ contact_message: { reply_to: to } }) => {
      assert.ok(to === null || to.message_id === last.id, JSON.stringify(to));
      return to ? 'ok' : 'no quote';
    });

  for (const [kind, [mime, base64]] of Object.entries(files)) {
    const file = () => ({ media_url: `data:${mime};base64,${base64}`, mime });
    await answers(kind, file, ({ media_message: media }) => media?.url, ({ contact_message }) => holds(contact_message.media_message.url, base64));
  }
  const caption = word('Caption');
  await answers('captioned picture', () => ({ media_url: `data:${files.picture[0]};base64,${files.picture[1]}`, caption }),
    ({ media_card_message: card, media_message: media }) => card?.caption === caption || media?.url,
    async ({ contact_message: { media_card_message: card } }) => {
      if (card) {
        return holds(card.url, files.picture[1]);
      }
      await line.inbound(({ text_message: message }) => message?.text === caption);
      return 'two messages';
    });
  await answers('location', () => ({ location: { ...coordinates, title: 'Here' } }),
    ({ location_message: place, text_message: message }) => message?.text.includes('55.6104') ||
      Math.abs(place?.coordinates.latitude - coordinates.latitude) < 1e-4,
    ({ contact_message: { location_message: place } }) => place ? 'ok' : 'text');
  const name = word('Grace');
  await answers('contact card', () => ({ contact: { name, phone: '+15557654321' } }), () => true,
    ({ contact_message: message }) => Object.keys(message).find((key) => key.endsWith('_message')));
  await line.step('reaction', async () => {
    for (const [reaction, action] of [['👍', 'REACT'], ['', 'UNREACT']]) {
      const item = await line.phone('reply', { reaction, reply_to: last.items[0].id });
      if (!item) {
        return 'none';
      }
      const event = await line.notice('EVENT_INBOUND', ({ contact_message_event: it }) => it?.reaction_event);
      line.checkWho(event);
      const { emoji, action: done, message_id: id } = event.contact_message_event.reaction_event;
      assert.deepEqual([done, id], [`REACTION_ACTION_${action}`, last.id]);
      assert.ok(action !== 'REACT' || emoji === reaction, `emoji ${emoji}`);
    }
    return 'ok';
  });
}

/** Checks that media is what the phone sent. */
async function holds(url, base64) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  assert.equal(Buffer.from(await answer.arrayBuffer()).toString('base64'), base64);
  return 'ok';
}

// Where nothing ends the sign of typing but the next message, or time.
const typesOn = new Set(['LINE', 'RCS', 'WHATSAPP']);

const appEvents = {
  composing_event: { event: {}, shown: ({ typing }) => typing },
  composing_end_event: { event: {}, shown: ({ typing, channel }) => !typing || typesOn.has(channel) },
  read_message_event: {
    event: {}, shown: ({ items }) => items.findLast(({ direction, type }) => direction === 'out' && type !== 'reaction').status === 'read',
  },
  comment_reply_event: { event: { text: 'Thanks' }, shown: ({ items }) => items.some(({ text }) => text === 'Thanks') },
};

/** Sends the events an app has, which are shown or refused. */
export async function sendsEvents(line) {
  for (const name of Object.keys(appEvents)) {
    await line.step(name, () => sendsEvent(line, name));
  }
}

async function sendsEvent(line, name) {
  const { event, shown } = appEvents[name];
  const { event_id: id } = await line.api.events.send({ sendEventRequestBody: {
    app_id: line.app_id, recipient: line.recipient(), event: { [name]: event }, event_metadata: name,
  } });
  const report = await line.notice('EVENT_DELIVERY', (note) => note.event_id === id);
  line.checkNotice(report, name);
  if (!line.events.includes(name)) {
    assert.deepEqual([report.status, report.reason?.code], ['FAILED', 'BAD_REQUEST'], JSON.stringify(report));
    return 'none';
  }
  assert.equal(report.status, 'QUEUED_ON_CHANNEL', JSON.stringify(report));
  await eventually(async () => shown(await simulator('GET', line.path)));
  return 'ok';
}

const contactEvent = (member) => [['EVENT_INBOUND', ({ contact_event: event }) => event?.[member]]];
const tapped = (data) => [['MESSAGE_INBOUND', ({ contact_message: { choice_response_message: answer } }) => answer?.postback_data === data]];

// What a phone does besides writing, and the callbacks that tell of it; by
// channel where they differ.
const phoneEvents = {
  typing_on: contactEvent('composing_event'),
  typing_off: contactEvent('composing_end_event'),
  start: {
    MESSENGER: tapped('GET_STARTED'),
    INSTAGRAM: tapped('GET_STARTED'),
    WECHAT: tapped('START'),
    VIBER: contactEvent('generic_event'),
    KAKAOTALKCHAT: contactEvent('generic_event'),
    LINE: [['OPT_IN']],
    TELEGRAM: [['OPT_IN'], ['MESSAGE_INBOUND', ({ contact_message: { text_message: message } }) => message?.text === '/start']],
  },
  comment: contactEvent('comment_event'),
  message_deleted: [['UNSUPPORTED']],
  conversation_deleted: { APPLEBC: [['OPT_OUT']], KAKAOTALKCHAT: contactEvent('generic_event') },
  opt_out: [['OPT_OUT']],
  opt_in: [['OPT_IN']],
};

/** Has the phone do what is no message, as far as the provider knows of it. */
export async function hearsEvents(line, ...types) {
  for (const type of types) {
    await line.step(type, async () => {
      const item = type === 'message_deleted' ? (await line.items()).findLast(({ direction }) => direction === 'out')?.id : undefined;
      const block = line.channel === 'TELEGRAM' && { opt_out: 'block', opt_in: 'unblock' }[type];
      const done = await (block ? line.phone(block, {}) : line.phone('event', { type, item, payload: type === 'comment' ? 'Nice' : undefined }));
      if (done === null) {
        return 'none';
      }
      const callbacks = phoneEvents[type][line.channel] ?? phoneEvents[type];
      for (const [trigger, test = () => true] of callbacks) {
        line.checkWho(await line.notice(trigger, test));
      }
      return callbacks.map(([trigger]) => trigger).join(' and ');
    });
  }
}

/** Has the phone write after it left, which it may have no other way back from. */
export async function comesBack(line) {
  await line.step('back again', async () => {
    const text = word('Back');
    assert.ok(await line.phone('reply', { text }), line.refusal);
    await line.inbound(({ text_message: message }) => message?.text === text);
  });
}

// Where PARLEY_CONSENT_CHANNELS has words count, unless it is set.
const wordsCount = new Set(['SMS', 'MMS', 'RCS', 'WHATSAPP', 'VIBERBM']);

/** Has somebody opt out and in by words. */
export async function optsOut(line) {
  if (!wordsCount.has(line.channel)) {
    return;
  }
  const says = async (text, trigger) => {
    assert.ok(await line.phone('reply', { text }), line.refusal);
    await line.inbound(({ text_message: message }) => message?.text === text);
    const note = await line.notice(trigger, () => true);
    line.checkWho(note);
    assert.equal(note.status, `${trigger}_SUCCEEDED`);
  };
  await line.step('STOP and START', async () => {
    await says('STOP', 'OPT_OUT');
    const { message_id: id } = await line.api.messages.send({ sendMessageRequestBody: {
      app_id: line.app_id, recipient: line.recipient(), message: { text_message: { text: 'Too late' } },
    } });
    const report = await line.notice('MESSAGE_DELIVERY', (note) => note.message_id === id);
    assert.deepEqual([report.status, report.reason?.code], ['FAILED', 'RECIPIENT_NOT_OPTED_IN']);
    await says('START', 'OPT_IN');
    await line.deliver({ text_message: { text: word('Again') } }, 'again', []);
  });
}

const patient = new Set(['KAKAOTALK', 'WECHAT']);

/** Writes to a phone that cannot be reached, or not at once. */
export async function fails(line) {
  const behave = (behaviour) => simulator('PUT', `${line.path}/behaviour`, behaviour);
  await line.step('rejected', async () => {
    await behave({ deliver: 'reject', times: 1 });
    const sent = await line.send({ text_message: { text: word('Lost') } }, 'rejected');
    const report = await line.notice('MESSAGE_DELIVERY', (note) => note.message_id === sent.id && note.status === 'FAILED');
    line.checkNotice(report, 'rejected');
    return report.reason.code;
  });
  // The others do not say when to try again: that is too late for a test.
  await (patient.has(line.channel) || line.step('too fast', async () => {
    await behave({ deliver: 'rate_limit', retry_after: 1, times: 1 });
    await line.deliver({ text_message: { text: word('Late') } }, 'too fast', []);
  }));
  await behave({});
}

/** Sends one message without contact in an app that has contacts. */
export async function dispatchesOne(line) {
  const yes = word('Yes');
  await line.step('DISPATCH_ONLY', async () => {
    const { contactId, conversationId } = line;
    Object.assign(line, { mode: 'DISPATCH', contactId: undefined, conversationId: undefined });
    let sent;
    try {
      sent = await line.send(
        { choice_message: { text_message: { text: word('Well') }, choices: [{ text_message: { text: yes }, postback_data: 'yes' }] } },
        'one', { processing_strategy: 'DISPATCH_ONLY' });
      await line.delivered(sent);
    } finally {
      Object.assign(line, { mode: 'CONVERSATION', contactId, conversationId });
    }
    if (!line.answers) {
      return undefined;
    }
    await line.shown(sent.before, [yes]);
    // Where choices are typed they are looked for in the conversation.
    await (await line.phone('tap', { choice: yes }) ?? line.phone('reply', { text: yes }));
    const { contact_message: { choice_response_message: answer } } = await line.inbound(
      ({ text_message: message, choice_response_message: choice }) => message?.text === yes || choice?.message_id === sent.id);
    assert.equal(answer?.postback_data ?? 'yes', 'yes');
    return answer ? 'ok' : 'text';
  });
}

/** Writes to a phone that cannot be reached, but by SMS. */
async function switches(line) {
  const number = `1555${randomInt(1e6, 1e7)}`;
  const text = word('Either way');
  await simulator('PUT', `${line.path}/behaviour`, { deliver: 'reject', times: 1 });
  const { message_id: id } = await line.api.messages.send({ sendMessageRequestBody: {
    app_id: line.app_id,
    recipient: { identified_by: { channel_identities: [line.address(), { channel: 'SMS', identity: number }] } },
    message: { text_message: { text } },
    channel_priority_order: [line.channel, 'SMS'],
  } });
  const report = (channel, status) => line.hook.expect('MESSAGE_DELIVERY', (note) => note.message_id === id &&
    note.channel_identity.channel === channel && note.status === status);
  assert.ok(payload(await report(line.channel, 'SWITCHING_CHANNEL')).reason.code);
  await report('SMS', 'DELIVERED');
  const { items } = await simulator('GET', `handsets/SMS/${number}`);
  assert.deepEqual(items.map((item) => item.text), [text]);
}

/** Writes and is answered without contacts and conversations. */
export async function dispatches(line) {
  Object.assign(line, { mode: 'DISPATCH', contactId: undefined, conversationId: undefined });
  const [question, yes] = ['Well', 'Yes'].map(word);
  await line.step('dispatch: choice', async () => {
    const sent = await line.deliver({ choice_message: { text_message: { text: question }, choices: [
      { text_message: { text: yes }, postback_data: 'yes' },
    ] } }, 'dispatch', [question, yes]);
    if (line.answers) {
      await taken(line, sent, yes, 'yes');
    }
  });
  if (line.app === 'Demo' && line.channel !== 'SMS') {
    await line.step('dispatch: SMS instead', () => switches(line));
  }
  if (!line.answers) {
    return;
  }
  await line.step('dispatch: answer by text', async () => {
    const text = word('Dispatched');
    assert.ok(await line.phone('reply', { text }), line.refusal);
    await line.inbound(({ text_message: message }) => message?.text === text);
  });
  await line.step('dispatch: composing_event', () => sendsEvent(line, 'composing_event'));
  await line.step('dispatch: answer by picture', async () => {
    const item = await line.phone('reply', { media_url: '/media/sample.png' });
    await (item && line.inbound(({ media_message: media }) => media?.url));
    return item ? 'ok' : 'none';
  });
}
