// The operations on app events, capabilities and consent lists, called through
// the official SDK: see operations.mjs.

import { assert, env, eventually, Handset, payload, pointProvider, refused, simulator } from './drive.mjs';

const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** What proves each operation, with what operations.mjs has at hand. */
export function eventOperations({ api, hook, secret, getApp, createApp, createWebhook, createContact, newNumber, all, ids, unknown, longMetadata }) {
  const whatsApp = { channel: 'WHATSAPP', ...JSON.parse(env('PARLEY_SDK_CREDENTIALS')).WHATSAPP };
  const recipient = (channel, identity) => ({ identified_by: { channel_identities: [{ channel, identity }] } });
  const composing = { composing_event: {} };

  // The app whose channel shows events.
  let app;
  const send = (number, event, more) => api.events.send({
    sendEventRequestBody: { app_id: app.id, recipient: recipient('WHATSAPP', number), event, ...more },
  });
  const report = async (id) => payload(await hook.expect('EVENT_DELIVERY', (note) => note.event_id === id));

  /** Has somebody write to the app, and returns the contact. */
  async function writes(number, text) {
    const { message_id: id } = await api.messages.send({
      sendMessageRequestBody: { app_id: app.id, recipient: recipient('WHATSAPP', number), message: { text_message: { text: 'Hello' } } },
    });
    const handset = new Handset('WHATSAPP', number);
    await handset.shows('Hello');
    await handset.reply(text);
    await hook.expect('MESSAGE_INBOUND', (note) => note.contact_message.text_message?.text === text);
    return (await api.messages.get({ message_id: id })).contact_id;
  }

  return {
    async SendEvent() {
      app = await createApp({ display_name: 'Events', channel_credentials: [whatsApp], processing_mode: 'CONVERSATION' });
      await createWebhook({ app_id: app.id, target: hook.url, secret, triggers: ['EVENT_DELIVERY', 'MESSAGE_INBOUND', 'OPT_OUT'] });
      await eventually(async () => (await api.app.get({ app_id: app.id })).channel_credentials[0].state.status === 'ACTIVE');
      await pointProvider(app.id, whatsApp);
      const number = newNumber();
      const contact = await writes(number, 'Anybody there?');
      const shown = (test) => eventually(async () => test(await simulator('GET', `handsets/WHATSAPP/${number}`)));
      const { event_id: id, accepted_time: accepted } = await send(number, composing, { event_metadata: 'of it' });
      assert.match(id, ulid);
      assert.ok(Math.abs(new Date(accepted) - Date.now()) < 60_000, `accepted ${accepted}`);
      const { status, metadata, contact_id: who, channel_identity: to } = await report(id);
      assert.deepEqual({ status, metadata, who, to: to.identity }, { status: 'QUEUED_ON_CHANNEL', metadata: 'of it', who: contact, to: number });
      await shown((phone) => phone.typing);
      for (const [method, event, want] of [
        ['sendComposingEvent', composing, 'QUEUED_ON_CHANNEL'],
        ['sendComposingEndEvent', { composing_end_event: {} }, 'QUEUED_ON_CHANNEL'],
        ['sendCommentReplyEvent', { comment_reply_event: { text: 'Thanks' } }, 'FAILED'],
        ['sendAgentJoinedEvent', { agent_joined_event: { agent: { display_name: 'Ada', type: 'HUMAN' } } }, 'FAILED'],
        ['sendAgentLeftEvent', { agent_left_event: { agent: { display_name: 'Ada', type: 'HUMAN' } } }, 'FAILED'],
        ['sendGenericEvent', { generic_event: { payload: { a: [1] } } }, 'FAILED'],
      ]) {
        const sent = await api.events[method]({ sendEventRequestBody: { app_id: app.id, recipient: { contact_id: contact }, event } });
        const { status: got, reason } = await report(sent.event_id);
        assert.equal(got, want, JSON.stringify(reason));
        assert.equal(reason?.code, want === 'FAILED' ? 'BAD_REQUEST' : undefined);
      }
      const { event_id: early } = await send(newNumber(), composing);
      assert.equal((await report(early)).reason.code, 'OUTSIDE_ALLOWED_SENDING_WINDOW', 'nobody who never wrote sees it');
      const count = (await all(api.events.list())).length;
      await refused(() => send(number, {}), 400, 'event');
      await refused(() => send(number, { comment_reply_event: {} }), 400, 'event.comment_reply_event.text');
      await refused(() => send(number, composing, { event_metadata: longMetadata }), 400, 'event_metadata');
      await refused(() => send(number, composing, { channel_priority_order: ['SMS'] }), 400, 'channel_priority_order[0]');
      await refused(() => send(number, composing, { app_id: unknown }), 404);
      assert.equal((await all(api.events.list())).length, count, 'bad input stored nothing');
    },

    async GetEvent() {
      const number = newNumber();
      const { event_id: id } = await send(number, composing);
      const event = await api.events.get({ event_id: id });
      const { contact_id: contact, conversation_id: conversation, accept_time: at, ...rest } = event;
      assert.deepEqual(rest, {
        id, direction: 'TO_CONTACT', app_event: composing, channel_identity: { channel: 'WHATSAPP', identity: number, app_id: '' },
        processing_mode: 'CONVERSATION',
      });
      assert.ok(Math.abs(new Date(at) - Date.now()) < 60_000);
      assert.equal((await api.conversation.get({ conversation_id: conversation })).contact_id, contact);
      await refused(() => api.events.get({ event_id: unknown }), 404);
    },

    async ListEvents() {
      const number = newNumber();
      const sent = [];
      for (const event of [composing, { composing_end_event: {} }, composing]) {
        sent.unshift((await send(number, event)).event_id);
      }
      const { contact_id: contact, conversation_id: conversation } = await api.events.get({ event_id: sent[0] });
      assert.deepEqual(ids(await all(api.events.list({ contact_id: contact }))), sent, 'newest first');
      assert.deepEqual(ids(await all(api.events.list({ conversation_id: conversation, page_size: 1 }))), sent, 'page by page');
      assert.deepEqual(ids(await all(api.events.list())).slice(0, 3), sent);
      await refused(() => api.events.list({ contact_id: 'x' }), 400, 'contact_id');
    },

    async DeleteEvents() {
      const { event_id: id } = await send(newNumber(), composing);
      const { contact_id: contact } = await api.events.get({ event_id: id });
      assert.deepEqual(await api.events.delete({ event_id: id }), {});
      await refused(() => api.events.delete({ event_id: id }), 404);
      assert.deepEqual(await all(api.events.list({ contact_id: contact })), []);
    },

    async QueryCapability() {
      const query = (body) => api.capability.lookup({ lookupCapabilityRequestBody: { app_id: getApp().id, ...body } });
      await createWebhook({ app_id: getApp().id, target: `${hook.url}?capability`, secret, triggers: ['CAPABILITY'] });
      const number = newNumber();
      const contact = await createContact({
        channel_identities: [{ channel: 'SMS', identity: number }, { channel: 'WHATSAPP', identity: number }], language: 'EN_US',
      });
      const answer = await query({ recipient: { contact_id: contact.id } });
      assert.deepEqual(answer, { app_id: getApp().id, recipient: { contact_id: contact.id }, request_id: answer.request_id });
      assert.match(answer.request_id, ulid);
      const told = async (id, channel) => payload(await hook.expect('CAPABILITY', (note) => note.request_id === id && note.channel === channel));
      assert.deepEqual(await told(answer.request_id, 'SMS'), {
        request_id: answer.request_id, contact_id: contact.id, channel: 'SMS', identity: number, capability_status: 'CAPABILITY_FULL',
      });
      const { capability_status: status, reason } = await told(answer.request_id, 'WHATSAPP');
      assert.deepEqual([status, reason.code], ['CAPABILITY_UNKNOWN', 'CHANNEL_CONFIGURATION_MISSING']);
      const named = await query({ recipient: recipient('SMS', `+${number}`), request_id: `my-${number}` });
      assert.equal(named.request_id, `my-${number}`);
      assert.equal((await told(`my-${number}`, 'SMS')).contact_id, contact.id);
      await refused(() => query({ recipient: {} }), 400, 'recipient');
      await refused(() => query({ recipient: { contact_id: unknown } }), 404);
    },

    async ListIdentitiesFromConsentsList() {
      const list = (type, more) => api.consents.listIdentities({ app_id: app.id, list_type: type, ...more });
      const number = newNumber();
      await writes(number, 'Stop marketing');
      assert.equal(payload(await hook.expect('OPT_OUT', (note) => note.identity === number)).status, 'OPT_OUT_SUCCEEDED');
      const other = newNumber();
      await writes(other, 'STOP MARKETING');
      const both = [{ identity: number }, { identity: other }];
      assert.deepEqual(await all(list('OPT_OUT_MARKETING')), both);
      assert.deepEqual(await all(list('OPT_OUT_MARKETING', { page_size: 1 })), both, 'page by page');
      assert.deepEqual(await all(list('OPT_OUT_ALL')), []);
      await refused(() => list('OPT_OUT'), 400, 'list_type');
      await refused(() => api.consents.listIdentities({ app_id: unknown, list_type: 'OPT_OUT_ALL' }), 404);
      await blocks(number);
    },

    async ListAuditRecordsFromConsentsList() {
      const number = newNumber();
      await writes(number, 'STOP');
      await answers(number, 'start');
      const { identity, audit_records: records } = await api.consents.listAuditRecords({ app_id: app.id, identity: `+${number}` });
      assert.deepEqual(identity, { identity: number });
      assert.deepEqual(records.map(({ origin, operation, list_type: list }) => [origin, operation, list]), [
        ['ORIGIN_MO', 'OPERATION_INSERT', 'OPT_OUT_ALL'], ['ORIGIN_MO', 'OPERATION_DELETE', 'OPT_OUT_ALL'],
      ]);
      for (const { project_id: project, app_id: of, datetime } of records) {
        assert.deepEqual([project, of], [env('PARLEY_PROJECT'), app.id]);
        assert.ok(Math.abs(new Date(datetime) - Date.now()) < 60_000);
      }
      assert.deepEqual((await api.consents.listAuditRecords({ app_id: app.id, identity: newNumber() })).audit_records, []);
      await refused(() => api.consents.listAuditRecords({ app_id: unknown, identity: number }), 404);
      await api.app.delete({ app_id: app.id });
    },
  };

  /** Has somebody answer once more. */
  async function answers(number, text) {
    await new Handset('WHATSAPP', number).reply(text);
    await hook.expect('MESSAGE_INBOUND', (note) => note.contact_message.text_message?.text === text);
  }

  /** Checks that somebody on the list of marketing gets that no more, and all else. */
  async function blocks(number) {
    const to = (text, more) => api.messages.send({
      sendMessageRequestBody: { app_id: app.id, recipient: recipient('WHATSAPP', number), message: { text_message: { text } }, ...more },
    });
    const { message_id: id } = await to('Buy!', { message_content_type: 'CONTENT_MARKETING' });
    await to('Your parcel');
    const handset = new Handset('WHATSAPP', number);
    await handset.shows('Your parcel');
    const { items } = await simulator('GET', `handsets/WHATSAPP/${number}`);
    assert.ok(!items.some((item) => item.text === 'Buy!'), `message ${id} was sent to somebody who opted out`);
  }
}
