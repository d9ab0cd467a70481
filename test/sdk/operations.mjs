// Every operation the server has, called through the official SDK: what it
// answers, what it changes, and that bad input is refused with the field named
// and changes nothing. An operation is proven when all that its function checks
// holds.
//
// Reads what getting-started.mjs reads; of the credentials it needs SMS, WHATSAPP and TELEGRAM.
// Prints `proven OPERATION` for each and goes on after a failure.

import { randomInt, randomUUID } from 'node:crypto';
import process from 'node:process';
import { assert, client, describe, env, eventually, Handset, listener, payload, pointProvider, refused } from './drive.mjs';
import { conversationOperations } from './conversations.mjs';
import { eventOperations } from './events.mjs';
import { templateOperations } from './templates.mjs';

const { conversation: api } = client();

const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const unknown = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const longMetadata = 'é'.repeat(1025);
const triggers = ['MESSAGE_SUBMIT', 'MESSAGE_DELIVERY', 'CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_DELETE', 'CONTACT_MERGE',
  'CONVERSATION_START', 'CONVERSATION_STOP', 'CONVERSATION_DELETE'];

const credential = { channel: 'SMS', ...JSON.parse(env('PARLEY_SDK_CREDENTIALS')).SMS };
const secret = randomUUID();
const hook = await listener(secret);

// The app and webhook that operations on other resources use.
let app;
let webhook;

const newNumber = () => `4670${randomInt(1_000_000, 10_000_000)}`;
const createApp = (body) => api.app.create({ appCreateRequestBody: body });
const createWebhook = (body) => api.webhooks.create({ webhookCreateRequestBody: body });
const createContact = (body) => api.contact.create({ contactCreateRequestBody: body });

/** What messages:send needs for a message to a number. */
function toNumber(number, message, more = {}) {
  return {
    sendMessageRequestBody: {
      app_id: app.id,
      recipient: { identified_by: { channel_identities: [{ channel: 'SMS', identity: number }] } },
      message,
      ...more,
    },
  };
}

const sendText = (number, text, more) => api.messages.send(toNumber(number, { text_message: { text } }, more));

/** All items of a list, through the SDK's own paging. */
async function all(list) {
  const items = [];
  for await (const item of list) {
    items.push(item);
  }
  return items;
}

const ids = (items) => items.map((item) => item.id);

const settings = {
  body: (on) => ({ contact_settings: { unified_contact_id_enabled: on } }),
  answer: (on) => ({ project_id: env('PARLEY_PROJECT'), settings: settings.body(on) }),
  create: (on) => api.projectSettings.create({ createProjectSettingsRequestBody: settings.body(on) }),
  update: (on) => api.projectSettings.update({ updateProjectSettingsRequestBody: settings.body(on) }),
};

