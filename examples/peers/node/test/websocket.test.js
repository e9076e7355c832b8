import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { CODES, Receiver, Sender } from '../lipwire.js';
import { Playout } from '../playout.js';
import { connect, listen } from '../websocket.js';
import { FORMAT, bytesOf, pattern, unpack, until } from './helpers.js';

// ---- over ws

async function session(t, senderOptions = {}, receiverOptions = {}, speed = 0) {
  const log = [];
  let r;
  const server = await listen({}, (transport) => {
    const playout = new Playout(speed, (event, more) => log.push({ event, ...more }));
    r = playout.attach(new Receiver(transport, { demand: 0, on: playout.callbacks(), ...receiverOptions }));
    log.printed = () => playout.printed;
    return r;
  });
  t.after(() => server.close());
  const s = await connect(server.url, (transport) => new Sender(transport, senderOptions));
  await s.opened;
  t.after(() => s.close());
  return { s, log, server, r: () => r, all: (event) => log.filter((e) => e.event === event) };
}
const sha = (samples) => createHash('sha256').update(bytesOf(samples)).digest('hex');

test('ws: several segments, one of them empty, unaltered', async (t) => {
  const { s, log, all } = await session(t);
  const lengths = [30000, 0, 1, 100000];
  const segments = lengths.map((n, i) => {
    const segment = s.segment({ n });
    segment.write(pattern(i + 1, n));
    segment.end();
    return segment;
  });
  const results = await Promise.all(segments.map((x) => x.ended));
  assert.deepEqual(results.map((x) => [x.position, x.interrupted, x.cause]), lengths.map((n) => [n, false, 'played']));
  await log.printed();
  assert.deepEqual(all('segment_end').map((e) => [e.samples, e.sha256]), lengths.map((n, i) => [n, sha(pattern(i + 1, n))]));
  s.close();
  await until(() => all('closed').length);
  assert.equal(all('closed')[0].code, 0);
});

test('ws: an interrupt in the middle, then a new segment; positions agree', async (t) => {
  const { s, log, all } = await session(t, {}, {}, 1);
  const a = s.segment(), b = s.segment();
  a.write(pattern(1, 480000)); a.end();
  b.write(pattern(2, 48000)); b.end();
  await until(() => a.played > 0);
  s.interrupt();
  const c = s.segment();
  c.write(pattern(3, 4800)); c.end();
  const [ra, rb, rc] = await Promise.all([a.ended, b.ended, c.ended]);
  assert.ok(ra.position > 0 && ra.position < 480000 && ra.interrupted && ra.cause === 'interrupted', JSON.stringify(ra));
  await log.printed();
  assert.equal(all('interrupted')[0].heard, ra.position);
  assert.deepEqual([rb.position, rb.interrupted], [0, true]);
  assert.deepEqual([rc.position, rc.cause], [4800, 'played']);
  const cut = all('interrupted')[0];
  assert.equal(cut.sha256, sha(pattern(1, cut.samples)));
});

test('ws: the receiver closes, the sender ends what it has', async (t) => {
  const { s, r } = await session(t, {}, {}, 1);
  const a = s.segment();
  a.write(pattern(1, 48000));
  await until(() => a.received > 0);
  r().close(CODES.going_away, 'restart\n', 100);
  assert.equal((await a.ended).cause, 'peer closed');
  const { code, reason, retry, by } = await s.closed;
  assert.deepEqual([code, reason, retry, by], [1, 'restart\\u000a', 100, 'them']);
});

test('ws: wrong format, wrong subprotocol, foreign origin, garbage', async (t) => {
  const { server } = await session(t);
  const s = await connect(server.url, (transport) => new Sender(transport, { formats: [['s16le', 44100, 2]] }));
  await assert.rejects(s.opened, /unsupported_format/);
  assert.deepEqual(s.closing.details.formats, [FORMAT]);
  const status = (...args) => new Promise((resolve) => {
    new WebSocket(server.url, ...args).on('unexpected-response', (_, response) => resolve(response.statusCode)).on('error', () => {});
  });
  assert.equal(await status(), 400);
  assert.equal(await status('chat'), 400);
  assert.equal(await status('lipwire.1', { origin: 'https://example.com' }), 403);
  const raw = new WebSocket(server.url, 'lipwire.1');
  await new Promise((resolve) => raw.once('open', resolve));
  raw.send('{"hello":1}');
  const [bytes] = await new Promise((resolve) => raw.once('message', (...args) => resolve(args)));
  assert.equal(unpack(bytes)[1], CODES.not_lipwire);
  assert.equal(await new Promise((resolve) => raw.once('close', resolve)), 1000);
});

test('ws: the roles the other way round: the sender listens', async (t) => {
  let s;
  const server = await listen({}, (transport) => (s = new Sender(transport)));
  t.after(() => server.close());
  const r = await connect(server.url, (transport) => new Receiver(transport, {
    on: { segmentEnd: (id, total) => r.ended(id, { position: total }) },
  }));
  await s.opened;
  const a = s.segment();
  a.write(pattern(1, 480)); a.end();
  assert.equal((await a.ended).position, 480);
});

test('the command line tools', async (t) => {
  const here = new URL('..', import.meta.url).pathname;
  const child = spawn(process.execPath, ['receiver.js', '--speed', '0'], { cwd: here });
  t.after(() => child.kill());
  const { url } = JSON.parse(String(await new Promise((resolve) => child.stdout.once('data', resolve))));
  let log = '';
  child.stdout.on('data', (data) => { log += data; });
  const run = (...args) => new Promise((resolve) => {
    execFile(process.execPath, ['sender.js', ...args], { cwd: here }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, events: stdout.trim().split('\n').map((line) => JSON.parse(line)) }));
  });
  const { code, events } = await run(url, '--steps', '[{"samples":12000},{"samples":48000,"interruptAt":1000,"end":false},{"samples":500}]');
  assert.equal(code, 0);
  assert.deepEqual(events.filter((e) => e.event === 'ended').map((e) => e.cause), ['played', 'interrupted', 'played']);
  assert.ok(log.includes(sha(pattern(1, 12000))));
  const wrong = await run('ws://127.0.0.1:1');
  assert.equal(wrong.code, 1);
  assert.equal(wrong.events.at(-1).event, 'error');
  const refused = await run(url, '--version', '2');
  assert.equal(refused.code, 1);
  assert.deepEqual(refused.events[0].details, { versions: [1] });
});
