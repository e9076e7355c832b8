import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES, Receiver } from '../lipwire.js';
import * as repair from '../repair.js';
import { FORMAT, SESSION, alone, hex, pcm, receiver, stopTime } from './helpers.js';

test('rules of segments and audio at a receiver', (t) => {
  for (const [code, ...messages] of [
    ['invalid_segment', [16, 2], [19, 2, 0], [16, 2]],
    ['invalid_segment', [17, 1, 0, 0, pcm(1)]],
    ['invalid_segment', [19, 1, 0]],
    ['out_of_state', [16, 1], [16, 2]],
    ['invalid_field', [16, 1], [17, 1, 0, 1, pcm(1)]],
    ['invalid_field', [16, 1], [17, 1, 0, 0, pcm(0)]],
    ['invalid_field', [16, 1], [17, 1, 0, 0, new Uint8Array(3)]],
    ['invalid_field', [20, 2, 1]],
    ['invalid_position', [16, 1], [17, 1, 1, 0, pcm(1)]],
    ['invalid_position', [16, 1], [17, 1, 0, 0, pcm(4)], [19, 1, 5]],
    ['invalid_position', [16, 1], [17, 1, 0, 0, pcm(4)], [19, 1, 3]],
    ['invalid_position', [16, 1], [17, 1, 0, 0, pcm(4)], [19, 1, 4], [19, 1, 5]],
    ['invalid_position', [16, 1], [17, 1, 0, 0, pcm(4)], [19, 1, 4], [17, 1, 4, 0, pcm(1)]],
    ['window_exceeded', [16, 1], [17, 1, 0, 0, pcm(20000)], [17, 1, 20000, 0, pcm(28001)]],
    ['limit_exceeded', ...Array.from({ length: 65 }, (_, i) => [[16, i + 1], [19, i + 1, 0]]).flat()],
    ['limit_exceeded', ...Array.from({ length: 65 }, (_, i) => [20, 10 + i, 10 + i])],
    [undefined, [16, 1], [17, 1, 0, 0, pcm(20000)], [17, 1, 20000, 0, pcm(28000)]], // the window, to the last sample
    [undefined, [16, 1], [17, 1, 0, 0, pcm(4)], [17, 1, 2, 0, pcm(4)], [17, 1, 0, 0, pcm(1)], [19, 1, 6], [19, 1, 6]],
    [undefined, [20, 1, 3], [16, 1], [16, 2], [17, 2, 0, 0, pcm(9)], [19, 2, 9], [16, 4]], // cut before it was seen
    [undefined, [16, 1], [17, 1, 0, 0, pcm(9)], [20, 1, 1], [17, 1, 99, 0, pcm(9)], [19, 1, 3], [16, 2], [17, 2, 0, 1, pcm(48000 - 10000 - 8000)]],
  ]) {
    const r = receiver(t, { demand: 0 });
    for (const m of messages) r.say(...m);
    assert.equal(r.code(), code && CODES[code], JSON.stringify(messages[0]));
  }
});

test('what the sender says that it has sent must be within the window', (t) => {
  for (const [code, ...messages] of [
    [undefined, [18, 1, 48000], [18, 1, 48000], [19, 1, 48000]],
    ['window_exceeded', [18, 1, 48001]],
    ['window_exceeded', [19, 1, 48001]],
    ['invalid_position', [18, 1, 2 ** 40 + 1]],
  ]) {
    const r = receiver(t, { demand: 0, repair }, {}, ['repair']);
    r.say(16, 1);
    for (const m of messages) r.say(...m);
    assert.equal(r.code(), code && CODES[code], JSON.stringify(messages));
  }
});

test('a beginning is handed out before there are samples; nothing is while the consumer holds', (t) => {
  const r = receiver(t);
  r.say(16, 1);
  assert.equal(r.heard('segmentStart').length, 1);
  r.say(20, 1, 1);
  assert.deepEqual(r.heard('interrupted'), [['interrupted', 1, 0]]);
  assert.deepEqual(r.last(29).slice(), [29, 1, 0, true, 1]);
  r.peer.hold();
  r.say(16, 2); r.say(19, 2, 0);
  r.say(16, 3); r.say(17, 3, 0, 2, pcm(5));
  assert.equal(r.heard('segmentStart').length, 1);
  r.peer.grant(Infinity);
  assert.deepEqual(r.heard('segmentStart').map((e) => e[1]), [1, 3]); // 2 was cut by the cut_through of 3
});

