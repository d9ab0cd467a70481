// A mail server made of nodemailer's smtp-server, for the tests of channel
// EMAIL: node mailserver.mjs tls|starttls|plain METHOD[,METHOD] CERT KEY
//
// It listens on a free port of 127.0.0.1 and writes what happens as JSON lines
// to stdout: the port it listens on, then each letter it takes. It ends when
// stdin does.
import { readFileSync } from 'node:fs';
import { SMTPServer } from 'smtp-server';

const [, , mode, methods, cert, key] = process.argv;
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const server = new SMTPServer({
  secure: mode === 'tls',
  cert: readFileSync(cert),
  key: readFileSync(key),
  authMethods: methods.split(','),
  allowInsecureAuth: false,
  disabledCommands: mode === 'plain' ? ['STARTTLS', 'AUTH'] : [],
  onAuth: ({ method, username, password, validatePassword }, session, done) => {
    const good = username === 'shop' && (password === undefined ? validatePassword('mail-password-of-the-test') :
      password === 'mail-password-of-the-test');
    say({ event: 'auth', method, good });
    done(good ? null : new Error('Invalid username or password'), good ? { user: username } : undefined);
  },
  onRcptTo: ({ address }, session, done) => {
    const refused = { full: 452, gone: 550 }[address.split('@')[0]];
    done(refused ? Object.assign(new Error('Not here'), { responseCode: refused }) : null);
  },
  onData: (stream, session, done) => {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      say({
        event: 'letter',
        secure: session.secure,
        user: session.user,
        from: session.envelope.mailFrom.address,
        dsn: session.envelope.rcptTo[0].dsn?.notify,
        to: session.envelope.rcptTo.map(({ address }) => address),
        raw: Buffer.concat(chunks).toString('utf8'),
      });
      done(null, 'OK');
    });
  },
});
server.on('error', (error) => say({ event: 'error', error: String(error) }));
server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.server.address().port }));
process.stdin.resume().on('end', () => process.exit());
