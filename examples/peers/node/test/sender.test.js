import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES } from '../lipwire.js';
import { alone, bytesOf, pattern, sender, stopTime } from './helpers.js';

test('a sender keeps to the window and goes on with progress', (t) => {
  const s = sender(t, { inFlight: 10 }, {}, { limits: { window: 2400 } });
  const a = s.peer.segment();
  a.write(pattern(1, 3000));
  a.end();
  assert.equal(s.of(17).reduce((n, m) => n + m[4].length / 2, 0), 2400);
  assert.equal(s.of(19).length, 0);
  s.say(28, 1, 2400, 100, null, 0, 0);
  assert.equal(a.sent, 2500);
  s.say(28, 1, 2500, 2500, 7, 0, 0);
  assert.deepEqual(s.last(19).slice(), [19, 1, 3000]);
  assert.deepEqual(Buffer.concat(s.of(17).map((m) => m[4])), Buffer.from(bytesOf(pattern(1, 3000))));
  const b = s.peer.segment();
  b.write(pattern(2, 2400));
  assert.equal(b.sent, 1900); // 500 of segment 1 are not consumed
  s.peer.interrupt();
  const c = s.peer.segment();
  c.write(pattern(3, 2400));
  assert.equal(c.sent, 2400); // cut_through covers 1 and 2
  assert.equal(s.last(17)[3], 2);
});

test('results of a sender: in order, each once, first one stands', async (t) => {
  const s = sender(t);
  const [a, b, c] = [s.peer.segment(), s.peer.segment(), s.peer.segment()];
  for (const x of [a, b, c]) { x.write(pattern(x.id, 100)); x.end(); }
  s.say(28, 2, 100, 100, 100, 0, 0);
  s.say(29, 2, 100, false, 0);
  assert.equal(s.heard('ended').length, 0);
  s.say(29, 1, 100, false, 0);
  s.say(29, 1, 5, true, 1);
  s.peer.interrupt();
  assert.deepEqual(s.last(20).slice(), [20, 3, 3]);
  s.say(21, 3, 3, [[3, 60]]);
  s.say(21, 3, 3, []);
  assert.equal(s.heard('ended').length, 2, 'a cut does not end a segment');
  s.say(29, 3, 40, true, 1);
  assert.deepEqual(s.heard('ended').map(([, x, r]) => [x.id, r.position, r.cause, r.exact]),
    [[1, 100, 'played', true], [2, 100, 'played', true], [3, 40, 'interrupted', true]]);
  assert.equal(s.peer.cutThrough, 3);
  assert.equal(s.code(), undefined);
});

test('rules of reports at a sender', (t) => {
  for (const [code, message] of [
    ['invalid_position', [28, 1, 101, 0, null, 0, 0]], ['invalid_position', [28, 1, 50, 51, null, 0, 0]],
    ['invalid_position', [28, 1, 50, 50, 51, 0, 0]], ['invalid_segment', [28, 2, 0, 0, null, 0, 0]],
    ['invalid_segment', [27, 2, 0]], ['invalid_segment', [29, 2, 0, false, 0]], ['invalid_position', [29, 1, 101, false, 0]],
    ['invalid_segment', [21, 1, 2, []]], ['invalid_segment', [21, 1, 1, [[2, 0]]]], ['invalid_position', [21, 1, 1, [[1, 101]]]],
    ['invalid_position', [28, 1, 50, 0, null, 0, 0, 101]], ['invalid_field', [29, 1, 0, 0, 0]], ['invalid_field', [28, 1, 0, 0]],
    ['out_of_state', [30, 1, [[0, 1]]]], [undefined, [29, 1, null, false, 77]], [undefined, [21, 1, 1, []]],
  ]) {
    const s = sender(t);
    s.peer.segment().write(pattern(1, 100));
    s.say(...message);
    assert.equal(s.code(), code && CODES[code], JSON.stringify(message));
  }
});

test('a receiver that says nothing: the segment ends in bounded time, and is cut', async (t) => {
  const advance = stopTime(t);
  const s = sender(t, { grace: 100 }, {}, { limits: { cooldown: 50 } });
  const a = s.peer.segment();
  a.write(pattern(1, 2400));
  a.end();
  advance(245); // 100 ms of audio, the grace, the cooldown
  assert.equal(a.result, null);
  advance(20);
  assert.deepEqual(await a.ended, { position: 0, interrupted: true, cause: 'no report', exact: false });
  assert.deepEqual(s.last(20).slice(), [20, 1, 1]);
});

test('closes when all that was said has ended', async (t) => {
  const s = sender(t);
  const [a, b] = [s.peer.segment(), s.peer.segment()];
  for (const x of [a, b]) x.write(pattern(x.id, 10));
  s.peer.closeWhenHeard();
  assert.deepEqual(s.of(19).map((m) => m[1]), [1, 2]);
  s.say(29, 1, 10, false, 0);
  await a.ended;
  assert.equal(s.code(), undefined);
  s.say(29, 2, 10, false, 0);
  await s.peer.closed;
  assert.equal(s.code(), CODES.normal);
});

test('a segment that is cut before it was started leaves its id out', async (t) => {
  const s = sender(t);
  const a = s.peer.segment(), b = s.peer.segment();
  b.interrupt();
  a.end();
  s.peer.segment().end();
  assert.deepEqual(s.of(16).map((m) => m[1]), [1, 3]);
  assert.equal(s.of(20).length, 0);
});

test('one cut confirms every interrupt within it; a segment that was ended early is let alone', (t) => {
  const s = sender(t);
  const [a, b, c] = [1, 2, 3].map(() => s.peer.segment());
  for (const x of [a, b]) { x.write(pattern(x.id, 100)); x.end(); }
  c.write(pattern(3, 100));
  b.interrupt();
  s.peer.interrupt();
  assert.deepEqual(s.of(20).map((m) => m.slice()), [[20, 2, 2], [20, 1, 3]]);
  s.say(21, 1, 3, [[1, 5]]);
  assert.equal(s.peer.interrupts.length, 0);

  const e = sender(t);
  const d = e.peer.segment();
  d.write(pattern(1, 100));
  e.say(29, 1, 50, false, 2);
  d.write(pattern(1, 100));
  d.end();
  e.peer.segment().end();
  assert.deepEqual(e.of(17).length, 1);
  assert.deepEqual(e.of(19).map((m) => m.slice()), [[19, 2, 0]]);
});
