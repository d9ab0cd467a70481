// A client whose access token has expired gets another by itself: the server
// must say so in the words that the SDK looks for.
//
// The SDK's first token comes from an authorization server of our own, which
// makes one that expired an hour ago; those that follow are the real ones.

import { createServer } from 'node:http';
import process from 'node:process';
import { SinchClient } from '@sinch/sdk-core';
import { assert, describe, env } from './drive.mjs';

const url = env('PARLEY_URL').replace(/\/$/, '');

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/** The token as it would be after a day: long expired, its key forgotten. */
function aged(token) {
  const [header, claims] = token.split('.').slice(0, 2).map(decode);
  const day = 24 * 3600;
  return [encode({ ...header, kid: 'forgotten' }), encode({ ...claims, iat: claims.iat - day, exp: claims.exp - day }), 'AAAA'].join('.');
}

const given = [];
const authorization = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  const { authorization: credentials, 'content-type': type } = request.headers;
  const answer = await fetch(url + request.url, {
    method: request.method, headers: { authorization: credentials, 'content-type': type }, body: Buffer.concat(chunks),
  });
  const body = await answer.json();
  if (given.length === 0) {
    body.access_token = aged(body.access_token);
  }
  given.push(body.access_token);
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
await new Promise((resolve) => authorization.listen(0, '127.0.0.1', resolve));

function client(keySecret) {
  return new SinchClient({
    projectId: env('PARLEY_PROJECT'),
    keyId: env('PARLEY_KEY_ID'),
    keySecret,
    conversationRegion: 'us',
    conversationHostname: url,
    authHostname: `http://127.0.0.1:${authorization.address().port}`,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  }).conversation;
}

try {
  const api = client(env('PARLEY_KEY_SECRET'));
  assert.ok(Array.isArray((await api.app.list()).apps));
  assert.equal(given.length, 2, 'the SDK asked for a second token');
  await api.app.list();
  assert.equal(given.length, 2, 'and kept that one');
  console.log('ok an expired token is replaced');

  await assert.rejects(() => client('wrong').app.list(), { statusCode: 401 });
  console.log('ok a wrong secret is refused');
} catch (error) {
  console.error(`FAIL ${describe(error)}`);
  process.exitCode = 1;
} finally {
  authorization.closeAllConnections();
  authorization.close();
}
