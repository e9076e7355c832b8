#!/usr/bin/env node
// node sender.js ws://127.0.0.1:PORT [--wav FILE | --steps JSON] [--rate HZ] [--token TOKEN] [--version N]
// Says segments (see speak.js for the steps) and prints one JSON line for each event.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Sender } from './lipwire.js';
import { speak } from './speak.js';
import { connect } from './websocket.js';

const print = (event, facts = {}) => console.log(JSON.stringify({ event, ...facts }));

/** A WAV file of 16-bit PCM, mono or stereo. */
function readWav(file) {
  const b = readFileSync(file);
  let format, data;
  if (b.toString('latin1', 0, 4) !== 'RIFF' || b.toString('latin1', 8, 12) !== 'WAVE') throw new Error('not a WAV file');
  for (let at = 12; at + 8 <= b.length;) {
    const id = b.toString('latin1', at, at + 4), size = b.readUInt32LE(at + 4), body = b.subarray(at + 8, at + 8 + size);
    if (id === 'fmt ') format = { kind: body.readUInt16LE(0), channels: body.readUInt16LE(2), rate: body.readUInt32LE(4), bits: body.readUInt16LE(14) };
    if (id === 'data') data = body;
    at += 8 + size + (size & 1);
  }
  if (!format || !data || format.bits !== 16 || ![1, 0xfffe].includes(format.kind)) throw new Error('only 16-bit PCM');
  const bytes = data.length - (data.length % (2 * format.channels));
  return { ...format, samples: new Int16Array(data.buffer.slice(data.byteOffset, data.byteOffset + bytes)) };
}

async function main() {
  const { values, positionals: [url] } = parseArgs({
    allowPositionals: true,
    options: {
      wav: { type: 'string' }, steps: { type: 'string', default: '[{"samples":48000}]' }, rate: { type: 'string', default: '24000' },
      token: { type: 'string' }, version: { type: 'string', default: '1' },
    },
  });
  if (!url) throw new Error('usage: node sender.js ws://127.0.0.1:PORT [--wav FILE | --steps JSON] [--rate HZ] [--token TOKEN] [--version N]');
  const wav = values.wav ? readWav(values.wav) : { rate: Number(values.rate), channels: 1 };
  const steps = values.wav ? [{ samples: wav.samples }] : JSON.parse(values.steps);

  const sender = await connect(url, (transport) => new Sender(transport, {
    formats: [['s16le', wav.rate, wav.channels]],
    versions: [Number(values.version)],
    auth: values.token,
    info: { software: 'lipwire-node-peer' },
    on: {
      started: (s) => print('started', { segment: s.id }),
      closed: ({ code, name, reason, by, details }) => print('closed', { code, name, reason, by, details }),
    },
  }));
  await sender.opened;
  print('open', { format: sender.format, window: sender.limits.window });
  const results = await speak(sender, steps);
  for (const result of results) print('ended', result);
  sender.close();
  const { code } = await sender.closed;
  if (code !== 0 || results.some((r) => !['played', 'interrupted'].includes(r.cause))) process.exitCode = 1;
}

main().catch((error) => {
  if (!error.how) print('error', { message: error.message }); // a close was printed already
  process.exitCode = 1;
});
