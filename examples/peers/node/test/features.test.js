import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES, Misuse } from '../lipwire.js';
import * as timed from '../timed.js';
import { alone, bytesOf, pattern, pcm, receiver, sender, stopTime } from './helpers.js';

const FEATURES = ['pause', 'custom', 'marks', 'data'];
const both = (t, options = {}) => [
  sender(t, { timed, features: FEATURES, ...options }, {}, { features: FEATURES }),
  receiver(t, { timed, features: FEATURES, ...options }, {}, FEATURES),
];

test('features are offered and chosen as they are named; what was not agreed on is refused both ways', (t) => {
  const [s, r] = both(t);
  assert.deepEqual(s.out[0][6].slice(0, -1), FEATURES);
  assert.deepEqual(r.out[0][5], FEATURES);
  const plain = sender(t, { timed, features: FEATURES });
  const segment = plain.peer.segment();
  for (const ask of [() => plain.peer.pause(), () => plain.peer.sendCustom({}), () => segment.mark('x', 0), () => segment.data({}, 0)]) {
    assert.throws(ask, Misuse);
  }
  for (const message of [[22], [23], [24, 1, 0, 'x'], [26, 1, 0, {}], [31, {}]]) {
    const other = receiver(t, { timed, features: FEATURES });
    other.say(16, 1);
    other.say(...message);
    assert.equal(other.code(), CODES.out_of_state);
  }
  assert.equal(plain.code(), undefined);
});

test('custom: both ways', (t) => {
  for (const peer of both(t)) {
    peer.say(31, { 'com.example.a': 1 });
    assert.deepEqual(peer.heard('custom').map(([, content]) => ({ ...content })), [{ 'com.example.a': 1 }]);
    peer.peer.sendCustom({ 'com.example.b': [2] });
    assert.deepEqual(peer.last(31).slice(), [31, { 'com.example.b': [2] }]);
    assert.throws(() => peer.peer.sendCustom({ text: 'x'.repeat(16384) }), Misuse);
    assert.throws(() => peer.peer.sendCustom([]), Misuse);
  }
});

test('pause: a receiver holds back samples and ends, and goes on receiving', (t) => {
  const advance = stopTime(t);
  const [, r] = both(t);
  r.say(23); // not paused
  r.say(16, 1); r.say(17, 1, 0, 0, pcm(10));
  r.say(22); r.say(22);
  r.say(17, 1, 10, 0, pcm(10)); r.say(19, 1, 20);
  advance(20);
  assert.deepEqual(r.last(28).slice(1, 4), [1, 20, 10]);
  assert.equal(r.heard('audio').length, 1);
  r.say(23);
  assert.deepEqual(r.heard('audio').map((e) => e[2]), [0, 10]);
  assert.equal(r.heard('segmentEnd').length, 1);
  assert.deepEqual([r.heard('paused').length, r.heard('unpaused').length], [1, 1]);
});

test('pause: a sender does not give up meanwhile; the interrupt of all that is live ends it', async (t) => {
  const advance = stopTime(t);
  const [s] = both(t, { grace: 100 });
  const [a, b] = [s.peer.segment(), s.peer.segment()];
  for (const x of [a, b]) { x.write(pattern(x.id, 24)); x.end(); }
  advance(50);
  s.peer.pause(); s.peer.pause();
  advance(3000);
  assert.equal(a.result, null);
  b.interrupt();
  assert.equal(s.of(23).length, 0);
  a.interrupt();
  assert.deepEqual(s.out.map((m) => m[0]).filter((type) => [20, 22, 23].includes(type)), [22, 20, 20, 23]);
  const c = s.peer.segment();
  c.end();
  s.peer.unpause();
  assert.equal(s.of(23).length, 1);
  advance(600); // the grace and the cooldown, for each
  assert.equal((await a.ended).cause, 'no report');
});

