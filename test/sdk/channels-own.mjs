// What channels.mjs sends that is said in a channel's own way.

import { assert } from './drive.mjs';
import { word } from './channels-kinds.mjs';

const json = (value) => JSON.stringify(value);

// A text as each provider's own API takes it, for explicit_channel_message;
// where another provider's app says it otherwise, under its name, too.
const explicit = {
  APPLEBC: (text) => json({ type: 'text', body: text }),
  EMAIL: (text) => json({ subject: 'Own', text }),
  INSTAGRAM: (text) => json({ message: { text } }),
  KAKAOTALK: (text) => json({ chatBubbleType: 'TEXT', content: text }),
  KAKAOTALKCHAT: (text) => json({ chat_bubble_type: 'TEXT', message: text }),
  LINE: (text) => json({ type: 'text', text }),
  MESSENGER: (text) => json({ message: { text } }),
  MMS: (text) => json({ text }),
  RCS: (text) => json({ contentMessage: { text } }),
  'RCS, Demo over Sinch': (text) => json({ message: { type: 'text', text } }),
  SMS: (text) => text,
  TELEGRAM: (text) => json({ method: 'sendMessage', text }),
  VIBER: (text) => json({ type: 'text', text }),
  VIBERBM: (text) => json({ message_type: 'text', text }),
  'VIBERBM, Demo over Infobip': (text) => json({ content: { type: 'TEXT', text } }),
  WECHAT: (text) => json({ msgtype: 'text', text: { content: text } }),
  WHATSAPP: (text) => json({ type: 'text', text: { body: text } }),
};

const template = (channel, content) => ({ template_message: { channel_template: { [channel]: content } } });
const specific = (channel, type, content) => ({ channel_specific_message: { [channel]: { message_type: type, message: content } } });
const page = 'https://shop.example/1';

// What only some channels have: make is the message, shows what can be read of
// it on the phone, and answers what comes of tapping its first choice.
const own = {
  WHATSAPP: {
    'channel template': {
      make: (a) => template('WHATSAPP', { template_id: 'order', language_code: 'en_US', parameters: {
        'body[1]text': a, 'button[0]quick_reply[1]payload': 'track',
      } }),
      answers: ({ choice_response_message: answer }, id) => answer?.message_id === id && answer.postback_data === 'track',
    },
    'list of products': {
      make: (a) => ({ list_message: {
        title: a, message_properties: { catalog_id: '4711' }, sections: [{ title: 'New', items: [
          { product: { id: 'sku-1', marketplace: 'FACEBOOK' } }, { product: { id: 'sku-2', marketplace: 'FACEBOOK' } },
        ] }],
      } }),
      answers: ({ product_response_message: order }) => order?.products[0].id === 'sku-1' && order.catalog_id === '4711',
    },
    FLOWS: {
      make: (a) => specific('WHATSAPP', 'FLOWS', { flow_id: '1', flow_cta: 'Book', flow_token: 'mine', body: { text: a } }),
      answers: ({ channel_specific_message: answer }) => answer?.message_type === 'nfm_reply',
    },
  },
  KAKAOTALK: {
    'channel template': {
      make: (a) => template('KAKAOTALK', { template_id: 'T1', parameters: { name: a } }),
    },
    COMMERCE: {
      make: (a, picture) => specific('KAKAOTALK', 'COMMERCE', {
        buttons: [{ type: 'WL', name: 'Buy', link_mo: page, link_pc: page }],
        image: { image_url: picture, image_link: page },
        commerce: { type: 'REGULAR_PRICE_COMMERCE', title: a, regular_price: 10000 },
      }),
    },
  },
  WECHAT: {
    'channel template': { make: (a) => template('WECHAT', { template_id: 'T1', parameters: { thing1: a } }) },
  },
};

/** Sends what is said in the channel's own way. */
export async function sendsItsOwn(line, picture) {
  const generic = { text_message: { text: 'Not for this channel' } };
  await line.step('explicit message', async () => {
    const a = word('Own');
    const { items } = await line.deliver({ ...generic, explicit_channel_message: {
      [line.channel]: (explicit[`${line.channel}, ${line.app}`] ?? explicit[line.channel])(a),
    } }, 'explicit', [a]);
    assert.equal(items.length, 1);
  });
  await line.step('explicit omni message', async () => {
    const a = word('Own');
    const { items } = await line.deliver({ ...generic, explicit_channel_omni_message: { [line.channel]: { text_message: { text: a } } } }, 'omni', [a]);
    assert.equal(items.length, 1);
  });
  for (const [name, { make, answers }] of Object.entries(own[line.channel] ?? {})) {
    await line.step(name, async () => {
      const a = word('Own');
      const { id, items } = await line.deliver(make(a, picture), name, [a]);
      if (answers) {
        const { id: item, choices: [{ title }] } = items.find(({ choices }) => choices);
        assert.ok(await line.phone('tap', { item, choice: title }), line.refusal);
        await line.inbound((content) => answers(content, id));
      }
    });
  }
}
