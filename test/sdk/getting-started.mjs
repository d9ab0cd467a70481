// The way a newcomer goes, with the official SDK: create an app, subscribe to
// its callbacks, send a message, see it delivered, get the answer from the
// handset, look at what is stored, clean up. On every channel, in both
// processing modes.
//
//   PARLEY_SDK_CREDENTIALS  channel -> an app's channel_credentials entry for
//                           it, as JSON. A name after a slash, as in SMS/smpp,
//                           walks a channel again with another provider.
//   and what drive.mjs reads.
//
// Prints `ok CHANNEL MODE STEP` for each step and stops at the first failure.

import { randomInt, randomUUID } from 'node:crypto';
import process from 'node:process';
import { assert, client, describe, env, eventually, Handset, listener, payload, pointProvider, refused } from './drive.mjs';

const modes = ['CONVERSATION', 'DISPATCH'];

// Everything the SDK's WebhookTrigger lists but UNSPECIFIED_TRIGGER.
const triggers = [
  'MESSAGE_DELIVERY', 'MESSAGE_SUBMIT', 'MESSAGE_INBOUND', 'EVENT_DELIVERY', 'EVENT_INBOUND',
  'SMART_CONVERSATIONS', 'MESSAGE_INBOUND_SMART_CONVERSATION_REDACTION', 'CONVERSATION_START', 'CONVERSATION_STOP',
  'CONVERSATION_DELETE', 'CONTACT_CREATE', 'CONTACT_DELETE', 'CONTACT_MERGE', 'CONTACT_UPDATE',
  'CONTACT_IDENTITIES_DUPLICATION', 'UNSUPPORTED', 'OPT_IN', 'OPT_OUT', 'CHANNEL_EVENT', 'CAPABILITY',
  'RECORD_NOTIFICATION',
];

// Channels whose provider never says that a message was delivered.
const withoutReceipts = new Set(['TELEGRAM']);

const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/;

const { conversation: api } = client();

// One walk through the steps: a channel in a processing mode, with a contact
// and an app of its own. Each step leaves here what later steps need.
class Walk {
  constructor(name, mode, credential) {
    const [channel] = name.split('/');
    this.name = name;
    this.channel = channel;
    this.mode = mode;
    this.credential = { channel, ...credential };
    this.stored = mode === 'CONVERSATION'; // contacts and conversations are kept
    this.source = `${mode}_SOURCE`;
    this.identity = newIdentity(channel);
    this.handset = new Handset(channel, this.identity);
    this.greeting = `Hello ${channel} from ${mode} \u{1F44B} <&> "quoted"`;
    this.answer = `An answer, ${randomUUID()}`;
    this.secret = randomUUID();
  }

  async run() {
    this.hook = await listener(this.secret);
    try {
      for (const step of this.stored ? conversationSteps : dispatchSteps) {
        await this.#take(step);
      }
    } finally {
      await this.hook.close();
    }
  }

  async #take(step) {
    try {
      await step(this);
    } catch (error) {
      throw new Error(`${this.name} ${this.mode} ${step.name}: ${describe(error)}`);
    }
    console.log(`ok ${this.name} ${this.mode} ${step.name}`);
  }

  /** Checks the contact and conversation ids: there in one mode, empty in the other. */
  checkIds({ contact_id: contact, conversation_id: conversation, processing_mode: mode }) {
    assert.equal(mode, this.mode);
    if (!this.stored) {
      assert.deepEqual({ contact, conversation }, { contact: '', conversation: '' });
      return;
    }
    this.contactId ??= contact;
    this.conversationId ??= conversation;
    assert.match(contact, ulid);
    assert.match(conversation, ulid);
    assert.deepEqual({ contact, conversation }, { contact: this.contactId, conversation: this.conversationId });
  }

  checkIdentity({ channel, identity }) {
    assert.deepEqual({ channel, identity }, { channel: this.channel, identity: this.identity });
  }

  checkEnvelope(event) {
    assert.equal(event.app_id, this.appId);
    assert.equal(event.project_id, env('PARLEY_PROJECT'));
    assert.ok(Date.parse(event.accepted_time) > 0, `accepted_time ${event.accepted_time}`);
  }
}