test('a consumer that gave up did not play to the end, even if it has all; at the end of a session it stops', (t) => {
  const r = receiver(t);
  r.say(16, 1); r.say(17, 1, 0, 0, pcm(10)); r.say(19, 1, 10);
  r.peer.ended(1, { position: 7 });
  assert.deepEqual(r.last(29).slice(), [29, 1, 7, false, 2]);
  r.say(16, 2); r.say(17, 2, 0, 0, pcm(10)); r.say(19, 2, 10);
  r.say(3, 0, '');
  assert.deepEqual(r.events.slice(-3).map((e) => e[0]), ['interrupted', 'transport closed', 'closed']);
});

test('as many segments as a cut can list in a message that the sender takes', (t) => {
  const r = alone(Receiver, { limits: { segments: 1024 } });
  t.after(() => r.peer.close());
  r.say(1, 'lipwire', [1], SESSION, 1, [FORMAT], [], { message: 4096 });
  const { segments } = r.out[0][6], first = 2 ** 53 - 1 - segments;
  assert.ok(segments > 100 && segments < 1024);
  for (let i = 0; i < segments; i++) { r.say(16, first + i); r.say(19, first + i, 0); }
  r.say(20, first, first + segments - 1);
  assert.equal(r.last(21)[3].length, segments);
});

test('overlaps: the first stands; samples are handed out once and in order', (t) => {
  const r = receiver(t);
  r.say(16, 1, { text: 'hi' });
  r.say(17, 1, 0, 0, hex('0100 0200'));
  r.say(17, 1, 1, 0, hex('ffff 0300'));
  r.say(19, 1, 3);
  assert.deepEqual(r.heard('audio').map((e) => e.slice(1)), [[1, 0, hex('01000200')], [1, 2, hex('0300')]]);
  assert.deepEqual(r.heard('segmentEnd'), [['segmentEnd', 1, 3]]);
  assert.deepEqual({ ...r.heard('segmentStart')[0][2] }, { text: 'hi' });
});

test('progress: within 20 ms, not for each chunk; played only when reported', (t) => {
  const advance = stopTime(t);
  const r = receiver(t, { demand: 100 });
  r.say(16, 1);
  for (let i = 0; i < 5; i++) r.say(17, 1, i * 50, 0, pcm(50));
  advance(20);
  assert.deepEqual(r.of(28).map((m) => m.slice(1, 5)), [[1, 250, 100, null]]);
  r.peer.started(1);
  r.peer.started(1);
  r.peer.played(1, 70);
  r.peer.played(1, 20); // never backwards
  advance(20);
  assert.deepEqual(r.last(28).slice(1, 5), [1, 250, 100, 70]);
  assert.equal(r.of(27).length, 1);
  r.say(17, 1, 250, 0, pcm(12000));
  assert.equal(r.last(28)[2], 250); // received only: that is told in 20 ms
  r.peer.grant(12000); // a quarter of the window is consumed: at once
  assert.deepEqual(r.last(28).slice(2, 4), [12250, 12100]);
});

test('progress is repeated every 500 ms where media may lose, on control', (t) => {
  const advance = stopTime(t);
  const r = receiver(t, { repair }, { twoChannels: true, mediaLossy: true }, ['repair']);
  r.say(16, 1);
  r.say(17, 1, 0, 0, pcm(10));
  advance(1100);
  assert.deepEqual(r.of(28).map((m) => [m.channel, ...m.slice(1, 4)]), [['media', 1, 10, 10], ['control', 1, 10, 10], ['control', 1, 10, 10]]);
});

test('stream_ended that knows no position: what was played comes before it, on control', (t) => {
  const r = receiver(t, { demand: 100 }, { twoChannels: true });
  r.say(16, 1); r.say(17, 1, 0, 0, pcm(100));
  r.peer.played(1, 70);
  r.peer.ended(1, { failed: true });
  assert.deepEqual(r.last(28).slice(1, 5), [1, 100, 100, 70]);
  assert.equal(r.last(28).channel, 'control');
  assert.deepEqual(r.last(29).slice(1, 3), [1, null]);
});

test('interrupt: cut with positions, stream_ended, nothing handed out afterwards; again for a repeat', (t) => {
  const r = receiver(t, { demand: 15 });
  r.say(16, 1); r.say(17, 1, 0, 0, pcm(10)); r.say(19, 1, 10);
  r.say(16, 2); r.say(17, 2, 0, 0, pcm(10)); r.say(19, 2, 10);
  r.say(16, 3); r.say(17, 3, 0, 0, pcm(10));
  r.say(20, 1, 3);
  assert.deepEqual(r.last(21), Object.assign([21, 1, 3, [[1, 10], [2, 5], [3, 0]]], { channel: 'control' }));
  assert.deepEqual(r.last(29).slice(), [29, 3, 0, true, 1]);
  assert.deepEqual(r.heard('interrupted'), [['interrupted', 1, 10], ['interrupted', 2, 5]]);
  r.peer.grant(1000);
  r.peer.ended(1, { position: 10 }); // its end had been handed out, and all of it was heard
  assert.deepEqual(r.last(29).slice(), [29, 1, 10, false, 0]);
  r.say(20, 1, 3);
  assert.deepEqual(r.last(21).slice(), [21, 1, 3, [[2, 5]]]);
  r.peer.ended(2, { position: 99 });
  assert.deepEqual(r.last(29).slice(), [29, 2, 5, true, 1]);
  r.peer.ended(2, { position: 0 });
  assert.equal(r.of(29).length, 3);
  assert.equal(r.heard('audio').length, 2);
});

