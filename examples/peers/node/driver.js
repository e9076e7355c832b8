#!/usr/bin/env node
// This peer's driver for the conformance kit: what conformance/DRIVER.md says, over standard input and output.
// lipwire conformance run --driver "node driver.js" --role both --transport websocket

import { createHash, timingSafeEqual } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Misuse, Receiver, Sender } from './lipwire.js';
import { FORMATS } from './playout.js';
import * as repair from './repair.js';
import * as timed from './timed.js';
import { connect, listen } from './websocket.js';
import { checkLimits } from './wire.js';

const LIMITS = ['window', 'message', 'cooldown', 'keepalive', 'segments', 'handshake', 'grace', 'repair_timeout'];
const FEATURES = ['repair', 'pause', 'marks', 'data', 'custom'];
const CAPABILITIES = [
  'sender', 'receiver', 'websocket', ...FEATURES, 'f32le', 'stereo', 'rates', 'token', 'sessions', 'hold', 'reset', 'drop', 'finish',
  'interrupt_one', ...LIMITS.map((name) => `limit.${name}`),
];
const DEFAULT_FORMAT = ['s16le', 24000, 1];
const BY = { us: 'here', them: 'peer', transport: 'transport' };

class Unsupported extends Error {}

const BIG = `big-${crypto.randomUUID()}:`; // JSON.stringify takes no BigInt: what metadata has beyond 2^53
const write = (line) => {
  const text = JSON.stringify(line, (_, v) => (typeof v === 'bigint' ? `${BIG}${v}` : v));
  process.stdout.write(`${text.replace(new RegExp(`"${BIG}(-?\\d+)"`, 'g'), '$1')}\n`);
};

/** What both ends make of the options of `start`. */
function common({ formats = [DEFAULT_FORMAT], features = FEATURES, limits = {}, info }) {
  const { window, message, handshake, grace, repair_timeout, ...rest } = limits; // nothing is concealed, so any repair time-out is kept
  const unknown = Object.keys(limits).find((name) => !LIMITS.includes(name));
  if (unknown) throw new Unsupported(`limit.${unknown}`);
  const strange = features.find((name) => !FEATURES.includes(name));
  if (strange) throw new Unsupported(strange);
  const ours = { ...rest, window: window && window / formats[0][1] }; // in seconds
  checkLimits({ message, ...ours });
  return {
    formats, features, message, handshake, grace, info, repair, timed,
    limits: ours,
  };
}

/** Compares in constant time (LW-OPEN-5). */
function sameToken(given, token) {
  const digest = (text) => createHash('sha256').update(text).digest();
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(token));
}

// ---- a receiver: its consumer takes all as fast as it comes unless it is held, and reports nothing by itself

class ReceiverEnd {
  constructor(options, tell) {
    Object.assign(this, { options, tell, reading: options.reading ?? true, sessions: [] });
  }

  async start() {
    this.server = await listen({}, (transport) => this.accept(transport));
    return { url: this.server.url };
  }

  accept(transport) {
    const { token, sessions = 100, formats = FORMATS } = this.options;
    let session;
    const tell = (event, facts) => this.tell(event, { session, ...facts });
    const receiver = new Receiver(transport, {
      ...common(this.options),
      formats,
      demand: this.reading ? Infinity : 0,
      authorize: (auth) => token === undefined || sameToken(auth, token),
      busy: () => this.sessions.filter(({ state }) => state === 'open').length >= sessions,
      on: {
        open: (format) => {
          session = this.sessions.push(receiver);
          tell('session', { format, features: receiver.features });
        },
        segmentStart: (segment, metadata) => tell('segment_start', { segment, metadata: metadata ?? {} }),
        audio: (segment, position, pcm) => tell('audio', {
          segment, position, samples: pcm.length / receiver.frame,
          sha256: createHash('sha256').update(pcm).digest('hex'), concealed: false,
        }),
        segmentEnd: (segment, total) => tell('segment_end', { segment, total }),
        data: (segment, position, content) => tell('data', { segment, position, content }),
        paused: () => tell('paused'),
        unpaused: () => tell('unpaused'),
        custom: (content) => tell('custom', { content }),
        interrupted: (segment) => tell('interrupted', { segments: [segment] }),
        closed: ({ code, by, reason, opened }) => opened && tell('closed', { code, by: BY[by], reason }),
      },
    });
    return receiver;
  }

  get newest() {
    if (!this.sessions.length) throw new Misuse('there is no session');
    return this.sessions.at(-1);
  }

  stop() { this.server.drop(); }

  hold() {
    this.reading = false;
    for (const receiver of this.sessions) receiver.hold();
  }