test('marks: reached when heard, at the end those that were not, never after a cut', (t) => {
  const [, r] = both(t);
  r.say(16, 1); r.say(24, 1, 5, 'a'); r.say(24, 1, 5, 'a'); r.say(24, 1, 8, 'b'); r.say(24, 1, 99, 'beyond');
  r.say(17, 1, 0, 0, pcm(10)); r.say(19, 1, 10);
  const reached = () => r.of(25).map((m) => m[2]).join();
  r.peer.played(1, 4);
  assert.equal(reached(), '');
  r.peer.played(1, 5);
  assert.equal(reached(), 'a,a');
  r.say(24, 1, 3, 'late');
  r.peer.ended(1, { position: 10 });
  assert.equal(reached(), 'a,a,late,b,beyond');
  assert.equal(r.out.at(-1)[0], 29);
  r.say(24, 1, 0, 'over');
  r.say(16, 2); r.say(24, 2, 1, 'cut'); r.say(17, 2, 0, 0, pcm(10)); r.say(20, 2, 2);
  r.peer.played(2, 10);
  r.peer.ended(2, { position: 9 });
  assert.equal(reached(), 'a,a,late,b,beyond');
  r.say(16, 3);
  for (let i = 0; i < 256; i++) r.say(24, 3, 1, 'x');
  assert.equal(r.code(), undefined);
  r.say(24, 3, 1, 'x');
  assert.equal(r.code(), CODES.limit_exceeded);
});

test('data: before its sample, at once when that is gone, before the end; no more ahead than the limits', (t) => {
  const [, r] = both(t, { demand: 4 });
  const order = () => r.events.filter(([n]) => ['audio', 'data', 'segmentEnd'].includes(n)).map(([n, , at]) => `${n} ${at}`).join();
  r.say(16, 1); r.say(26, 1, 7, {}); r.say(26, 1, 3, {}); r.say(26, 1, 50, {});
  r.say(17, 1, 0, 0, pcm(10)); r.say(19, 1, 10);
  assert.equal(order(), 'audio 0,data 3,audio 3');
  r.say(26, 1, 1, {});
  r.peer.grant(100);
  assert.equal(order(), 'audio 0,data 3,audio 3,data 1,audio 4,data 7,audio 7,data 50,segmentEnd 10');
  r.say(26, 1, 2, {});
  assert.match(order(), /data 2$/);
  for (const [code, most, position, content] of [
    ['limit_exceeded', 256, 20, {}], ['limit_exceeded', 64, 20, { a: 'x'.repeat(16377) }], [undefined, 600, 0, {}],
  ]) {
    const o = receiver(t, { timed, features: FEATURES, demand: 0 }, {}, FEATURES);
    o.say(16, 1);
    for (let i = 0; i < most; i++) o.say(26, 1, position, content);
    assert.equal(o.code(), undefined);
    o.say(26, 1, position, content);
    assert.equal(o.code(), code && CODES[code]);
  }
});

test('a sender: marks and data wait for their segment, are bounded, and marks come back', (t) => {
  const [s] = both(t);
  const [a, b] = [s.peer.segment(), s.peer.segment()];
  b.mark('later', 7);
  b.data({ words: [] }, 3);
  a.write(pattern(1, 100));
  a.mark('here');
  assert.deepEqual(s.of(24).map((m) => m.slice()), [[24, 1, 100, 'here']]);
  a.end();
  b.write(pattern(2, 10)); // the beginning is sent, then what belongs to it, then samples
  assert.deepEqual(s.out.slice(-5).map((m) => m.slice(0, 3)), [[19, 1, 100], [16, 2], [24, 2, 7], [26, 2, 3], [17, 2, 0]]);
  assert.deepEqual(s.of(17).map((m) => m[4]), [pattern(1, 100), pattern(2, 10)].map((x) => new Uint8Array(bytesOf(x))));
  s.say(25, 1, 'here'); s.say(25, 1, 'here'); s.say(25, 9, 'of nothing');
  assert.deepEqual(s.heard('marked').map(([, x, name]) => [x.id, name]), [[1, 'here']]);
  for (let i = 0; i < 255; i++) { b.mark('x', 9); b.data({}, 9); }
  assert.throws(() => b.mark('one more', 9), Misuse);
  assert.throws(() => b.data({}, 9), Misuse);
  s.say(25, 2, 'later');
  s.say(28, 2, 10, 10, null, 0, 0);
  b.mark('one more', 9);
  for (let i = 0; i < 64; i++) b.data({ a: 'x'.repeat(16378) }, 99); // 1 MiB
  assert.throws(() => b.data({}, 99), Misuse);
  b.data({}, 5); // late: it does not count
});
