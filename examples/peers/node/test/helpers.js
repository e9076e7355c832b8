// What the tests share: a peer without a network, and raw messages.

import { decode as unpack, encode as pack } from '@msgpack/msgpack';
import { Receiver, Sender } from '../lipwire.js';
import { pattern } from '../speak.js';

export { pack, pattern, unpack };
export const RATE = 24000;
export const FORMAT = ['s16le', RATE, 1];
export const SESSION = new Uint8Array(16).fill(0x5f);
export const bytesOf = (samples) => new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
export const hex = (text) => Uint8Array.from(text.replace(/\s/g, '').match(/../g) ?? [], (h) => parseInt(h, 16));
export const pcm = (n) => new Uint8Array(2 * n);

/** A peer without a network: what it sends is in .out, unpacked. */
export function alone(Role, options = {}, link = {}) {
  const out = [], events = [];
  const transport = {
    twoChannels: false, mediaLossy: false, ...link,
    send: (channel, bytes) => out.push(Object.assign(unpack(bytes), { channel })),
    close: () => events.push(['transport closed']),
  };
  const names = [
    'open', 'segmentStart', 'audio', 'segmentEnd', 'data', 'paused', 'unpaused', 'custom', 'interrupted', 'closed', 'started', 'marked', 'ended',
  ];
  const on = Object.fromEntries(names.map((n) => [n, (...args) => events.push([n, ...args])]));
  const peer = new Role(transport, { ...options, on });
  peer.start();
  const say = (...message) => peer.receive(pack(message));
  const of = (type) => out.filter((m) => m[0] === type);
  return { peer, out, events, say, of, last: (type) => of(type).at(-1), code: () => of(3)[0]?.[1], heard: (n) => events.filter((e) => e[0] === n) };
}
export const hello = (...rest) => [1, 'lipwire', [1], SESSION, 1, [FORMAT], [], {}, ...rest];
export function receiver(t, options, link, features = []) {
  const r = alone(Receiver, options, link);
  t.after(() => r.peer.close());
  r.say(1, 'lipwire', [1], SESSION, 1, [FORMAT], features, {});
  return r;
}
export function sender(t, options, link, { limits = {}, features = [] } = {}) {
  const s = alone(Sender, options, link);
  t.after(() => s.peer.close());
  const h = s.out[0];
  s.say(2, 1, h[3], h[4], FORMAT, features, limits);
  return s;
}


/** Time that moves only when it is told to: gives advance(ms). To be called before a peer is made. */
export function stopTime(t) {
  let time = 1000;
  t.mock.timers.enable({ apis: ['setInterval'] });
  t.mock.method(performance, 'now', () => time);
  return (ms) => {
    for (const end = time + ms; time < end;) {
      time += 1;
      t.mock.timers.tick(1);
    }
  };
}

/** Waits, in real time, until something holds; as long as it takes. */
export async function until(holds) {
  while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 5); });
}
