#!/usr/bin/env node
// node receiver.js [--port 0] [--speed X] [--token TOKEN] [--rate HZ]
// Listens, plays what comes without a sound (see playout.js), and prints one JSON line for each event.

import { parseArgs } from 'node:util';
import { Receiver } from './lipwire.js';
import { FORMATS, Playout } from './playout.js';
import { listen } from './websocket.js';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, speed: { type: 'string', default: '1' }, token: { type: 'string' }, rate: { type: 'string' } },
});
let sessions = 0;
const server = await listen({ port: Number(values.port) }, (transport) => {
  const session = ++sessions;
  const playout = new Playout(Number(values.speed), (event, facts) => console.log(JSON.stringify({ event, session, ...facts })));
  return playout.attach(new Receiver(transport, {
    demand: 0,
    formats: FORMATS.filter(([, rate]) => !values.rate || rate === Number(values.rate)),
    authorize: (auth) => values.token === undefined || auth === values.token, // a real one compares in constant time
    info: { software: 'lipwire-node-peer' },
    on: playout.callbacks(),
  }));
});
console.log(JSON.stringify({ event: 'listening', url: server.url }));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close().then(() => process.exit(0)));
