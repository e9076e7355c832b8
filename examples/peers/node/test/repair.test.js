import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES, Receiver, Sender } from '../lipwire.js';
import * as repair from '../repair.js';
import { alone, bytesOf, hello, hex, pattern, receiver, sender, until } from './helpers.js';

// ---- repair, over a media channel that loses, reorders and duplicates

function lossy(senderOptions, receiverOptions, { lose = 0.2, delay = () => 2 + Math.random() * 15 } = {}) {
  const link = { twoChannels: true, mediaLossy: true, close() {} };
  const to = (other, slow) => ({
    ...link,
    send: (channel, bytes) => {
      if (channel === 'control') return void setTimeout(() => other().receive(bytes), slow);
      assert.ok(bytes.length <= 1150);
      if (Math.random() < lose) return undefined;
      setTimeout(() => other().receive(bytes, channel), delay());
      if (Math.random() < 0.1) setTimeout(() => other().receive(bytes, channel), delay() + 30);
    },
  });
  let s, r;
  s = new Sender(to(() => r, 8), { repair, ...senderOptions });
  r = new Receiver(to(() => s, 8), { repair, ...receiverOptions });
  r.start();
  s.start();
  return { s, r };
}

test('repair: everything arrives over a channel that loses a fifth', async (t) => {
  const got = {}, ends = [];
  const { s, r } = lossy({}, { on: {
    audio: (id, position, bytes) => { assert.equal(position, (got[id] ??= []).reduce((n, b) => n + b.length / 2, 0)); got[id].push(bytes); },
    segmentEnd: (id, total) => { ends.push([id, total]); r.ended(id, { position: total }); },
  } });
  t.after(() => s.close());
  await s.opened;
  const a = s.segment(), b = s.segment();
  a.write(pattern(1, 50000)); a.end();
  b.write(pattern(2, 20000));
  await until(() => b.received === 20000); // the tail of b may be lost: `sent` tells
  b.end();
  assert.deepEqual((await Promise.all([a.ended, b.ended])).map((x) => x.position), [50000, 20000]);
  assert.deepEqual(ends, [[1, 50000], [2, 20000]]);
  assert.deepEqual(Buffer.concat(got[1]), Buffer.from(bytesOf(pattern(1, 50000))));
  assert.deepEqual(Buffer.concat(got[2]), Buffer.from(bytesOf(pattern(2, 20000))));
  assert.equal(s.closing, undefined);
});

test('repair: an interrupt comes through although media loses most', async (t) => {
  const { s, r } = lossy({}, { demand: 5000, on: {
    interrupted: (id) => r.ended(id, { position: 4000 }),
    segmentEnd: (id, total) => r.ended(id, { position: total }),
  } }, { lose: 0.5 });
  t.after(() => s.close());
  await s.opened;
  const a = s.segment();
  a.write(pattern(1, 40000)); a.end();
  await until(() => a.consumed >= 5000);
  s.interrupt();
  assert.deepEqual(await a.ended, { position: 4000, interrupted: true, cause: 'interrupted', exact: true });
  const b = s.segment();
  b.write(pattern(2, 4000)); b.end();
  r.grant(1e6);
  assert.equal((await b.ended).position, 4000);
  assert.equal(s.interrupts.length, 0);
});

test('repair: required where media may lose; early audio; nack rules; any order', (t) => {
  const without = alone(Receiver, { repair }, { twoChannels: true, mediaLossy: true });
  without.say(...hello());
  assert.deepEqual(without.of(3)[0][4], { features: ['repair'] });
  const r = receiver(t, { repair }, {}, ['repair']);
  assert.deepEqual(r.out[0][5], ['repair']);
  r.say(17, 1, 2, 0, hex('03000400')); // before its segment_start
  r.say(16, 1);
  r.say(17, 1, 0, 0, hex('01000200ffff'));
  r.say(19, 1, 4);
  assert.equal(Buffer.concat(r.heard('audio').map((e) => e[3])).toString('hex'), '0100020003000400');
  assert.equal(r.heard('segmentEnd').length, 1);

  for (const [code, ranges] of [
    ['invalid_position', [[0, 101]]], ['invalid_field', []], ['invalid_field', [[5, 5]]], ['invalid_field', [[5, 9], [9, 10]]], [undefined, [[0, 9]]],
  ]) {
    const s = sender(t, { repair }, {}, { features: ['repair'] });
    s.peer.segment().write(pattern(1, 100));
    s.say(30, 1, ranges);
    assert.equal(s.code(), code && CODES[code]);
  }
  const s = sender(t, {}, { twoChannels: true, mediaLossy: false });
  s.peer.segment().write(pattern(1, 2000));
  s.peer.interrupt();
  assert.deepEqual(s.of(17).map((m) => m.channel), ['media', 'media', 'media', 'media', 'media']);
  assert.deepEqual(s.of(20).map((m) => m.channel), ['control', 'media']);
});

test('repair: chunks of one sample in any order; 256 gaps are kept track of, what would make one more is as if lost', (t) => {
  const r = receiver(t, { repair, demand: 0 }, {}, ['repair']);
  const bytes = bytesOf(pattern(1, 1200));
  const sample = (i) => r.say(17, 1, i, 0, bytes.slice(2 * i, 2 * i + 2));
  r.say(16, 1);
  for (let i = 599; i > 0; i -= 2) sample(i); // 300 islands, 256 of them kept, from behind
  for (let i = 599; i > 0; i -= 2) r.say(17, 1, i, 0, hex('ffff')); // what is there stands, and what was lost is again
  assert.equal(r.peer.live.get(1).buffer.missing(600).length, 256);
  for (let i = 598; i >= 512; i -= 2) sample(i);
  for (const i of Array.from({ length: 1200 }, (_, k) => (k * 7) % 1200)) sample(i);
  for (let i = 0; i < 1200; i++) sample(i);
  r.say(19, 1, 1200);
  r.peer.grant(Infinity);
  const got = Buffer.concat(r.heard('audio').map((e) => e[3]));
  assert.deepEqual(got, Buffer.from(bytes));
  assert.equal(r.heard('segmentEnd').length, 1);
});
