// An SMPP client made of node-smpp, driven by JSON lines: each line on stdin
// is a PDU to send ({command, ...fields}), each line on stdout one received.
// Usage: node esme.mjs <directory with node_modules> <port>
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [dir, port] = process.argv.slice(2);
const smpp = createRequire(dir + '/')('smpp');
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` });
let deliverStatuses = []; // what to answer to the next deliver_sm; 0 after that

const say = (v) => process.stdout.write(JSON.stringify(v) + '\n');

session.on('error', (e) => say({ command: 'error', text: String(e) }));
session.on('close', () => {
  say({ command: 'close' });
  process.exit(0);
});
session.on('pdu', (pdu) => {
  const out = { ...pdu };
  const text = pdu.short_message?.message;
  if (Buffer.isBuffer(text)) out.short_message = { hex: text.toString('hex') };
  else if (text !== undefined) out.short_message = { text, udh: pdu.short_message.udh?.map((u) => u.toString('hex')) };
  say(out);
  if (pdu.command === 'deliver_sm') session.send(pdu.response({ command_status: deliverStatuses.shift() ?? 0 }));
  if (pdu.command === 'enquire_link' || pdu.command === 'unbind') session.send(pdu.response());
});
session.on('connect', () => {
  say({ command: 'connect' });
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { command, raw_hex: raw, statuses, ...fields } = JSON.parse(line);
    if (statuses) {
      deliverStatuses = statuses;
      return;
    }
    if (raw) {
      session.socket.write(Buffer.from(raw, 'hex'));
      return;
    }
    for (const name of ['short_message', 'message_payload']) {
      const m = fields[name];
      if (m?.udh) m.udh = Buffer.from(m.udh, 'hex');
      if (m?.hex) fields[name] = Buffer.from(m.hex, 'hex');
    }
    session[command](fields);
  });
});
