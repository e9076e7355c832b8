import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES, Misuse, Receiver, Sender } from '../lipwire.js';
import * as repair from '../repair.js';
import { FORMAT, RATE, SESSION, alone, hello, hex, pattern, receiver, sender, stopTime } from './helpers.js';

test('refusals of the opening', () => {
  const refused = (...message) => { const r = alone(Receiver); r.say(...message); return r.of(3)[0]; };
  assert.deepEqual(refused(1, 'lipwire', [2, 9], 'of a later version')[4], { versions: [1] });
  assert.equal(refused(1, 'lipwire', [2])[1], CODES.unsupported_version);
  assert.equal(refused(1, 'lipwise', [1])[1], CODES.not_lipwire);
  assert.equal(refused(16, 1)[1], CODES.not_lipwire);
  assert.equal(refused(64)[1], CODES.not_lipwire);
  const format = refused(1, 'lipwire', [1], SESSION, 1, [['opus', 48000, 1], ['s16le', 96000, 1]], [], {});
  assert.equal(format[1], CODES.unsupported_format);
  assert.deepEqual(format[4], { formats: [FORMAT] });
  assert.equal(refused(1, 'lipwire', [1], SESSION, 1, [FORMAT], [], { message: 100 })[1], CODES.invalid_field);
  assert.equal(refused(1, 'lipwire', [1], new Uint8Array(15), 1, [FORMAT], [], {})[1], CODES.invalid_field);
  assert.equal(refused(1, 'lipwire', [1], SESSION, 2, [FORMAT], [], {}, null, [new Uint8Array(16), 0])[1], CODES.unknown_session);
  const garbage = alone(Receiver);
  garbage.peer.receive(hex('ff00ff'));
  assert.equal(garbage.code(), CODES.not_lipwire);
  const token = alone(Receiver, { authorize: (auth) => auth === 'yes' });
  token.say(...hello('no'));
  assert.equal(token.code(), CODES.unauthorized);
  const busy = alone(Receiver, { busy: () => true });
  busy.say(...hello());
  assert.deepEqual(busy.of(3)[0].slice(0, 4), [3, CODES.busy, 'busy', 1000]);
});

test('unknown features and limits are ignored, absent limits have their defaults, large ones are capped', (t) => {
  const r = alone(Receiver, { repair });
  t.after(() => r.peer.close());
  r.say(1, 'lipwire', [7, 1], SESSION, 1, [FORMAT], ['grease.1', 'marks', 'later'], { colour: 3 });
  assert.deepEqual(r.out[0][5], []);
  const s = sender(t, {}, {}, { limits: { window: 9e9, keepalive: 1e6, shade: 'x' } });
  assert.equal(s.peer.limits.window, 60 * RATE);
  assert.equal(s.peer.limits.keepalive, 60000);
  assert.equal(s.peer.limits.segments, 64);
});

test('formats of any name are skipped; limits out of bounds are refused to our user; info that is too large is left out', (t) => {
  const r = alone(Receiver, { info: { text: 'x'.repeat(5000) } });
  t.after(() => r.peer.close());
  r.say(1, 'lipwire', [1], SESSION, 1, [['', 24000, 1], ['x'.repeat(200), 24000, 1], FORMAT], [], { message: 4096 });
  assert.deepEqual(r.out[0][4], FORMAT);
  assert.equal(r.out[0].length, 7);
  for (const options of [{ limits: { segments: 3 } }, { limits: { window: 61 } }, { limits: { cooldown: 5001 } }, { message: 4095 }]) {
    assert.throws(() => alone(Receiver, options), Misuse);
  }
});

test('what is opened and written before welcome waits for it', async (t) => {
  const s = alone(Sender);
  t.after(() => s.peer.close());
  const [a, b, c] = [s.peer.segment(), s.peer.segment({ text: 'x'.repeat(9000) }), s.peer.segment()];
  for (const x of [a, c]) { x.write(pattern(x.id, 10)); x.end(); }
  const d = s.peer.segment();
  d.interrupt();
  s.say(28, 1, 0, 0, null, 0, 0); // it may have overtaken welcome
  assert.deepEqual(s.out.map((m) => m[0]), [1]);
  s.say(2, 1, s.out[0][3], 1, FORMAT, [], { message: 8192 });
  assert.deepEqual(s.of(16).map((m) => m[1]), [1, 3]); // the metadata of 2 is larger than the receiver takes
  s.say(29, 1, 10, false, 0);
  assert.deepEqual(await b.ended, { position: 0, interrupted: true, cause: 'refused', exact: true });
  assert.throws(() => s.peer.segment({ text: 'x'.repeat(9000) }), Misuse);
  assert.equal(s.code(), undefined);
});

test('a sender refuses a welcome that chooses what it did not offer', () => {
  for (const change of [[1, 2], [2, new Uint8Array(16)], [3, 2], [4, ['s16le', 16000, 1]], [5, ['marks']], [6, { window: 10 }]]) {
    const s = alone(Sender);
    const welcome = [2, 1, s.out[0][3], 1, FORMAT, [], {}];
    welcome[change[0]] = change[1];
    s.say(...welcome);
    assert.equal(s.code(), CODES.invalid_field, String(change));
  }
});

test('the handshake times out', async (t) => {
  const advance = stopTime(t);
  const r = alone(Receiver, { handshake: 30 }), s = alone(Sender, { handshake: 30 });
  advance(50);
  assert.equal(r.code(), CODES.handshake_timeout);
  assert.equal(s.code(), CODES.handshake_timeout);
  await assert.rejects(s.peer.opened, /handshake_timeout/);
});

test('a broken transport is noticed, a quiet one is pinged', async (t) => {
  const advance = stopTime(t);
  const s = sender(t, {}, {}, { limits: { keepalive: 100 } });
  const segment = s.peer.segment();
  advance(320);
  assert.ok(s.of(4).length >= 3);
  assert.equal(s.peer.closing.name, 'peer_gone');
  assert.deepEqual(await segment.ended, { position: 0, interrupted: true, cause: 'transport lost', exact: false });
});

test('a repeated welcome is ignored, another one is not; an odd close is taken and not answered', (t) => {
  const s = sender(t);
  s.say(2, 1, s.out[0][3], 1, FORMAT, [], {});
  assert.equal(s.code(), undefined);
  const other = sender(t);
  other.say(2, 1, other.out[0][3], 1, FORMAT, [], { window: 9600 });
  assert.equal(other.code(), CODES.out_of_state);
  s.say(3, 37, 'late\n', 'soon', 7);
  assert.deepEqual([s.peer.closing.code, s.peer.closing.reason, s.peer.closing.retry, s.peer.closing.details], [37, 'late\\u000a', null, null]);
  const r = receiver(t);
  r.say(3, 'x');
  assert.equal(r.peer.closing.code, CODES.internal_error);
  for (const details of [[], 1, new Uint8Array(1), { a: 'x'.repeat(16384) }]) {
    const odd = receiver(t);
    odd.say(3, 1, 'bye', 1.5, details);
    assert.deepEqual([odd.peer.closing.code, odd.peer.closing.retry, odd.peer.closing.details, odd.code()], [1, null, null, undefined]);
  }
  assert.equal(s.code() ?? r.code(), undefined);
});