/** Returns an address nobody has used: a phone number, or a chat id. */
function newIdentity(channel) {
  const digits = String(randomInt(1_000_000, 10_000_000));
  return channel === 'TELEGRAM' ? `77${digits}` : `4670${digits}`;
}

async function createApp(walk) {
  const app = await api.app.create({
    appCreateRequestBody: {
      display_name: `Getting started ${walk.channel} ${walk.mode}`,
      channel_credentials: [walk.credential],
      processing_mode: walk.mode,
      // DISPATCH keeps nothing unless it is told to.
      dispatch_retention_policy: { retention_type: 'MESSAGE_EXPIRE_POLICY', ttl_days: 1 },
    },
  });
  walk.appId = app.id;
  assert.match(app.id, ulid);
  assert.equal(app.processing_mode, walk.mode);
  assert.equal(app.dispatch_retention_policy.ttl_days, 1);
  await eventually(async () => {
    const [{ channel, state }] = (await api.app.get({ app_id: walk.appId })).channel_credentials;
    assert.equal(channel, walk.channel);
    assert.notEqual(state.status, 'FAILING', state.description);
    return state.status === 'ACTIVE';
  });
  await pointProvider(app.id, walk.credential);
}

async function readApp(walk) {
  const { apps } = await api.app.list();
  assert.ok(apps.some((app) => app.id === walk.appId), 'the app is in the list');
  const updated = await api.app.update({
    app_id: walk.appId,
    update_mask: ['display_name'],
    appUpdateRequestBody: { display_name: 'Renamed' },
  });
  assert.equal(updated.display_name, 'Renamed');
  const got = await api.app.get({ app_id: walk.appId });
  assert.equal(got.display_name, 'Renamed');
  assert.equal(got.channel_credentials.length, 1, 'the mask left the credentials alone');
}

async function createWebhook(walk) {
  const webhook = await api.webhooks.create({
    webhookCreateRequestBody: {
      app_id: walk.appId,
      target: walk.hook.url,
      target_type: 'HTTP',
      secret: walk.secret,
      triggers,
    },
  });
  walk.webhookId = webhook.id;
  assert.match(webhook.id, ulid);
  assert.deepEqual([...webhook.triggers].sort(), [...triggers].sort());
}

async function readWebhook(walk) {
  const { webhooks } = await api.webhooks.list({ app_id: walk.appId });
  assert.deepEqual(webhooks.map((webhook) => webhook.id), [walk.webhookId]);
  const updated = await api.webhooks.update({
    webhook_id: walk.webhookId,
    update_mask: ['target'],
    webhookUpdateRequestBody: { app_id: walk.appId, target: `${walk.hook.url}?updated` },
  });
  assert.equal(updated.target, `${walk.hook.url}?updated`);
  const got = await api.webhooks.get({ webhook_id: walk.webhookId });
  assert.equal(got.secret, walk.secret);
  assert.equal(got.target, updated.target);
}

async function send(walk) {
  const sent = await api.messages.sendTextMessage({
    sendMessageRequestBody: {
      app_id: walk.appId,
      recipient: { identified_by: { channel_identities: [{ channel: walk.channel, identity: walk.identity }] } },
      message: { text_message: { text: walk.greeting } },
      message_metadata: 'of the message',
      conversation_metadata: { of: 'the conversation' },
      correlation_id: 'correlation',
    },
  });
  walk.messageId = sent.message_id;
  assert.match(sent.message_id, ulid);
  assert.ok(Date.parse(sent.accepted_time) > 0, `accepted_time ${sent.accepted_time}`);
}

