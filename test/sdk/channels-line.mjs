// A line is one app's side of one channel and the phone at its other end.

import { assert, describe, eventually, payload, simulator } from './drive.mjs';

export const pick = ({ channel, identity }) => ({ channel, identity });

/** The callbacks by which a contact is heard. */
export const heard = ['MESSAGE_INBOUND', 'EVENT_INBOUND', 'OPT_IN', 'OPT_OUT', 'CHANNEL_EVENT', 'UNSUPPORTED'];

export class Line {
  constructor({ api, hook, failures }, handset) {
    Object.assign(this, { api, hook, failures, ...handset, mode: 'CONVERSATION', sent: [], told: [], toldEvents: [] });
    this.path = `handsets/${this.channel}/${encodeURIComponent(this.identity)}`;
  }

  /** Takes a step and prints what came of it: an outcome, ok unless it says. */
  async step(name, take) {
    try {
      console.log([(await take()) ?? 'ok', this.app, this.channel, name].join(' | '));
    } catch (error) {
      this.failures.push(`${this.app} | ${this.channel} | ${name}: ${describe(error)}`);
    }
  }

  /** Sends a message; the answer has what the phone showed last before. */
  async send(message, metadata, more) {
    const before = (await this.items()).at(-1)?.id ?? '0';
    const { message_id: id } = await this.api.messages.send({ sendMessageRequestBody: {
      app_id: this.app_id, recipient: this.recipient(), message, message_metadata: metadata, ...more,
    } });
    const submit = await this.notice('MESSAGE_SUBMIT', (note) => note.message_id === id);
    assert.deepEqual(Object.keys(submit.submitted_message).filter((key) => key in message), Object.keys(message));
    this.checkNotice(submit, metadata);
    if (this.mode === 'CONVERSATION') {
      this.sent.push({ id, message });
    }
    return { id, before, metadata };
  }

  /**
   * Waits until a message is as far as receipts go on the channel, short of
   * being read. A receipt that overtakes another, or the provider's own answer,
   * stands for it: see docs/states.md.
   */
  async delivered({ id, metadata }) {
    const report = await this.reported(id, metadata, 'QUEUED_ON_CHANNEL', 'DELIVERED', 'READ');
    if (report.status === 'QUEUED_ON_CHANNEL' && this.receipts.includes('DELIVERED')) {
      return this.reported(id, metadata, 'DELIVERED', 'READ');
    }
    return report;
  }

  async reported(id, metadata, ...statuses) {
    const wanted = new Set([...statuses, 'FAILED']);
    const report = await this.notice('MESSAGE_DELIVERY', (note) => note.message_id === id && wanted.has(note.status));
    assert.ok(statuses.includes(report.status), JSON.stringify(report));
    this.checkNotice(report, metadata);
    return report;
  }

  /**
   * Returns what came after an item, once it shows all the words, in capitals
   * or not, and the file. A business card may be a file.
   */
  async shown(before, words, media) {
    let shown = [];
    const complete = async () => {
      shown = (await this.items(before)).filter(({ direction }) => direction === 'in');
      const visible = readable(shown);
      const lower = visible.toLowerCase();
      return /"mime":"text\/(x-)?vcard"/.test(visible) ||
        (words.every((one) => lower.includes(one.toLowerCase())) && (!media || visible.includes(media) || /"media":\[\{/.test(visible)));
    };
    complete.toString = () => `the handset shows ${words} in ${readable(shown)}`;
    await eventually(complete);
    return shown;
  }

  /** Sends a message and waits for it to be shown and reported. */
  async deliver(message, metadata, words) {
    const sent = await this.send(message, metadata);
    await this.delivered(sent);
    return { ...sent, items: await this.shown(sent.before, words, mediaOf(message)) };
  }

  /** Takes the next inbound message that matches, and checks who sent it. */
  async inbound(matches) {
    const message = await this.notice('MESSAGE_INBOUND', ({ contact_message: content }) => matches(content));
    assert.equal(message.direction, 'TO_APP');
    assert.equal(message.injected, false);
    this.checkWho(message);
    assert.equal(message.conversation_id, this.conversationId ?? '', 'the conversation it is in');
    this.told.push(message);
    return message;
  }

  /** Takes the next callback of a trigger of this app, channel and identity. */
  async notice(trigger, test) {
    const mine = (one) => one.trigger === trigger && this.concerns(one) && test(payload(one));
    mine.toString = () => `${trigger} with ${test}`;
    return payload((await this.hook.next(mine)).event);
  }

  /** Tells whether a callback is about this line. */
  concerns(event) {
    const { channel_identity: to, channel, identity } = payload(event);
    return event.app_id === this.app_id && (to?.channel ?? channel) === this.channel && (to?.identity ?? identity) === this.identity;
  }

  /** Checks a report of what the app sent. */
  checkNotice(note, metadata) {
    assert.equal(note.metadata, metadata);
    if (this.mode === 'CONVERSATION') {
      this.contactId ??= note.contact_id;
      this.conversationId ??= note.conversation_id;
      assert.ok(this.contactId, 'there is a contact');
    }
    this.checkWho(note);
    assert.equal(note.conversation_id ?? '', note.event_id ? '' : this.conversationId ?? '', 'the conversation');
  }

  checkWho(note) {
    if (note.contact_event || note.contact_message_event) {
      this.toldEvents.push(note);
    }
    assert.deepEqual(pick(note.channel_identity ?? note), pick(this.address()));
    assert.equal(note.contact_id, this.contactId ?? '', 'the contact');
    assert.equal(note.processing_mode, this.mode);
  }

  address() {
    return { channel: this.channel, identity: this.identity };
  }

  recipient() {
    return { identified_by: { channel_identities: [this.address()] } };
  }

  async items(since) {
    return (await simulator('GET', `${this.path}${since ? `?since=${since}` : ''}`)).items ?? [];
  }

  /** Does something on the phone; null if phones of this provider cannot. */
  async phone(action, body) {
    try {
      return await simulator('POST', `${this.path}/${action}`, body);
    } catch (error) {
      if (/: (400|404|409) /.test(error.message)) {
        this.refusal = error.message;
        return null;
      }
      throw error;
    }
  }
}

/** The address of the file in a message, or undefined. */
const mediaOf = (message) => /"url":"([^"]+\/media\/[^"]+)"/.exec(JSON.stringify(message))?.[1];

/** What can be read on a phone, without what was sent to it as such. */
const readable = (items) => items.map(({ native, ...rest }) => JSON.stringify(rest)).join('\n');

export { readable };
