// What the API says afterwards of what channels.mjs did on a line.

import { assert } from './drive.mjs';

async function all(list) {
  const items = new Map();
  for await (const item of list) {
    assert.ok(!items.has(item.id), `${item.id} is listed twice`);
    items.set(item.id, item);
  }
  return items;
}

/** Compares what is listed with what was sent and with what callbacks told. */
export async function isKept(line) {
  const { api, conversationId } = line;
  await line.step('kept messages', async () => {
    const kept = await all(api.messages.list({ conversation_id: conversationId, page_size: 10 }));
    for (const { id, message } of line.sent) {
      assert.deepEqual(kept.get(id)?.app_message, message, `message ${id}`);
    }
    for (const { id, contact_message: content, sender_id: to, metadata } of line.told) {
      const { contact_message: listed, sender_id: listedTo, metadata: listedMetadata } = kept.get(id) ?? {};
      assert.deepEqual([listed, listedTo, listedMetadata], [content, to, metadata], `message ${id}`);
    }
  });
  await line.step('kept events', async () => {
    const kept = await all(api.events.list({ conversation_id: conversationId, page_size: 10 }));
    for (const { id, contact_event: done, contact_message_event: doneTo } of line.toldEvents) {
      const { contact_event: listed, contact_message_event: listedTo } = kept.get(id) ?? {};
      assert.deepEqual([listed, listedTo], [done, doneTo], `event ${id}`);
    }
  });
  await line.step('contact', async () => {
    const { channel_identities: identities } = await api.contact.get({ contact_id: line.contactId });
    assert.ok(identities.some(({ channel, identity }) => channel === line.channel && identity === line.identity), JSON.stringify(identities));
  });
}

/** Asks the provider about the contact. */
export async function asks(line) {
  await line.step('profile', async () => {
    try {
      const { profile_name: name } = await line.api.contact.getChannelProfile({ getChannelProfileRequestBody: {
        app_id: line.app_id, channel: line.channel, recipient: line.recipient(),
      } });
      assert.ok(name.includes('Ada'), name);
      return 'ok';
    } catch (error) {
      assert.equal(error.statusCode, 400, error.data ?? error.stack);
      return 'none';
    }
  });
  await line.step('capability', async () => {
    const { request_id: id } = await line.api.capability.lookup({ lookupCapabilityRequestBody: {
      app_id: line.app_id, recipient: line.recipient(),
    } });
    const note = await line.notice('CAPABILITY', ({ request_id: of }) => of === id);
    assert.deepEqual([note.contact_id, note.channel, note.identity], [line.contactId, line.channel, line.identity]);
    return note.capability_status;
  });
}