const operations = {
  async CreateApp() {
    app = await createApp({ display_name: 'Operations', channel_credentials: [credential], processing_mode: 'CONVERSATION' });
    assert.match(app.id, ulid);
    assert.equal(app.processing_mode, 'CONVERSATION');
    assert.equal(app.conversation_metadata_report_view, 'NONE');
    assert.deepEqual(app.retention_policy, { retention_type: 'MESSAGE_EXPIRE_POLICY', ttl_days: 180 });
    assert.equal(app.channel_credentials[0].static_bearer.token, credential.static_bearer.token);
    assert.ok(app.rate_limits.outbound > 0);
    const bare = await createApp({ display_name: 'Bare', channel_credentials: [] });
    assert.equal(bare.processing_mode, 'DISPATCH', 'the default');
    await api.app.delete({ app_id: bare.id });
    await refused(() => createApp({ channel_credentials: [] }), 400, 'display_name');
    await refused(() => createApp({ display_name: 7, channel_credentials: [] }), 400, 'display_name');
    await refused(() => createApp({ display_name: 'x', channel_credentials: [{ channel: 'PIGEON' }] }), 400, 'channel_credentials[0].channel');
    await refused(() => createApp({ display_name: 'x', channel_credentials: [{ channel: 'SMS' }] }), 400, 'channel_credentials[0].static_bearer');
  },

  async GetApp() {
    await eventually(async () => {
      const got = await api.app.get({ app_id: app.id });
      assert.notEqual(got.channel_credentials[0].state.status, 'FAILING');
      return got.channel_credentials[0].state.status === 'ACTIVE';
    });
    await pointProvider(app.id, credential);
    await refused(() => api.app.get({ app_id: unknown }), 404);
    await refused(() => api.app.get({ app_id: `${unknown}X` }), 400, 'app_id');
  },

  async ListApps() {
    const { apps } = await api.app.list();
    assert.equal(apps.filter(({ id }) => id === app.id).length, 1);
    assert.ok(!apps.some((other) => other.display_name === 'Bare'), 'a deleted app is not listed');
  },

  async UpdateApp() {
    const update = (body, mask) => api.app.update({ app_id: app.id, update_mask: mask, appUpdateRequestBody: body });
    const renamed = await update({ display_name: 'Renamed', processing_mode: 'DISPATCH' }, ['display_name']);
    assert.equal(renamed.display_name, 'Renamed');
    assert.equal(renamed.processing_mode, 'CONVERSATION', 'not in the mask');
    const viewed = await update({ conversation_metadata_report_view: 'FULL' });
    assert.equal(viewed.conversation_metadata_report_view, 'FULL');
    assert.equal(viewed.display_name, 'Renamed', 'not in the body');
    assert.equal(viewed.channel_credentials[0].state.status, 'ACTIVE', 'an unchanged credential is not set up again');
    await refused(() => update({ processing_mode: 'X' }), 400, 'processing_mode');
    await refused(() => update({}, ['id']), 400, 'update_mask');
    assert.deepEqual(await api.app.get({ app_id: app.id }), viewed, 'bad input changed nothing');
  },

  async CreateWebhook() {
    webhook = await createWebhook({ app_id: app.id, target: hook.url, target_type: 'HTTP', secret, triggers });
    assert.match(webhook.id, ulid);
    assert.deepEqual(webhook.triggers, triggers);
    await refused(() => createWebhook({ app_id: unknown, target: hook.url, triggers }), 404);
    await refused(() => createWebhook({ app_id: app.id, target: 'ftp://example.com/', triggers }), 400, 'target');
    await refused(() => createWebhook({ app_id: app.id, target: hook.url, triggers: ['X'] }), 400, 'triggers[0]');
  },

  async ListWebhooks() {
    assert.deepEqual((await api.webhooks.list({ app_id: app.id })).webhooks, [webhook]);
    await refused(() => api.webhooks.list({ app_id: unknown }), 404);
  },

  async GetWebhook() {
    assert.deepEqual(await api.webhooks.get({ webhook_id: webhook.id }), webhook);
    await refused(() => api.webhooks.get({ webhook_id: unknown }), 404);
  },

  async UpdateWebhook() {
    const update = (body, mask) => api.webhooks.update({ webhook_id: webhook.id, update_mask: mask, webhookUpdateRequestBody: body });
    const moved = await update({ app_id: app.id, target: `${hook.url}?a`, secret: 'other' }, ['target']);
    assert.deepEqual(moved, { ...webhook, target: `${hook.url}?a` });
    await refused(() => update({ app_id: app.id, target: 'nowhere' }), 400, 'target');
    assert.deepEqual(await api.webhooks.get({ webhook_id: webhook.id }), moved);
    assert.deepEqual(await update({ app_id: app.id, target: hook.url }, ['target']), webhook);
  },

  async DeleteWebhook() {
    const other = await createWebhook({ app_id: app.id, target: `${hook.url}?other`, triggers: ['OPT_IN'] });
    assert.deepEqual(await api.webhooks.delete({ webhook_id: other.id }), {});
    await refused(() => api.webhooks.delete({ webhook_id: other.id }), 404);
    assert.deepEqual((await api.webhooks.list({ app_id: app.id })).webhooks, [webhook]);
  },

  async CreateContact() {
    const identities = [{ channel: 'SMS', identity: newNumber() }, { channel: 'TELEGRAM', identity: newNumber() }];
    const contact = await createContact({
      channel_identities: identities, channel_priority: ['TELEGRAM', 'SMS'], display_name: 'Ada', email: 'ada@example.com',
      external_id: randomUUID(), metadata: 'of Ada', language: 'EN_GB',
    });
    assert.match(contact.id, ulid);
    assert.deepEqual(contact.channel_identities.map(({ channel, identity }) => ({ channel, identity })), identities);
    assert.deepEqual(contact.channel_priority, ['TELEGRAM', 'SMS']);
    assert.equal(contact.language, 'EN_GB');
    const { contact: told } = payload(await hook.expect('CONTACT_CREATE', (note) => note.contact.id === contact.id));
    assert.deepEqual(told, contact);
    const count = (await all(api.contact.list())).length;
    const one = [{ channel: 'SMS', identity: newNumber() }];
    await refused(() => createContact({ language: 'EN_US' }), 400, 'channel_identities');
    await refused(() => createContact({ channel_identities: [{ channel: 'PIGEON', identity: '1' }] }), 400, 'channel_identities[0].channel');
    await refused(() => createContact({ channel_identities: one, metadata: longMetadata }), 400, 'metadata');
    await refused(() => createContact({ channel_identities: one, language: 'XX' }), 400, 'language');
    assert.equal((await all(api.contact.list())).length, count, 'bad input stored nothing');
  },

  async GetContact() {
    const contact = await createContact({ channel_identities: [{ channel: 'SMS', identity: newNumber() }], language: 'EN_US' });
    assert.deepEqual(await api.contact.get({ contact_id: contact.id }), contact);
    await refused(() => api.contact.get({ contact_id: unknown }), 404);
  },

  async ListContacts() {
    const external = randomUUID();
    const number = newNumber();
    const contact = await createContact({ channel_identities: [{ channel: 'SMS', identity: number }], external_id: external, language: 'EN_US' });
    const everyone = ids(await all(api.contact.list()));
    assert.ok(everyone.includes(contact.id));
    assert.deepEqual(ids(await all(api.contact.list({ page_size: 1 }))), everyone, 'page by page');
    assert.deepEqual(ids(await all(api.contact.list({ external_id: external }))), [contact.id]);
    assert.deepEqual(ids(await all(api.contact.list({ channel: 'SMS', identity: number }))), [contact.id]);
    await refused(() => api.contact.list({ channel: 'SMS' }), 400, 'identity');
    await refused(() => api.contact.list({ page_token: 'abc' }), 400, 'page_token');
  },

  async UpdateContact() {
    const contact = await createContact({
      channel_identities: [{ channel: 'SMS', identity: newNumber() }], display_name: 'Ada', metadata: 'old', language: 'EN_US',
    });
    const update = (body, mask) => api.contact.update({ contact_id: contact.id, update_mask: mask, updateContactRequestBody: body });
    const masked = await update({ metadata: 'new', display_name: 'not this' }, ['metadata']);
    assert.deepEqual(masked, { ...contact, metadata: 'new' });
    const { contact: told } = payload(await hook.expect('CONTACT_UPDATE', (note) => note.contact.id === contact.id));
    assert.deepEqual(told, masked);
    await refused(() => update({ metadata: longMetadata }), 400, 'metadata');
    await refused(() => update({ display_name: 7 }), 400, 'display_name');
    assert.deepEqual(await api.contact.get({ contact_id: contact.id }), masked);
    assert.equal((await update({}, ['metadata'])).metadata, '', 'named in the mask and absent: cleared');
  },

  async DeleteContact() {
    const contact = await createContact({ channel_identities: [{ channel: 'SMS', identity: newNumber() }], language: 'EN_US' });
    assert.deepEqual(await api.contact.delete({ contact_id: contact.id }), {});
    await hook.expect('CONTACT_DELETE', (note) => note.contact.id === contact.id);
    await refused(() => api.contact.delete({ contact_id: contact.id }), 404);
  },

  async MergeContact() {
    const [kept, gone] = [newNumber(), newNumber()];
    const merge = (destination, body) => api.contact.mergeContact({ destination_id: destination, mergeContactRequestBody: body });
    const { message_id: message } = await sendText(gone, 'to whom it may concern');
    const { contact_id: source, conversation_id: conversation } = await api.messages.get({ message_id: message });
    await api.contact.update({ contact_id: source, updateContactRequestBody: { display_name: 'Grace', email: 'grace@example.com' } });
    const destination = await createContact({
      channel_identities: [{ channel: 'TELEGRAM', identity: kept }], channel_priority: ['TELEGRAM'], email: 'ada@example.com', language: 'EN_US',
    });
    await refused(() => merge(destination.id, {}), 400, 'source_id');
    await refused(() => merge(destination.id, { source_id: destination.id }), 400, 'source_id');
    await refused(() => merge(destination.id, { source_id: source, strategy: 'X' }), 400, 'strategy');
    await refused(() => merge(destination.id, { source_id: unknown }), 404);
    await refused(() => merge(unknown, { source_id: source }), 404);
    const before = await api.contact.get({ contact_id: source });
    const merged = await merge(destination.id, { source_id: source, strategy: 'MERGE' });
    assert.deepEqual(merged, {
      ...destination, display_name: 'Grace', channel_priority: ['TELEGRAM', 'SMS'],
      channel_identities: [...destination.channel_identities, ...before.channel_identities],
    });
    const note = payload(await hook.expect('CONTACT_MERGE', (told) => told.preserved_contact.id === destination.id));
    assert.deepEqual(note, { preserved_contact: merged, deleted_contact: before });
    await refused(() => api.contact.get({ contact_id: source }), 404);
    assert.equal((await api.messages.get({ message_id: message })).contact_id, destination.id);
    assert.equal((await api.conversation.get({ conversation_id: conversation })).contact_id, destination.id);
  },

  async GetChannelProfile() {
    const telegram = { channel: 'TELEGRAM', ...JSON.parse(env('PARLEY_SDK_CREDENTIALS')).TELEGRAM };
    const { id } = await createApp({ display_name: 'Profiles', channel_credentials: [telegram, credential] });
    const identity = newNumber();
    const profile = (body) => api.contact.getChannelProfile({ getChannelProfileRequestBody: { app_id: id, channel: 'TELEGRAM', ...body } });
    const identifiedBy = { identified_by: { channel_identities: [{ channel: 'TELEGRAM', identity }] } };
    const { profile_name: name } = await profile({ recipient: identifiedBy });
    assert.ok(name, 'the provider\'s name for them');
    const { id: contact } = await createContact({ channel_identities: [{ channel: 'TELEGRAM', identity }], language: 'EN_US' });
    assert.deepEqual(await profile({ recipient: { contact_id: contact } }), { profile_name: name });
    const group = { identified_by: { channel_identities: [{ channel: 'TELEGRAM', identity: '-1' }] } };
    await refused(() => profile({ recipient: group }), 404);
    await refused(() => profile({ recipient: identifiedBy, channel: 'SMS' }), 400, 'recipient.identified_by.channel_identities');
    const phone = { identified_by: { channel_identities: [{ channel: 'SMS', identity }] } };
    await refused(() => profile({ recipient: phone, channel: 'SMS' }), 400, 'channel');
    await refused(() => profile({ recipient: { contact_id: unknown } }), 404);
    await refused(() => profile({ recipient: {} }), 400, 'recipient');
    await api.app.delete({ app_id: id });
  },

  async ListIdentityConflicts() {
    const numbers = [newNumber(), newNumber()].sort();
    const create = (channel, identity) => createContact({ channel_identities: [{ channel, identity }], language: 'EN_US' });
    const pairs = [];
    for (const number of numbers) {
      pairs.push([await create('SMS', number), await create('RCS', number)]);
    }
    const conflicts = async (query) => (await all(api.contact.listIdentityConflicts(query))).filter((one) => numbers.includes(one.identity));
    const want = numbers.map((identity, i) => ({ identity, channels: ['RCS', 'SMS'], contact_ids: ids(pairs[i]) }));
    assert.deepEqual(await conflicts({}), want);
    assert.deepEqual(await conflicts({ page_size: 1 }), want, 'page by page');
    await refused(() => api.contact.listIdentityConflicts({ page_token: 'abc' }), 400, 'page_token');
    for (const [to, from] of pairs) {
      await api.contact.mergeContact({ destination_id: to.id, mergeContactRequestBody: { source_id: from.id } });
    }
    assert.deepEqual(await conflicts({}), []);
  },

  async CreateSettings() {
    await refused(() => settings.update(false), 404);
    const answer = await settings.create(false);
    assert.deepEqual(answer, settings.answer(false));
    await refused(() => settings.create(true), 409);
    await refused(() => settings.update('x'), 400, 'contact_settings.unified_contact_id_enabled');
  },

  async GetSettings() {
    assert.deepEqual(await api.projectSettings.get({}), settings.answer(false));
  },

  async UpdateSettings() {
    const number = newNumber();
    const create = (channel) => createContact({ channel_identities: [{ channel, identity: number }], language: 'EN_US' });
    const [to, from] = [await create('MMS'), await create('SMS')];
    await refused(() => settings.update(true), 400, 'contact_settings.unified_contact_id_enabled');
    await api.contact.delete({ contact_id: from.id });
    assert.deepEqual(await settings.update(true), settings.answer(true));
    await refused(() => create('RCS'), 409);
    const fresh = await createContact({ channel_identities: [{ channel: 'RCS', identity: newNumber() }], language: 'EN_US' });
    assert.deepEqual(fresh.channel_identities.map(({ channel }) => channel), ['RCS', 'SMS', 'MMS']);
    const { message_id: id } = await sendText(number, 'to one who was known by MMS');
    assert.equal((await api.messages.get({ message_id: id })).contact_id, to.id);
    assert.equal((await api.contact.get({ contact_id: to.id })).channel_identities.length, 3);
    assert.deepEqual(await settings.update(false), settings.answer(false));
  },

  async DeleteSettings() {
    assert.deepEqual(await api.projectSettings.delete({}), {});
    await refused(() => api.projectSettings.delete({}), 404);
    await refused(() => api.projectSettings.get({}), 404);
  },

  async SendMessage() {
    const number = newNumber();
    const { message_id: id, accepted_time: accepted } = await sendText(number, 'the first', { ttl: 60, processing_strategy: 'DEFAULT' });
    assert.match(id, ulid);
    assert.ok(Math.abs(new Date(accepted) - Date.now()) < 60_000, `accepted ${accepted}`);
    const { contact_id: contactId } = await api.messages.get({ message_id: id });
    await api.messages.send({
      sendMessageRequestBody: { app_id: app.id, recipient: { contact_id: contactId }, message: { text_message: { text: 'by contact' } } },
    });
    const handset = new Handset('SMS', number);
    await handset.shows('by contact');
    await everyKind(number, handset);
    await badMessages(number);
  },

  async GetMessage() {
    const { message_id: id } = await sendText(newNumber(), 'to get', { message_metadata: 'of it' });
    const message = await api.messages.get({ message_id: id });
    assert.equal(message.id, id);
    assert.equal(message.direction, 'TO_CONTACT');
    assert.equal(message.metadata, 'of it');
    assert.deepEqual(message.app_message.text_message, { text: 'to get' });
    assert.ok(!('contact_message' in message));
    await refused(() => api.messages.get({ message_id: unknown }), 404);
    await refused(() => api.messages.get({ message_id: id, messages_source: 'DISPATCH_SOURCE' }), 404);
  },

  async ListMessages() {
    const number = newNumber();
    const sent = [];
    for (const text of ['one', 'two', 'three']) {
      sent.unshift((await sendText(number, text)).message_id);
    }
    const query = { app_id: app.id, channel_identity: number };
    assert.deepEqual(ids(await all(api.messages.list(query))), sent, 'newest first');
    assert.deepEqual(ids(await all(api.messages.list({ ...query, page_size: 1 }))), sent, 'page by page');
    const { conversation_id: conversation } = await api.messages.get({ message_id: sent[0] });
    assert.deepEqual(ids(await all(api.messages.list({ conversation_id: conversation }))), sent);
    assert.deepEqual(await all(api.messages.list({ ...query, direction: 'TO_APP' })), []);
    assert.deepEqual(await all(api.messages.list({ ...query, end_time: new Date(0) })), []);
    await refused(() => api.messages.list({ ...query, direction: 'X' }), 400, 'direction');
  },

  async UpdateMessageMetadata() {
    const { message_id: id } = await sendText(newNumber(), 'to update');
    const update = (body) => api.messages.update({ message_id: id, updateMessageRequestBody: body });
    assert.equal((await update({ metadata: 'new' })).metadata, 'new');
    await refused(() => update({ metadata: longMetadata }), 400, 'metadata');
    assert.equal((await api.messages.get({ message_id: id })).metadata, 'new');
    await refused(() => api.messages.update({ message_id: unknown, updateMessageRequestBody: { metadata: 'x' } }), 404);
  },

  async DeleteMessage() {
    const number = newNumber();
    const { message_id: id } = await sendText(number, 'to delete');
    assert.deepEqual(await api.messages.delete({ message_id: id }), {});
    await refused(() => api.messages.delete({ message_id: id }), 404);
    assert.deepEqual(await all(api.messages.list({ app_id: app.id, channel_identity: number })), []);
  },

  async TranscodeMessage() {
    const transcode = (body) => api.transcoding.transcodeMessage({ transcodeMessageRequestBody: { app_id: app.id, ...body } });
    const message = { location_message: { title: 'The Eiffel Tower', coordinates: { latitude: 48.8584, longitude: 2.2945 } } };
    const { transcoded_message: shown } = await transcode({ app_message: message, channels: ['SMS', 'WHATSAPP', 'TELEGRAM'] });
    assert.deepEqual(Object.keys(shown).sort(), ['SMS', 'TELEGRAM', 'WHATSAPP']);
    assert.match(shown.SMS, /The Eiffel Tower/);
    assert.equal(JSON.parse(shown.WHATSAPP).type, 'location');
    assert.match(shown.TELEGRAM, /48\.8584/);
    await refused(() => transcode({ app_message: message }), 400, 'channels');
    await refused(() => transcode({ app_message: {}, channels: ['SMS'] }), 400, 'app_message');
  },

  async ListConversations() {
    const { message_id: id } = await sendText(newNumber(), 'to start a conversation');
    const { conversation_id: conversation, contact_id: contact } = await api.messages.get({ message_id: id });
    assert.deepEqual(ids(await all(api.conversation.list({ contact_id: contact }))), [conversation]);
    assert.ok(ids(await all(api.conversation.list({ app_id: app.id, only_active: true, page_size: 2 }))).includes(conversation));
    await refused(() => api.conversation.list({ only_active: true }), 400, 'app_id');
  },

  async GetConversation() {
    const { message_id: id } = await sendText(newNumber(), 'x', { conversation_metadata: { a: 1 }, correlation_id: 'c' });
    const { conversation_id: conversation, contact_id: contact } = await api.messages.get({ message_id: id });
    const got = await api.conversation.get({ conversation_id: conversation });
    assert.equal(got.app_id, app.id);
    assert.equal(got.contact_id, contact);
    assert.equal(got.active, true);
    assert.equal(got.correlation_id, 'c');
    assert.deepEqual(got.metadata_json, { a: 1 });
    await refused(() => api.conversation.get({ conversation_id: unknown }), 404);
  },

  async StopActiveConversation() {
    const number = newNumber();
    const { message_id: id } = await sendText(number, 'before');
    const { conversation_id: conversation } = await api.messages.get({ message_id: id });
    assert.deepEqual(await api.conversation.stopActive({ conversation_id: conversation }), {});
    await hook.expect('CONVERSATION_STOP', (note) => note.conversation.id === conversation);
    assert.equal((await api.conversation.get({ conversation_id: conversation })).active, false);
    const { message_id: next } = await sendText(number, 'after');
    assert.notEqual((await api.messages.get({ message_id: next })).conversation_id, conversation, 'a new conversation');
    await refused(() => api.conversation.stopActive({ conversation_id: unknown }), 404);
  },

  ...templateOperations({ api, hook, toNumber, newNumber }),
  ...conversationOperations({
    api, hook, credential, getApp: () => app, createApp, createContact, sendText, toNumber, newNumber, all, ids, unknown, longMetadata,
  }),
  ...eventOperations({ api, hook, secret, getApp: () => app, createApp, createWebhook, createContact, newNumber, all, ids, unknown, longMetadata }),

  async DeleteApp() {
    await api.webhooks.delete({ webhook_id: webhook.id });
    assert.deepEqual(await api.app.delete({ app_id: app.id }), {});
    await refused(() => api.app.delete({ app_id: app.id }), 404);
    await refused(() => sendText(newNumber(), 'too late'), 404);
  },
};

