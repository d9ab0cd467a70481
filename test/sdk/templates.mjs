// The proofs of the operations on templates; see operations.mjs.

import { randomUUID } from 'node:crypto';
import { assert, Handset, payload, refused } from './drive.mjs';

const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const preview = [{ key: 'name', preview_value: 'Professor Jones' }];

/**
 * Returns the proofs, in the order in which they are to run. They need the
 * SDK's API, the webhook's listener, what makes a message to a number, and
 * what makes up a number.
 */
export function templateOperations({ api, hook, toNumber, newNumber }) {
  return { ...version2(api, { hook, toNumber, newNumber }), ...version1(api) };
}

function version2(api, { hook, toNumber, newNumber }) {
  const { templatesV2: templates } = api;
  const id = `welcome-${randomUUID()}`;
  const get = () => templates.get({ template_id: id });
  const hello = { language_code: 'en-US', version: '3', text_message: { text: 'Hello ${name}, <&>' }, variables: preview };
  const icecream = {
    language_code: 'fr-FR',
    version: '1',
    list_message: { title: 'Parfum ?', sections: [{ title: 'Fruits', items: [{ choice: { title: 'Fraise', postback_data: 'fraise' } }] }] },
  };
  const body = (more) => ({ default_translation: 'en-US', description: 'Text', translations: [hello], ...more });
  const create = (more) => templates.create({ createTemplateRequestBody: body(more) });
  const update = (more, template = id) => templates.update({ template_id: template, updateTemplateRequestBody: body(more) });

  /** Sends the template to a new number and returns what becomes of it. */
  async function send(reference) {
    const number = newNumber();
    const message = { template_message: { omni_template: { template_id: id, version: 'latest', ...reference } } };
    const { message_id: messageId } = await api.messages.sendTemplateMessage(toNumber(number, message));
    const report = payload(await hook.expect('MESSAGE_DELIVERY', (note) => note.message_id === messageId));
    const kept = await api.messages.get({ message_id: messageId });
    assert.deepEqual(kept.app_message.template_message, message.template_message, 'kept as it was sent');
    return { handset: new Handset('SMS', number), status: report.status, why: report.reason?.code };
  }

  return {
    async V2CreateTemplate() {
      const made = await create({ id });
      assert.equal(made.id, id);
      assert.equal(made.version, 1);
      assert.equal(made.translations.length, 1);
      assert.equal(made.translations[0].version, '3');
      assert.deepEqual(made.translations[0].channel_template_overrides, {});
      assert.deepEqual(made.create_time, made.update_time);
      const other = await create({ version: 9 });
      assert.match(other.id, ulid);
      assert.equal(other.version, 1, 'the first version is 1');
      await templates.delete({ template_id: other.id });
      await refused(() => create({ id }), 409);
      await refused(() => create({ id: 'a/b' }), 400, 'id');
      await refused(() => create({ default_translation: 'fr-FR' }), 400, 'default_translation');
      await refused(() => create({ translations: [] }), 400, 'translations');
      await refused(() => create({ translations: [{ ...hello, media_message: { url: 'https://example.com' } }] }), 400, 'translations[0]');

      const { handset, status } = await send({ parameters: { name: 'Ada "${name}"' } });
      assert.equal(status, 'QUEUED_ON_CHANNEL');
      await handset.shows('Hello Ada "${name}", <&>');
      const failures = [
        [{}, 'TEMPLATE_INSUFFICIENT_PARAMETERS'],
        [{ language_code: 'de', parameters: { name: 'Ada' } }, 'TEMPLATE_NON_EXISTING_LANGUAGE_OR_VERSION'],
        [{ version: '4', parameters: { name: 'Ada' } }, 'TEMPLATE_NON_EXISTING_LANGUAGE_OR_VERSION'],
        [{ template_id: 'none' }, 'TEMPLATE_NOT_FOUND'],
      ];
      for (const [reference, reason] of failures) {
        const { status: end, why } = await send(reference);
        assert.deepEqual([end, why], ['FAILED', reason]);
      }
    },

    async V2GetTemplate() {
      const got = await get();
      assert.deepEqual(got.translations.map(({ version }) => version), ['3', 'latest']);
      assert.deepEqual({ ...got.translations[1], version: '3' }, got.translations[0]);
      assert.deepEqual(got.translations[0].variables, preview);
      assert.ok(got.create_time instanceof Date);
      await refused(() => templates.get({ template_id: 'none' }), 404);
    },

    async V2ListTemplates() {
      const { templates: list } = await templates.list({});
      assert.deepEqual(list.filter((template) => template.id === id), [await get()]);
    },

    async V2UpdateTemplate() {
      const before = await get();
      const made = await update({ version: 1, description: 'Updated', translations: [icecream, hello] });
      assert.equal(made.version, 2);
      assert.equal(made.description, 'Updated');
      assert.deepEqual(made.create_time, before.create_time);
      assert.ok(made.update_time > before.update_time);
      assert.deepEqual(made.translations.map(({ version }) => version), ['1', '3'], 'as sent, without copies');
      assert.deepEqual(made.translations[0].list_message.message_properties, {});
      const [{ choice }] = made.translations[0].list_message.sections[0].items;
      assert.deepEqual(choice, { title: 'Fraise', description: '', media: null, postback_data: 'fraise' });
      const kept = await get();
      await refused(() => update({ version: 1 }), 409);
      await refused(() => update({}), 400, 'version');
      await refused(() => update({ version: 2, default_translation: 'de' }), 400, 'default_translation');
      await refused(() => update({ version: 1 }, 'none'), 404);
      assert.deepEqual(await get(), kept, 'bad input changed nothing');

      const { handset, status, why } = await send({ language_code: 'fr-FR' });
      assert.equal(status, 'QUEUED_ON_CHANNEL', why);
      await handset.shows('FRAISE'); // choices are written in capitals
    },

    async V2ListTranslations() {
      const list = async (query) => (await templates.listTranslations({ template_id: id, ...query })).translations
        .map(({ language_code: language, version }) => `${language} ${version}`);
      assert.deepEqual(await list(), ['fr-FR 1', 'en-US 3']);
      assert.deepEqual(await list({ language_code: 'en-US' }), ['en-US 3']);
      assert.deepEqual(await list({ translation_version: '1' }), ['fr-FR 1']);
      assert.deepEqual(await list({ language_code: 'en-US', translation_version: '1' }), []);
      await refused(() => templates.listTranslations({ template_id: 'none' }), 404);
    },

    async V2DeleteTemplate() {
      assert.deepEqual(await templates.delete({ template_id: id }), {});
      await refused(() => templates.delete({ template_id: id }), 404);
      await refused(get, 404);
    },
  };
}