  release() {
    this.reading = true;
    for (const receiver of this.sessions) receiver.grant(Infinity);
  }

  stream_started({ segment }) { this.newest.started(segment); }

  played({ segment, position }) { this.newest.played(segment, position); }

  stream_ended({ segments, position, failed }) {
    segments.forEach((segment, i) => this.newest.ended(segment, { position: i === 0 ? position : 0, failed }));
  }

  reset() { this.newest.reset(); }

  custom({ content }) { this.newest.sendCustom(content); }

  close() { this.newest.close(); }
}

// ---- a sender

class SenderEnd {
  constructor(options, tell) { Object.assign(this, { options, tell, segments: new Map() }); }

  start(url) {
    const { tell } = this;
    const make = (transport) => {
      this.transport = transport;
      this.sender = new Sender(transport, {
        ...common(this.options),
        auth: this.options.token,
        on: {
          open: () => tell('opened', { format: this.sender.format, features: this.sender.features, resumed: false }),
          custom: (content) => tell('custom', { content }),
          marked: ({ id }, name) => tell('mark_reached', { segment: id, name }),
          started: ({ id }) => tell('stream_started', { segment: id }),
          ended: ({ id }, { position, exact, interrupted, cause }) =>
            tell('stream_ended', { segment: id, position, exact, interrupted, cause }),
          closed: ({ code, by, reason }) => tell('closed', { code, by: BY[by], reason }),
        },
      });
      return this.sender;
    };
    connect(url, make).catch(() => {}); // told as `closed`
    return {};
  }

  stop() { this.transport.drop(); }

  segment(id) {
    if (!this.segments.has(id)) throw new Misuse(`segment ${id} was not opened`);
    return this.segments.get(id);
  }

  open({ metadata }) {
    const segment = this.sender.segment(metadata);
    this.segments.set(segment.id, segment);
    return { segment: segment.id };
  }

  write({ segment, pcm }) { this.segment(segment).write(Buffer.from(pcm, 'base64')); }

  end({ segment }) { this.segment(segment).end(); }

  interrupt({ segment }) { (segment === null ? this.sender : this.segment(segment)).interrupt(); }

  mark({ segment, position, name }) { this.segment(segment).mark(name, position); }

  data({ segment, position, content }) { this.segment(segment).data(content, position); }

  pause() { this.sender.pause(); }

  unpause() { this.sender.unpause(); }

  custom({ content }) { this.sender.sendCustom(content); }

  drop() { this.transport.drop(); }

  finish() { this.sender.closeWhenHeard(); } // answered at once, though it takes its time

  close() { this.sender.close(); }
}

// ---- commands

let end = null; // the endpoint, one at a time
const COMMANDS = { // of each role; the others are of the driver itself
  receiver: ['hold', 'release', 'stream_started', 'played', 'stream_ended', 'reset', 'custom', 'close'],
  sender: ['open', 'write', 'end', 'interrupt', 'mark', 'data', 'pause', 'unpause', 'custom', 'drop', 'finish', 'close'],
};

function stop() {
  const old = end;
  end = null; // from here on it tells nothing
  old?.stop();
  return {};
}

async function start({ role, transport, version, needs, options, url }) {
  const unknown = [...needs, role, transport].find((name) => !CAPABILITIES.includes(name));
  if (unknown || version !== 1) throw new Unsupported(unknown ?? `version ${version}`);
  common(options); // the options themselves
  stop();
  const made = end = new (role === 'receiver' ? ReceiverEnd : SenderEnd)(options, (event, facts) => {
    if (end === made) write({ event, ...facts });
  });
  return made.start(url);
}

const hello = () => ({
  protocol: 1, name: 'Lipwire Node peer', version: '0.1.0', language: `JavaScript, Node ${process.version}`, capabilities: CAPABILITIES,
});

async function answer(command) {
  const { do: name } = command;
  if (name === 'hello') return hello();
  if (name === 'start') return start(command);
  if (name === 'stop') return stop();
  if (name === 'fence') return {}; // all is told as it happens
  const role = end instanceof ReceiverEnd ? 'receiver' : 'sender';
  if (!COMMANDS[role].includes(name)) throw new Unsupported(name);
  if (!end) throw new Error(`${name} before start`);
  return end[name](command) ?? {};
}

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
for await (const line of lines) {
  const command = JSON.parse(line);
  const { id } = command;
  try {
    write({ id, ok: await answer(command) });
  } catch (error) {
    const how = error instanceof Unsupported ? 'unsupported' : error instanceof Misuse ? 'refused' : 'error';
    write({ id, [how]: how === 'error' ? error.stack : error.message });
  }
}
process.exit();