/** Sends each kind of message with the SDK's method for it; SMS shows text. */
async function everyKind(number, handset) {
  const text = (words) => ({ text_message: { text: words } });
  const media = { url: 'https://example.com/a.png' };
  const card = { title: 'Card of Ada', choices: [text('Buy it')] };
  const kinds = {
    sendTextMessage: ['Words only', { text_message: { text: 'Words only' } }],
    sendMediaMessage: ['https://example.com/a.png', { media_message: media }],
    sendCardMessage: ['Card of Ada', { card_message: card }],
    sendCarouselMessage: ['Second card', { carousel_message: { cards: [card, { title: 'Second card' }] } }],
    sendChoiceMessage: ['Drink?', { choice_message: { text_message: { text: 'Drink?' }, choices: [text('Coffee'), text('Tea')] } }],
    sendLocationMessage: ['Here', { location_message: { title: 'Here', coordinates: { latitude: 1, longitude: 2 } } }],
    sendContactInfoMessage: ['Grace Hopper', { contact_info_message: { name: { full_name: 'Grace Hopper' }, phone_numbers: [{ phone_number: '+15551230001' }] } }],
    sendListMessage: ['Pick one', { list_message: { title: 'Pick one', sections: [{ title: 'S', items: [{ choice: { title: 'I', postback_data: 'i' } }] }] } }],
  };
  for (const [method, [shown, message]] of Object.entries(kinds)) {
    const { message_id: id } = await api.messages[method](toNumber(number, message));
    const { status, reason: why } = payload(await hook.expect('MESSAGE_DELIVERY', (report) => report.message_id === id));
    assert.equal(status, 'QUEUED_ON_CHANNEL', JSON.stringify(why));
    await handset.shows(shown);
    const [kind] = Object.keys(message);
    assert.ok(kind in (await api.messages.get({ message_id: id })).app_message, `${kind} is kept as it was sent`);
  }
  // No template of this name: accepted, then reported as failed.
  const template = { template_message: { channel_template: { SMS: { template_id: 'none', language_code: 'en' } } } };
  const { message_id: id } = await api.messages.sendTemplateMessage(toNumber(number, template));
  const { reason } = payload(await hook.expect('MESSAGE_DELIVERY', (report) => report.message_id === id && report.status === 'FAILED'));
  assert.ok(reason.code, 'a failure has a reason');
}

