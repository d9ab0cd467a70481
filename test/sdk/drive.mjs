// Drives a running Parley with the official Node SDK, unmodified: only its
// host names are set. Scripts beside this file import it; by hand it makes one
// SDK call or prints verified callbacks:
//
//   node drive.mjs app.list
//   node drive.mjs contact.get '{"contact_id": "01..."}'
//   node drive.mjs listen SECRET
//
// The server is named by PARLEY_URL, PARLEY_PROJECT, PARLEY_KEY_ID and
// PARLEY_KEY_SECRET, the simulator by PARLEY_SIMULATOR_URL.

import { strict as assert } from 'node:assert';
import { createServer } from 'node:http';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ConversationCallbackWebhooks, SinchClient } from '@sinch/sdk-core';

export { assert };

// How long a callback or a change of state may take, in milliseconds. Far
// longer than it does: it is reached only when something is broken.
const patience = 15_000;

// The SDK accepts a callback of any age; a signature over an old timestamp is
// still a mistake of the sender. In seconds.
const maxClockSkew = 300;

/** Returns an environment variable, which must be set. */
export function env(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set`);
  }
  return value;
}

/** Returns the SDK's client for the server under test. */
export function client() {
  const url = env('PARLEY_URL').replace(/\/$/, '');
  return new SinchClient({
    projectId: env('PARLEY_PROJECT'),
    keyId: env('PARLEY_KEY_ID'),
    keySecret: env('PARLEY_KEY_SECRET'),
    conversationRegion: 'us',
    conversationHostname: url,
    conversationTemplatesHostname: url,
    authHostname: url,
    // Left out: debug, which reports every refusal, and some are asked for.
    logger: { debug() {}, info: console.error, warn: console.error, error: console.error },
  });
}

/**
 * Starts a webhook target on loopback. Each callback is checked and parsed by
 * the SDK's own functions; one that is not genuine fails the next wait.
 */
export async function listener(secret, onCallback = () => {}) {
  const hook = new Listener(secret, onCallback);
  await hook.start();
  return hook;
}

class Listener {
  #webhooks;
  #secret;
  #onCallback;
  #server;
  #arrived = []; // callbacks that no wait has taken yet
  #waiting = []; // { take, reject } of each wait under way
  #nonces = new Set();
  #failure = null;

  constructor(secret, onCallback) {
    this.#secret = secret;
    this.#webhooks = new ConversationCallbackWebhooks(secret);
    this.#onCallback = onCallback;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  async start() {
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.url = `http://127.0.0.1:${this.#server.address().port}/callbacks`;
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /**
   * Takes the first callback that satisfies the predicate, among those that
   * came already and those that come within the time (milliseconds). The
   * predicate is given the parsed callback, whose trigger the SDK has added.
   */
  next(predicate, ms = patience) {
    if (this.#failure) {
      return Promise.reject(this.#failure);
    }
    const index = this.#arrived.findIndex((callback) => predicate(callback.event));
    if (index >= 0) {
      return Promise.resolve(this.#arrived.splice(index, 1)[0]);
    }
    return new Promise((resolve, reject) => {
      const wait = {};
      const settle = (done, value) => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((other) => other !== wait);
        done(value);
      };
      const timer = setTimeout(() => settle(reject, new Error(
        `no callback satisfied ${predicate} within ${ms} ms; not taken: ${this.#describe()}`)), ms);
      wait.take = (callback) => {
        if (!predicate(callback.event)) {
          return false;
        }
        settle(resolve, callback);
        return true;
      };
      wait.reject = (error) => settle(reject, error);
      this.#waiting.push(wait);
    });
  }

  /** Takes the next callback of a trigger; the test sees its payload. */
  async expect(trigger, test = () => true, ms = patience) {
    const matches = (event) => event.trigger === trigger && test(payload(event));
    matches.toString = () => `${trigger} with ${test}`;
    return (await this.next(matches, ms)).event;
  }

  /** Takes all that have come and satisfy the predicate, and waits for none. */
  take(predicate) {
    const taken = this.#arrived.filter((callback) => predicate(callback.event));
    this.#arrived = this.#arrived.filter((callback) => !taken.includes(callback));
    return taken;
  }

  /** Fails if a callback that satisfies the predicate has come and was not taken. */
  refute(predicate) {
    const callback = this.#arrived.find((one) => predicate(one.event));
    assert.equal(callback, undefined, `unexpected callback: ${callback?.raw}`);
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const raw = Buffer.concat(chunks).toString('utf8');
    try {
      const callback = this.#verify(request, raw);
      response.writeHead(200).end();
      this.#onCallback(callback);
      if (!this.#waiting.some((wait) => wait.take(callback))) {
        this.#arrived.push(callback);
      }
    } catch (error) {
      response.writeHead(401).end();
      this.#failure = new Error(`callback refused: ${error.message}; headers ${JSON.stringify(request.headers)}; body ${raw}`);
      for (const wait of [...this.#waiting]) {
        wait.reject(this.#failure);
      }
    }
  }

  #verify({ method, headers }, raw) {
    assert.equal(method, 'POST');
    assert.match(headers['content-type'] ?? '', /^application\/json/);
    if (this.#secret) {
      assert.ok(this.#webhooks.validateAuthenticationHeader(headers, raw), 'signature of the bytes sent');
      // Receivers that parse first hand the SDK an object, which it writes as
      // JSON again: that must give the same bytes.
      assert.ok(this.#webhooks.validateAuthenticationHeader(headers, JSON.parse(raw)), 'signature of the body parsed and written again');
      this.#verifyOtherHeaders(headers);
    }
    return { headers, raw, event: this.#webhooks.parseEvent(JSON.parse(raw)) };
  }

  #verifyOtherHeaders(headers) {
    assert.equal(headers['x-sinch-webhook-signature-algorithm'], 'HmacSHA256');
    const nonce = headers['x-sinch-webhook-signature-nonce'];
    assert.ok(!this.#nonces.has(nonce), `nonce ${nonce} used twice`);
    this.#nonces.add(nonce);
    const age = Date.now() / 1000 - Number(headers['x-sinch-webhook-signature-timestamp']);
    assert.ok(Math.abs(age) < maxClockSkew, `timestamp is ${age} s old`);
  }

  #describe() {
    return this.#arrived.map((callback) => `\n  ${callback.event.trigger} ${callback.raw}`).join('') || 'none';
  }
}

const envelope = new Set([
  'app_id', 'accepted_time', 'event_time', 'project_id', 'message_metadata', 'correlation_id', 'trigger',
]);

/** Returns what a parsed callback carries: the one member that is not envelope. */
export function payload(event) {
  const keys = Object.keys(event).filter((key) => !envelope.has(key));
  assert.equal(keys.length, 1, `a callback has exactly one payload, this one has: ${keys}`);
  return event[keys[0]];
}

/** Calls the simulator's own API. */
export async function simulator(method, path, body) {
  const response = await fetch(`${env('PARLEY_SIMULATOR_URL').replace(/\/$/, '')}/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const answer = await response.text();
  assert.ok(response.ok, `${method} /${path}: ${response.status} ${answer}`);
  return answer && JSON.parse(answer);
}

/**
 * Tells the simulated provider where an app's webhooks go, as one does in the
 * provider's own console. TELEGRAM is told by the server, and an SMS centre
 * answers on its session.
 */
export async function pointProvider(appId, { channel, provider, static_bearer: bearer, callback_secret: secret, provider_settings: settings }) {
  const webhook = `${env('PARLEY_URL').replace(/\/$/, '')}/channels/${channel.toLowerCase()}/${appId}`;
  if (channel === 'WHATSAPP') {
    await simulator('PUT', `accounts/whatsapp/${bearer.claimed_identity}`, {
      token: bearer.token,
      app_secret: settings.app_secret,
      verify_token: settings.verify_token,
      webhook_url: webhook,
    });
  } else if (channel === 'SMS' && provider !== 'smpp') {
    await simulator('PUT', `accounts/sms-sinch/${bearer.claimed_identity}`, {
      token: bearer.token,
      callback_url: webhook,
      callback_secret: secret,
      default_originator: settings.default_sender,
    });
  }
}

/** A simulated phone, worked through the simulator's HTTP API. */
export class Handset {
  #path;

  constructor(channel, identity) {
    this.#path = `handsets/${channel}/${encodeURIComponent(identity)}`;
  }

  /** Returns the message with this text once the phone shows it. */
  shows(text) {
    const query = new URLSearchParams({ text, timeout: `${patience}ms` });
    return simulator('GET', `${this.#path}/wait?${query}`);
  }

  /** Answers whoever wrote to this phone last. */
  reply(text) {
    return simulator('POST', `${this.#path}/reply`, { text });
  }
}

/** Calls probe until it returns something true, which it returns. */
export async function eventually(probe, ms = patience) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) {
      return found;
    }
    assert.ok(Date.now() < deadline, `${probe} was not true within ${ms} ms`);
    await sleep(50);
  }
}

/**
 * Fails unless the SDK call is refused with the HTTP status, in the API's own
 * error shape, and with the broken field named, if there is one.
 */
export async function refused(call, status, field) {
  await assert.rejects(call, (error) => {
    assert.equal(error.statusCode, status, describe(error));
    const { error: body } = JSON.parse(error.data);
    assert.equal(body.code, status);
    assert.equal(body.status, { 400: 'INVALID_ARGUMENT', 404: 'NOT_FOUND', 501: 'UNIMPLEMENTED' }[status] ?? body.status);
    assert.ok(body.message, 'the error has a message');
    assert.deepEqual(body.details.flatMap((detail) => detail.field_violations.map((violation) => violation.field)),
      field ? [field] : [], describe(error));
    return true;
  });
}

/** Says all there is to know of an error, the SDK's answer body included. */
export function describe(error) {
  const data = error.data === undefined ? '' : `\n${error.data}`;
  return `${error.stack ?? error}${data}`;
}

async function main([command, argument = '{}']) {
  if (command === 'listen') {
    const hook = await listener(argument, ({ event }) => console.log(JSON.stringify(event)));
    console.error(`listening on ${hook.url}`);
    return;
  }
  const [service, method] = (command ?? '').split('.');
  const api = client().conversation[service];
  assert.ok(typeof api?.[method] === 'function', 'usage: drive.mjs SERVICE.METHOD [JSON] | listen SECRET');
  const answer = await api[method](JSON.parse(argument));
  console.log(JSON.stringify(answer));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(describe(error));
    process.exitCode = 1;
  });
}
