import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES, Receiver, Sender } from '../lipwire.js';
import * as repair from '../repair.js';
import { FORMAT, RATE, SESSION, alone, bytesOf, hello, hex, pattern, pcm, receiver, sender, stopTime } from './helpers.js';

// ---- opening

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
  const busy = alone(Receiver, { busy: true });
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

// ---- receiver

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

// ---- sender

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
    ['invalid_segment', [21, 1, 2, []]], ['invalid_field', [29, 1, 0, 0, 0]], ['invalid_field', [28, 1, 0, 0]],
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

test('a segment that is cut before it was started leaves its id out', async (t) => {
  const s = sender(t);
  const a = s.peer.segment(), b = s.peer.segment();
  b.interrupt();
  a.end();
  s.peer.segment().end();
  assert.deepEqual(s.of(16).map((m) => m[1]), [1, 3]);
  assert.equal(s.of(20).length, 0);
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

test('a repeated welcome is ignored; an odd close is taken and not answered', (t) => {
  const s = sender(t);
  s.say(2, 1, s.out[0][3], 1, FORMAT, [], {});
  assert.equal(s.code(), undefined);
  s.say(3, 37, 'late\n', 'soon', 7);
  assert.deepEqual([s.peer.closing.code, s.peer.closing.reason, s.peer.closing.retry, s.peer.closing.details], [37, 'late\\u000a', null, null]);
  const r = receiver(t);
  r.say(3, 'x');
  assert.equal(r.peer.closing.code, CODES.internal_error);
  assert.equal(s.code() ?? r.code(), undefined);
});