async function badMessages(number) {
  const count = (await all(api.messages.list({ app_id: app.id }))).length;
  const contacts = (await all(api.contact.list())).length;
  const stranger = newNumber();
  const hello = { text_message: { text: 'x' } };
  const send = (message, more) => () => api.messages.send(toNumber(stranger, message, more));
  await refused(send({ ...hello, media_message: { url: 'https://example.com/a' } }), 400, 'message');
  await refused(send({}), 400, 'message');
  await refused(send({ text_message: { text: 7 } }), 400, 'message.text_message.text');
  await refused(send(hello, { app_id: unknown }), 404);
  await refused(send(hello, { app_id: `${unknown}X` }), 400, 'app_id');
  await refused(send(hello, { recipient: { contact_id: unknown } }), 404);
  await refused(send(hello, { recipient: {} }), 400, 'recipient');
  await refused(send(hello, { channel_priority_order: ['PIGEON'] }), 400, 'channel_priority_order[0]');
  await refused(send(hello, { message_metadata: longMetadata }), 400, 'message_metadata');
  await refused(send(hello, { correlation_id: 'x'.repeat(129) }), 400, 'correlation_id');
  await refused(send(hello, { ttl: 'soon' }), 400, 'ttl');
  assert.equal((await all(api.messages.list({ app_id: app.id }))).length, count, 'bad input stored no message');
  assert.equal((await all(api.contact.list())).length, contacts, 'bad input stored no contact');
  await sendText(number, 'the app still works');
}

for (const [operation, prove] of Object.entries(operations)) {
  try {
    await prove();
    console.log(`proven ${operation}`);
  } catch (error) {
    console.error(`FAIL ${operation}: ${describe(error)}`);
    process.exitCode = 1;
  }
}
await hook.close();
