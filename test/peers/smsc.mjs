// An SMSC made of node-smpp, for the tests of the SMPP client.
//
// It listens on a free port of 127.0.0.1, writes what happens as JSON lines to
// stdout and takes orders as JSON lines from stdin:
//
//	{"do":"hold"}                      answer no more submit_sm
//	{"do":"refuse","status":88}        answer submit_sm with this status
//	{"do":"accept"}                    answer submit_sm with an id again
//	{"do":"deliver","pdu":{...}}       send a deliver_sm with these fields
//	{"do":"enquire"}                   send an enquire_link
//	{"do":"cut"}                       drop the connections without a word
//
// It ends when stdin does.
import { createInterface } from 'node:readline';
import smpp from 'smpp';

const say = (event, detail = {}) => process.stdout.write(`${JSON.stringify({ event, ...detail })}\n`);

let mode = { do: 'accept' };
let count = 0;
const receivers = new Set();
const sockets = new Set();

const server = smpp.createServer({}, (session) => {
  sockets.add(session.socket);
  session.on('close', () => {
    receivers.delete(session);
    sockets.delete(session.socket);
    say('closed');
  });
  session.on('error', (error) => say('error', { error: String(error) }));

  for (const kind of ['transceiver', 'transmitter', 'receiver']) {
    session.on(`bind_${kind}`, (pdu) => {
      if (pdu.password !== 'secret') {
        session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
        return;
      }
      if (kind !== 'transmitter') receivers.add(session);
      session.send(pdu.response({ system_id: 'node-smpp' }));
      say('bound', { kind, system_id: pdu.system_id, version: pdu.interface_version });
    });
  }
  session.on('submit_sm', (pdu) => {
    const { message, udh } = pdu.short_message;
    say('submit', {
      source: [pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr],
      dest: [pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr],
      esm_class: pdu.esm_class,
      data_coding: pdu.data_coding,
      registered_delivery: pdu.registered_delivery,
      validity_period: String(pdu.validity_period ?? ''),
      text: String(pdu.message_payload?.message ?? message ?? ''),
      udh: (udh ?? []).map((element) => element.toString('hex')),
      sar: [pdu.sar_msg_ref_num ?? 0, pdu.sar_total_segments ?? 0, pdu.sar_segment_seqnum ?? 0],
    });
    if (mode.do === 'hold') return;
    if (mode.do === 'refuse') {
      session.send(pdu.response({ command_status: mode.status }));
      return;
    }
    session.send(pdu.response({ message_id: `m${++count}` }));
  });
  session.on('enquire_link', (pdu) => {
    session.send(pdu.response());
    say('enquired');
  });
  session.on('unbind', (pdu) => {
    say('unbound');
    session.send(pdu.response(), () => session.close());
  });
});

const orders = {
  hold: (order) => { mode = order; },
  refuse: (order) => { mode = order; },
  accept: (order) => { mode = order; },
  deliver: ({ pdu }) => {
    const [session] = receivers;
    const fields = { ...pdu };
    if (fields.hex) fields.short_message = Buffer.from(fields.hex, 'hex');
    delete fields.hex;
    session.deliver_sm(fields, (answer) => say('delivered', { status: answer.command_status }));
  },
  enquire: () => {
    const [session] = receivers;
    session.enquire_link((answer) => say('enquire_answered', { status: answer.command_status }));
  },
  cut: () => sockets.forEach((socket) => socket.destroy()),
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line);
    orders[order.do](order);
  })
  .on('close', () => process.exit(0));

server.listen(0, '127.0.0.1', () => say('listening', { port: server.address().port }));
