// The operations on conversations and on the last messages of people, called
// through the official SDK: see operations.mjs.

import { assert, refused } from './drive.mjs';

const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** What proves each operation, with what operations.mjs has at hand. */
export function conversationOperations(tools) {
  const { api, hook, credential, createApp, createContact, sendText, toNumber, newNumber, all, ids, unknown, longMetadata } = tools;
  return {
    async CreateConversation() {
      const create = (body) => api.conversation.create({ createConversationRequestBody: body });
      const contact = await createContact({ channel_identities: [{ channel: 'SMS', identity: newNumber() }], language: 'EN_US' });
      const body = { app_id: tools.getApp().id, contact_id: contact.id, active: true, active_channel: 'SMS', metadata: 'm', metadata_json: { a: 1 }, correlation_id: 'c' };
      const made = await create(body);
      assert.match(made.id, ulid);
      const { id, last_received: received, ...rest } = made;
      assert.deepEqual(rest, body);
      assert.equal(new Date(received).getTime(), 0);
      await hook.expect('CONVERSATION_START', (note) => note.conversation.id === id);
      assert.deepEqual(await api.conversation.get({ conversation_id: id }), made);
      await refused(() => create(body), 409);
      const idle = await create({ app_id: tools.getApp().id, contact_id: contact.id });
      assert.equal(idle.active, false);
      await refused(() => create({ ...body, app_id: undefined }), 400, 'app_id');
      await refused(() => create({ ...body, contact_id: 'x' }), 400, 'contact_id');
      await refused(() => create({ ...body, contact_id: unknown }), 404);
      await refused(() => create({ ...body, active_channel: 'PIGEON' }), 400, 'active_channel');
      assert.deepEqual(ids(await all(api.conversation.list({ contact_id: contact.id }))), [id, idle.id], 'bad input stored nothing');
    },

    async ListRecentConversations() {
      const own = await createApp({ display_name: 'Recent', channel_credentials: [credential], processing_mode: 'CONVERSATION' });
      const send = (number) => {
        const request = toNumber(number, { text_message: { text: 'x' } });
        request.sendMessageRequestBody.app_id = own.id;
        return api.messages.send(request);
      };
      const [ada, ben] = [newNumber(), newNumber()];
      await send(ada);
      const { message_id: first } = await send(ben);
      const { message_id: second } = await send(ada);
      const last = (list) => list.map((item) => item.last_message.id);
      assert.deepEqual(last(await all(api.conversation.listRecent({ app_id: own.id }))), [second, first], 'newest first');
      const paged = await all(api.conversation.listRecent({ app_id: own.id, page_size: 1, order: 'ASC' }));
      assert.deepEqual(last(paged), [first, second], 'page by page');
      assert.equal(paged[0].conversation.id, paged[0].last_message.conversation_id);
      await api.conversation.stopActive({ conversation_id: paged[0].conversation.id });
      assert.deepEqual(last(await all(api.conversation.listRecent({ app_id: own.id, only_active: true }))), [second]);
      const page = await api.conversation.listRecent({ app_id: own.id, page_size: 1 });
      assert.equal(page.data.length, 1);
      assert.ok(page.hasNextPage);
      await refused(() => api.conversation.listRecent({ app_id: 'x' }), 400, 'app_id');
      await refused(() => api.conversation.listRecent({ app_id: own.id, order: 'X' }), 400, 'order');
      await api.app.delete({ app_id: own.id });
    },

    async UpdateConversation() {
      const { message_id: sent } = await sendText(newNumber(), 'x', { conversation_metadata: { a: { b: 1 }, c: 2 } });
      const { conversation_id: id } = await api.messages.get({ message_id: sent });
      const update = (body, more) => api.conversation.update({ conversation_id: id, updateConversationRequestBody: body, ...more });
      assert.equal((await update({ correlation_id: 'k' })).correlation_id, 'k');
      const merged = await update({ metadata_json: { a: { b: null, d: 3 } } }, { metadata_update_strategy: 'MERGE_PATCH' });
      assert.deepEqual(merged.metadata_json, { a: { d: 3 }, c: 2 });
      const masked = await update({ metadata: 'm', correlation_id: 'x' }, { update_mask: ['metadata', 'metadata_json'] });
      assert.equal(masked.metadata, 'm');
      assert.deepEqual(masked.metadata_json, {}, 'in the mask only');
      assert.equal(masked.correlation_id, 'k', 'not in the mask');
      const stopped = await update({ active: false });
      assert.equal(stopped.active, false);
      await hook.expect('CONVERSATION_STOP', (note) => note.conversation.id === id);
      await refused(() => update({ metadata: longMetadata }), 400, 'metadata');
      await refused(() => update({}, { update_mask: ['id'] }), 400, 'update_mask');
      await refused(() => update({}, { metadata_update_strategy: 'X' }), 400, 'metadata_update_strategy');
      assert.deepEqual(await api.conversation.get({ conversation_id: id }), stopped);
      await refused(() => api.conversation.update({ conversation_id: unknown, updateConversationRequestBody: {} }), 404);
    },

    async DeleteConversation() {
      const { message_id: sent } = await sendText(newNumber(), 'x');
      const { conversation_id: id } = await api.messages.get({ message_id: sent });
      assert.deepEqual(await api.conversation.delete({ conversation_id: id }), {});
      await hook.expect('CONVERSATION_DELETE', (note) => note.conversation.id === id);
      await refused(() => api.messages.get({ message_id: sent }), 404);
      await refused(() => api.conversation.get({ conversation_id: id }), 404);
      await refused(() => api.conversation.delete({ conversation_id: id }), 404);
    },

    async InjectMessage() {
      const number = newNumber();
      const { message_id: sent } = await sendText(number, 'x');
      const { conversation_id: id, contact_id: contact } = await api.messages.get({ message_id: sent });
      const at = new Date(Date.now() - 60_000);
      const body = {
        contact_message: { text_message: { text: 'told by phone' } },
        accept_time: at,
        channel_identity: { channel: 'SMS', identity: number },
        contact_id: contact,
        direction: 'TO_APP',
        metadata: 'm',
      };
      const inject = (more, to = id) => api.conversation.injectMessage({ conversation_id: to, injectMessageRequestBody: { ...body, ...more } });
      assert.deepEqual(await inject(), {});
      const [message] = await all(api.messages.list({ conversation_id: id, direction: 'TO_APP' }));
      assert.equal(message.injected, true);
      assert.equal(message.contact_message.text_message.text, 'told by phone');
      assert.equal(message.metadata, 'm');
      assert.equal(new Date(message.accept_time).getTime(), at.getTime());
      await refused(() => inject({ direction: 'TO_CONTACT' }), 400, 'direction');
      await refused(() => inject({ accept_time: new Date(Date.now() + 60_000) }), 400, 'accept_time');
      await refused(() => inject({ accept_time: new Date(Date.now() - 31 * 86_400_000) }), 400, 'accept_time');
      await refused(() => inject({ contact_id: unknown }), 400, 'contact_id');
      await refused(() => inject({}, unknown), 404);
      assert.equal((await all(api.messages.list({ conversation_id: id }))).length, 2, 'bad input stored nothing');
    },

    async InjectEvent() {
      const { message_id: sent } = await sendText(newNumber(), 'x');
      const { conversation_id: id } = await api.messages.get({ message_id: sent });
      const at = new Date(Date.now() - 60_000);
      const body = { app_event: { agent_joined_event: { agent: { display_name: 'Ada' } } }, accept_time: at };
      const inject = (more, to = id) => api.conversation.injectEvent({ conversation_id: to, injectConversationEventRequestBody: { ...body, ...more } });
      const done = await inject();
      assert.match(done.event_id, ulid);
      assert.equal(new Date(done.accepted_time).getTime(), at.getTime());
      await refused(() => inject({ app_event: {} }), 400, 'app_event');
      await refused(() => inject({ accept_time: new Date(Date.now() + 60_000) }), 400, 'accept_time');
      await refused(() => inject({}, unknown), 404);
    },

    async ListMessagesByChannelIdentity() {
      const [ada, ben, nobody] = [newNumber(), newNumber(), newNumber()];
      const { message_id: toBen } = await sendText(ben, 'x');
      await sendText(ada, 'x');
      const { message_id: toAda } = await sendText(ada, 'y');
      const last = (body) => all(api.messages.listLastMessagesByChannelIdentity({
        listLastMessagesByChannelIdentityRequestBody: { app_id: tools.getApp().id, messages_source: 'CONVERSATION_SOURCE', ...body },
      }));
      const identities = { channel_identities: [nobody, `+${ada}`, ben] };
      assert.deepEqual(ids(await last(identities)), [toAda, toBen]);
      assert.deepEqual(ids(await last({ ...identities, page_size: 1 })), [toAda, toBen], 'page by page');
      const { contact_id: contact } = await api.messages.get({ message_id: toBen });
      assert.deepEqual(ids(await last({ contact_ids: [contact] })), [toBen]);
      assert.deepEqual(await last({ ...identities, direction: 'TO_APP' }), []);
      assert.deepEqual(await last({ ...identities, end_time: new Date(0) }), []);
      assert.deepEqual(await last({ ...identities, messages_source: 'DISPATCH_SOURCE' }), []);
      await refused(() => last({ ...identities, contact_ids: [contact] }), 400, 'channel_identities');
      await refused(() => last({ contact_ids: [contact], messages_source: 'DISPATCH_SOURCE' }), 400, 'contact_ids');
    },
  };
}
