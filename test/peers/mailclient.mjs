// Sends letters with nodemailer to an SMTP server, for the tests of channel
// EMAIL: node mailclient.mjs smtp|lmtp PORT [CA]. With a CA it insists on
// STARTTLS. It prints the answer to each letter as a JSON line.
import { readFileSync } from 'node:fs';
import nodemailer from 'nodemailer';

const [, , protocol, port, ca] = process.argv;
const transport = nodemailer.createTransport({
  host: '127.0.0.1',
  port: Number(port),
  lmtp: protocol === 'lmtp',
  requireTLS: Boolean(ca),
  ignoreTLS: !ca,
  tls: ca ? { ca: readFileSync(ca), servername: 'localhost' } : undefined,
});

const ada = 'Ada Lovelace <ada@phone.example>';
const shop = 'shop@example.com';
const letters = [
  { from: ada, to: shop, subject: 'Grüße', text: 'Wörter & „Zeichen“\n.\n..Punkte\n' },
  { from: ada, to: shop, subject: 'Page', html: '<p>Two <b>tulips</b>,</p><p>please.</p>' },
  {
    from: ada, to: shop, subject: 'Files', text: 'Two files', html: '<p>Two files</p><img src="cid:tulip">',
    attachments: [
      { filename: 'tülp.png', content: Buffer.from('iVBORw0KGgo=', 'base64'), cid: 'tulip' },
      { filename: 'bill.pdf', content: '%PDF-1.7' },
    ],
  },
  { from: ada, to: shop, subject: 'Re: Hello', text: 'Tea\n\nOn Monday 10:00 shop@example.com wrote:\n> Hello\n', inReplyTo: '<01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1@example.com>' },
  { from: ada, to: 'nobody@example.com', text: 'Is anybody there?' },
  { from: ada, to: shop, text: 'I am away', headers: { 'Auto-Submitted': 'auto-replied' } },
  { from: ada, to: shop, text: 'Large', attachments: [{ filename: 'large', content: Buffer.alloc(16 << 20) }] },
];
for (const letter of letters) {
  try {
    const { response, accepted } = await transport.sendMail(letter);
    console.log(JSON.stringify({ code: Number(response.slice(0, 3)), accepted: accepted.length }));
  } catch (error) {
    console.log(JSON.stringify({ code: error.responseCode ?? error.errors?.[0]?.responseCode ?? 0, error: error.message }));
  }
}
transport.close();