async function submitted(walk) {
  const event = await walk.hook.expect('MESSAGE_SUBMIT', (submit) => submit.message_id === walk.messageId);
  const submit = payload(event);
  walk.checkEnvelope(event);
  walk.checkIds(submit);
  walk.checkIdentity(submit.channel_identity);
  assert.equal(submit.submitted_message.text_message.text, walk.greeting);
  assert.equal(submit.metadata, 'of the message');
}

async function contactAndConversationStarted(walk) {
  const { contact } = payload(await walk.hook.expect('CONTACT_CREATE', ({ contact: { id } }) => id === walk.contactId));
  walk.checkIdentity(contact.channel_identities[0]);
  const { conversation } = payload(await walk.hook.expect('CONVERSATION_START'));
  assert.equal(conversation.id, walk.conversationId);
  assert.equal(conversation.contact_id, walk.contactId);
}

async function shown(walk) {
  const item = await walk.handset.shows(walk.greeting);
  assert.equal(item.text, walk.greeting);
}

async function delivered(walk) {
  const statuses = withoutReceipts.has(walk.channel) ? ['QUEUED_ON_CHANNEL'] : ['QUEUED_ON_CHANNEL', 'DELIVERED'];
  for (const status of statuses) {
    const event = await walk.hook.next(({ trigger, message_delivery_report: report }) =>
      trigger === 'MESSAGE_DELIVERY' && report.message_id === walk.messageId && ['FAILED', status].includes(report.status));
    const report = payload(event.event);
    assert.equal(report.status, status, event.raw);
    walk.checkEnvelope(event.event);
    walk.checkIds(report);
    walk.checkIdentity(report.channel_identity);
    assert.equal(report.metadata, 'of the message');
    assert.ok(!('reason' in report), 'a reason comes only with a failure');
  }
}

async function answered(walk) {
  await walk.handset.reply(walk.answer);
  const event = await walk.hook.expect('MESSAGE_INBOUND');
  const message = payload(event);
  walk.inboundId = message.id;
  walk.checkEnvelope(event);
  walk.checkIds(message);
  walk.checkIdentity(message.channel_identity);
  assert.match(message.id, ulid);
  assert.equal(message.direction, 'TO_APP');
  assert.equal(message.contact_message.text_message.text, walk.answer);
  assert.equal(message.injected, false);
  if (walk.stored) {
    assert.equal(event.correlation_id, 'correlation');
    assert.deepEqual(JSON.parse(event.message_metadata), { of: 'the conversation' });
  }
}

async function listMessages(walk) {
  const query = { app_id: walk.appId, messages_source: walk.source };
  const page = await api.messages.list(query);
  assert.deepEqual(page.data.map((message) => message.id), [walk.inboundId, walk.messageId], 'newest first');
  // One at a time, through the SDK's own paging.
  const paged = [];
  for await (const message of api.messages.list({ ...query, page_size: 1 })) {
    paged.push(message.id);
  }
  assert.deepEqual(paged, [walk.inboundId, walk.messageId]);
  const toContact = await api.messages.list({ ...query, direction: 'TO_CONTACT', channel_identity: walk.identity });
  assert.deepEqual(toContact.data.map((message) => message.id), [walk.messageId]);
}

async function readMessage(walk) {
  const message = await api.messages.get({ message_id: walk.messageId, messages_source: walk.source });
  walk.checkIds(message);
  walk.checkIdentity(message.channel_identity);
  assert.equal(message.direction, 'TO_CONTACT');
  assert.equal(message.app_message.text_message.text, walk.greeting);
  const updated = await api.messages.update({
    message_id: walk.messageId,
    messages_source: walk.source,
    updateMessageRequestBody: { metadata: 'changed' },
  });
  assert.equal(updated.metadata, 'changed');
}

async function deleteMessage(walk) {
  const message = { message_id: walk.inboundId, messages_source: walk.source };
  assert.deepEqual(await api.messages.delete({ ...message }), {});
  await refused(() => api.messages.get({ ...message }), 404);
}