test('cooldown: later samples wait for the report or for the time', (t) => {
  const advance = stopTime(t);
  for (const report of [true, false]) {
    const r = receiver(t, { limits: { cooldown: 80 } });
    r.say(16, 1); r.say(17, 1, 0, 0, pcm(10));
    r.say(20, 1, 1);
    r.say(16, 2); r.say(17, 2, 0, 1, pcm(7));
    assert.equal(r.heard('audio').length, 1);
    if (report) r.peer.ended(1, { position: 3 });
    else {
      advance(75);
      assert.equal(r.heard('audio').length, 1);
      assert.equal(r.last(28)[2], 7, 'received goes on');
      advance(15);
    }
    assert.deepEqual(r.heard('audio')[1].slice(1, 3), [2, 0]);
    assert.equal(r.heard('audio')[1][3].length, 14);
  }
});

test('a consumer that says nothing of a cut segment: it ends after the grace, the cooldown does not end with it', (t) => {
  const advance = stopTime(t);
  for (const played of [7, null]) {
    const c = receiver(t, { grace: 100, limits: { cooldown: 400 } });
    c.say(16, 1); c.say(17, 1, 0, 0, pcm(10));
    if (played) c.peer.played(1, played);
    c.say(20, 1, 1);
    c.say(16, 2);
    advance(95);
    assert.equal(c.of(29).length, 0);
    advance(20);
    assert.deepEqual(c.of(29).map((m) => m.slice()), [[29, 1, played, true, 1]]);
    assert.equal(c.heard('segmentStart').length, 1);
    if (played) c.peer.ended(1, { position: 7 }); // late, but it has reset
    else c.peer.reset();
    assert.equal(c.heard('segmentStart').length, 2);
    assert.equal(c.of(29).length, 1);
  }
});

test('cut_through cuts as an interrupt does, a single cut leaves its neighbours unharmed', (t) => {
  const r = receiver(t, { demand: 0 });
  r.say(16, 1); r.say(17, 1, 0, 0, pcm(5)); r.say(19, 1, 5);
  r.say(16, 2); r.say(17, 2, 0, 1, pcm(5)); r.say(19, 2, 5);
  assert.deepEqual(r.last(29).slice(), [29, 1, 0, true, 1]);
  r.say(16, 3); r.say(17, 3, 0, 1, pcm(5)); r.say(19, 3, 5);
  r.say(16, 4); r.say(17, 4, 0, 1, pcm(5)); r.say(19, 4, 5);
  r.say(20, 3, 3);
  r.peer.grant(1000);
  assert.deepEqual(r.heard('segmentEnd').map((e) => e[1]), [2, 4]);
});

test('a segment found cut is answered at once: by an interrupt before its start, or a cut_through', (t) => {
  const r = receiver(t, { demand: 0 });
  r.say(20, 1, 2);
  r.say(16, 1);
  r.say(17, 1, 0, 0, pcm(9));
  r.say(19, 1, 9);
  assert.deepEqual(r.of(29).map((m) => m.slice()), [[29, 1, 0, true, 1]]);
  r.say(16, 3);
  r.say(17, 3, 0, 2, pcm(9));
  r.say(17, 5, 0, 4, pcm(9)); // without repair: before its start
  assert.equal(r.code(), CODES.invalid_segment);

  const w = receiver(t, { demand: 0, repair }, {}, ['repair']);
  w.say(17, 5, 0, 4, pcm(9)); // overtakes the start of 4
  w.say(16, 4);
  w.say(19, 4, 0);
  w.say(16, 5);
  assert.deepEqual(w.of(29).map((m) => m.slice()), [[29, 4, 0, true, 1]]);
  assert.equal(w.code(), undefined);
});

test('a cut that came too late: all was heard', (t) => {
  const r = receiver(t);
  r.say(16, 1); r.say(17, 1, 0, 0, pcm(10)); r.say(19, 1, 10);
  r.say(20, 1, 1);
  r.peer.ended(1, { position: 10 });
  assert.deepEqual(r.last(29).slice(), [29, 1, 10, false, 0]);
});
