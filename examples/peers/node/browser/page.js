// The page: either role, as its address says: ?role=sender|receiver&url=…&token=…&steps=JSON&speed=X
// Each event is shown, and given to report(event, facts) where whoever drives the browser has defined it.

import { Receiver, Sender } from '../lipwire.js';
import { FORMATS, Playout } from '../playout.js';
import * as repair from '../repair.js';
import { speak } from '../speak.js';
import { connect } from './webrtc.js';

const given = Object.fromEntries(new URLSearchParams(location.search));
const info = { software: 'lipwire-node-peer', agent: navigator.userAgent };

async function print(event, facts = {}) {
  document.querySelector('pre').append(`${event} ${JSON.stringify(facts)}\n`);
  await globalThis.report?.(event, facts);
}

async function send() {
  const sender = await connect(given.url, (transport) => new Sender(transport, {
    repair,
    info,
    auth: given.auth,
    on: { started: (s) => print('started', { segment: s.id }) },
  }), given);
  const closed = sender.closed.then(({ code, name, reason, by, details }) => print('closed', { code, name, reason, by, details }));
  await sender.opened.catch(() => {}); // then it is closed
  if (sender.state === 'open') {
    await print('open', { format: sender.format, window: sender.limits.window });
    for (const result of await speak(sender, JSON.parse(given.steps ?? '[{"samples":48000}]'))) await print('ended', result);
    sender.close();
  }
  await closed;
}

async function receive() {
  const playout = new Playout(Number(given.speed ?? 1), print);
  const receiver = await connect(given.url, (transport) => playout.attach(new Receiver(transport, {
    repair,
    info,
    demand: 0,
    formats: FORMATS,
    authorize: (auth) => given.auth === undefined || auth === given.auth,
    on: playout.callbacks(),
  })), given);
  await receiver.closed;
  await playout.printed;
}

try {
  await (given.role === 'receiver' ? receive() : send());
} catch (error) {
  await print('error', { message: error.message });
}
await print('done');
