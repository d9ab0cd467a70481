// The kinds of message that channels.mjs sends on every channel.

import { randomInt } from 'node:crypto';
import { env } from './drive.mjs';

/** Where the simulator always has a picture. */
export const sample = `${env('PARLEY_SIMULATOR_URL').replace(/\/$/, '')}/media/sample.png`;

/** Returns a word nobody has used, short enough for any button. */
export const word = (stem) => `${stem} ${randomInt(36 ** 4, 36 ** 5).toString(36)}`;

/** Words that a channel which writes HTML, XML or a form may get wrong. */
export const stems = ['Al&amp;der', 'B<i>rch', "C'e+d%r"];

// The API's coordinates are 32 bits wide: the last digits come out as others.
export const coordinates = { latitude: 55.610479, longitude: 13.002873 };

/** Files of a few bytes, as MIME type and base64. */
export const files = {
  picture: ['image/png', 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='],
  video: ['video/mp4', Buffer.from('\0\0\0\x18ftypmp42\0\0\0\0mp42isom', 'latin1').toString('base64')],
  audio: ['audio/mpeg', Buffer.from('ID3\x04\0\0\0\0\0\0some music', 'latin1').toString('base64')],
  document: ['application/pdf', Buffer.from('%PDF-1.4\n%%EOF\n').toString('base64')],
};

const extensions = { video: 'mp4', audio: 'mp3', document: 'pdf' };

/** Puts the files where the server can fetch them, and returns their addresses. */
export async function hostFiles() {
  const urls = {};
  for (const [kind, extension] of Object.entries(extensions)) {
    const [type, base64] = files[kind];
    const answer = await fetch(new URL(`/media?name=sample.${extension}`, sample), {
      method: 'POST', headers: { 'content-type': type }, body: Buffer.from(base64, 'base64'),
    });
    const { url } = await answer.json();
    urls[kind] = new URL(url, sample).href;
  }
  return urls;
}

const link = 'https://shop.example/1';
const number = '+15551234567';
const event = { event_start: new Date('2030-05-01T10:00:00Z'), event_end: new Date('2030-05-01T11:30:00Z'), event_title: 'Demo' };

const data = (title) => `data of ${title}`;
const text = (title) => ({ text_message: { text: title }, postback_data: data(title) });
const choice = (words, ...choices) => ({ choice_message: { text_message: { text: words }, choices } });

/**
 * Each kind makes a message out of three new words. taps lists which of them
 * can be tapped, or typed, as an answer, with what they then stand for; the
 * data of a choice without any is the message's id and its words. opens is for
 * a choice that opens something: what it must be, and how a phone that has no
 * such button reads it.
 */
export const kinds = (templateId, media) => ({
  text: { make: (a) => ({ text_message: { text: a } }) },
  'long text': { make: (a, b, c) => ({ text_message: { text: `${a} ${'and on '.repeat(150)}${b} ${'and on '.repeat(150)}${c}` } }) },
  media: { make: () => ({ media_message: { url: sample } }) },
  video: { make: () => ({ media_message: { url: media.video } }) },
  audio: { make: () => ({ media_message: { url: media.audio } }) },
  document: { make: () => ({ media_message: { url: media.document } }) },
  card: {
    make: (a, b, c) => ({ card_message: { title: a, description: b, media_message: { url: sample }, choices: [text(c)] } }),
    taps: (a, b, c) => [[c, data(c)]],
  },
  carousel: {
    make: (a, b, c) => ({ carousel_message: { cards: [
      { title: a, description: 'one', media_message: { url: sample }, choices: [text(c)] },
      { title: b, description: 'two', media_message: { url: sample }, choices: [text(`Pick ${c}`)] },
    ] } }),
    taps: (a, b, c) => [[c, data(c)], [`Pick ${c}`, data(`Pick ${c}`)]],
  },
  choice: {
    make: (a, b, c) => choice(a, text(c), { text_message: { text: b } }),
    taps: (a, b, c) => [[c, data(c)], [b, undefined]],
  },
  'choice of url': {
    make: (a, b) => choice(a, { url_message: { title: b, url: link }, postback_data: data(b) }),
    opens: (a, b) => ({ title: b, data: data(b), address: link, reads: link }),
  },
  'choice of call': {
    make: (a, b) => choice(a, { call_message: { title: b, phone_number: number }, postback_data: data(b) }),
    opens: (a, b) => ({ title: b, data: data(b), address: `tel:${number}`, reads: number }),
  },
  'choice of location': {
    make: (a, b) => choice(a, { location_message: { title: b, label: 'Here', coordinates }, postback_data: data(b) }),
    opens: (a, b) => ({ title: b, data: data(b), address: '55.6104', reads: '55.6104' }),
  },
  'choice of calendar': {
    make: (a, b) => choice(a, { calendar_message: { title: b, ...event, fallback_url: `${link}/calendar` }, postback_data: data(b) }),
    opens: (a, b) => ({ title: b, data: data(b), address: `calendar:20300501T100000Z/20300501T113000Z`, reads: `${link}/calendar` }),
  },
  // WHATSAPP's button that asks for a location has words of its own.
  'choice of share location': {
    make: (a) => choice(a, { share_location_message: { title: 'Where?', fallback_url: `${link}/where` } }),
    opens: () => ({ location: true, reads: `${link}/where` }),
  },
  list: {
    make: (a, b, c) => ({ list_message: { title: a, message_properties: { menu: 'Menu' }, sections: [{ title: 'Section', items: [
      { choice: { title: c, postback_data: data(c) } }, { choice: { title: b } },
    ] }] } }),
    taps: (a, b, c) => [[c, data(c)], [b, undefined]],
  },
  location: { make: (a) => ({ location_message: { title: a, coordinates } }) },
  'contact info': {
    make: (a) => ({ contact_info_message: { name: { full_name: a }, phone_numbers: [{ phone_number: '+15557654321' }] } }),
  },
  template: {
    make: (a) => ({ template_message: { omni_template: { template_id: templateId, version: 'latest', parameters: { words: a } } } }),
  },
});