function version1(api) {
  const { templatesV1: templates } = api;
  const translation = (language, version, text) => (
    { language_code: language, version, content: JSON.stringify({ text_message: { text } }), variables: preview });
  let made;
  const get = () => templates.get({ template_id: made.id });

  return {
    async CreateTemplate() {
      const english = translation('en-US', '1', 'Hello ${name}');
      const create = (more) => templates.create({
        createTemplateRequestBody: { default_translation: 'en-US', channel: 'MESSENGER', description: 'Text', translations: [english], ...more },
      });
      made = await create();
      assert.match(made.id, ulid);
      assert.equal(made.channel, 'UNSPECIFIED');
      const { create_time: created, update_time: updated, ...rest } = made.translations[0];
      assert.deepEqual(rest, english);
      assert.deepEqual([created, updated], [made.create_time, made.update_time]);
      await refused(() => create({ id: made.id }), 409);
      await refused(() => create({ channel: 'PIGEON' }), 400, 'channel');
      await refused(() => create({ translations: [{ ...english, content: 'Hello' }] }), 400, 'translations[0].content');
    },

    async GetTemplate() {
      assert.deepEqual(await get(), made);
      await refused(() => templates.get({ template_id: 'none' }), 404);
    },

    async ListTemplates() {
      const { templates: list } = await templates.list({});
      assert.deepEqual(list.filter((template) => template.id === made.id), [made]);
    },

    async UpdateTemplate() {
      const update = (body, mask) => templates.update({ template_id: made.id, update_mask: mask, updateTemplateRequestBody: body });
      const masked = await update({ description: 'Masked', translations: [] }, ['description']);
      assert.deepEqual({ ...masked, description: made.description, update_time: made.update_time }, made);
      const both = await update({
        default_translation: 'fr-FR',
        channel: 'SMS',
        translations: [translation('en-US', '2', 'Hello, ${name}'), translation('fr-FR', '1', 'Bonjour ${name}')],
      });
      assert.equal(both.description, 'Masked', 'not in the body');
      assert.deepEqual(both.translations.map(({ language_code: language }) => language), ['fr-FR', 'en-US'], 'the default first');
      assert.ok(both.update_time > both.create_time);
      await refused(() => update({ default_translation: 'de' }), 400, 'default_translation');
      await refused(() => update({}, ['id']), 400, 'update_mask');
      assert.deepEqual(await get(), both, 'bad input changed nothing');
      await refused(() => templates.update({ template_id: 'none', updateTemplateRequestBody: {} }), 404);
    },

    async DeleteTemplate() {
      assert.deepEqual(await templates.delete({ template_id: made.id }), {});
      await refused(() => templates.delete({ template_id: made.id }), 404);
      await refused(get, 404);
    },
  };
}