async function contact(walk) {
  const found = await api.contact.list({ channel: walk.channel, identity: walk.identity });
  assert.deepEqual(found.data.map((one) => one.id), [walk.contactId]);
  const got = await api.contact.get({ contact_id: walk.contactId });
  walk.checkIdentity(got.channel_identities[0]);
  const updated = await api.contact.update({
    contact_id: walk.contactId,
    update_mask: ['display_name'],
    updateContactRequestBody: { display_name: 'Ada' },
  });
  assert.equal(updated.display_name, 'Ada');
  await walk.hook.expect('CONTACT_UPDATE', ({ contact: { id, display_name: name } }) =>
    id === walk.contactId && name === 'Ada');
}

async function conversation(walk) {
  const found = await api.conversation.list({ app_id: walk.appId });
  assert.deepEqual(found.data.map((one) => one.id), [walk.conversationId]);
  const got = await api.conversation.get({ conversation_id: walk.conversationId });
  assert.equal(got.active, true);
  assert.equal(got.active_channel, walk.channel);
  assert.equal(got.contact_id, walk.contactId);
  assert.deepEqual(await api.conversation.stopActive({ conversation_id: walk.conversationId }), {});
  const { conversation: stopped } = payload(await walk.hook.expect('CONVERSATION_STOP'));
  assert.equal(stopped.id, walk.conversationId);
  assert.equal(stopped.active, false);
}

async function deleteContact(walk) {
  assert.deepEqual(await api.contact.delete({ contact_id: walk.contactId }), {});
  const { contact: deleted } = payload(await walk.hook.expect('CONTACT_DELETE', (note) => note.contact.id === walk.contactId));
  assert.equal(deleted.display_name, 'Ada', 'the contact as it was');
  await refused(() => api.contact.get({ contact_id: walk.contactId }), 404);
}

async function nothingKept(walk) {
  const contacts = await api.contact.list({ channel: walk.channel, identity: walk.identity });
  assert.deepEqual(contacts.data, [], 'no contact');
  const conversations = await api.conversation.list({ app_id: walk.appId });
  assert.deepEqual(conversations.data, [], 'no conversation');
  const other = await api.messages.list({ app_id: walk.appId, messages_source: 'CONVERSATION_SOURCE' });
  assert.deepEqual(other.data, [], 'no message in the other store');
  walk.hook.refute(({ trigger, ...event }) => /^(CONTACT|CONVERSATION)_/.test(trigger) &&
    (trigger.startsWith('CONVERSATION_') || JSON.stringify(event).includes(walk.identity)));
}

async function cleanUp(walk) {
  assert.deepEqual(await api.webhooks.delete({ webhook_id: walk.webhookId }), {});
  await refused(() => api.webhooks.get({ webhook_id: walk.webhookId }), 404);
  assert.deepEqual(await api.app.delete({ app_id: walk.appId }), {});
  await refused(() => api.app.get({ app_id: walk.appId }), 404);
}

const beginning = [createApp, readApp, createWebhook, readWebhook, send, submitted];
const messageSteps = [shown, delivered, answered, listMessages, readMessage, deleteMessage];
const conversationSteps = [
  ...beginning, contactAndConversationStarted, ...messageSteps, contact, conversation, deleteContact, cleanUp,
];
const dispatchSteps = [...beginning, ...messageSteps, nothingKept, cleanUp];

const credentials = JSON.parse(env('PARLEY_SDK_CREDENTIALS'));
assert.ok(Object.keys(credentials).length > 0, 'PARLEY_SDK_CREDENTIALS names no channel');
try {
  for (const mode of modes) {
    for (const [name, credential] of Object.entries(credentials)) {
      await new Walk(name, mode, credential).run();
    }
  }
} catch (error) {
  console.error(`FAIL ${error.message}`);
  process.exitCode = 1;
}
