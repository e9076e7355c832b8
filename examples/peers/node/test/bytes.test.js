import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CODES, Receiver, Sender } from '../lipwire.js';
import { decode, encode } from '../wire.js';
import { FORMAT, SESSION, alone, hello, hex, pack, receiver } from './helpers.js';

// ---- messages, byte by byte

const HELLO = '98 01 a7 6c697077697265 91 01 c4 10 5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f 01 91 93 a5 7331366c65 cd 5dc0 01 90 80';

test('an ordinary hello, byte by byte', (t) => {
  const r = alone(Receiver);
  t.after(() => r.peer.close());
  r.peer.receive(hex(HELLO));
  assert.deepEqual(r.out[0].slice(0, 6), [2, 1, SESSION, 1, FORMAT, []]);
  assert.deepEqual(Object.keys(r.out[0][6]), ['window', 'message', 'cooldown', 'keepalive', 'segments']);
  assert.equal(r.out[0][6].window, 48000);
});

test('unusual encodings that are valid: wide integers, long headers, extra elements, nils written out', (t) => {
  const r = alone(Receiver);
  t.after(() => r.peer.close());
  // array32 of 12: uint64 1, str32, array16 of an int64, bin32, int8, formats with wide headers, array16 [], map32 {}, three
  // nils for absent fields, and an element beyond the fields
  r.peer.receive(hex(`dd0000000c cf0000000000000001 db000000076c697077697265 dc0001 d30000000000000001
    c600000010 5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f d001 dd00000001 dc0003 da00057331366c65 d200005dc0 cd0001 dc0000
    df00000000 c0 c0 c0 a178`));
  assert.equal(r.peer.state, 'open');
  r.peer.receive(hex('dc0003 d100 10 cf00000000000000 01 c0')); // segment_start 1, nil
  r.peer.receive(hex('95 cd0011 ce00000001 00 d300000000 00000000 c5 0004 01000200')); // audio 1 @ 0
  r.peer.receive(hex('93 cc13 cc01 cd0002')); // segment_end 1, total 2
  assert.deepEqual(r.heard('audio'), [['audio', 1, 0, hex('01000200')]]);
  assert.deepEqual(r.heard('segmentEnd'), [['segmentEnd', 1, 2]]);
  assert.equal(r.code(), undefined);
});

for (const [what, bytes, code] of [
  ['an empty message', '', 'malformed'],
  ['a map', '80', 'malformed'],
  ['an empty array', '90', 'malformed'],
  ['a string as type', '91 a1 78', 'malformed'],
  ['a float as type', '92 cb4010000000000000 01', 'malformed'],
  ['two messages', '92 04 01 92 04 01', 'malformed'],
  ['a truncated message', '92 04', 'malformed'],
  ['the reserved byte', '92 04 c1', 'malformed'],
  ['a length far beyond the end', '92 10 c6 ffffffff', 'malformed'],
  ['a huge array', '92 50 dd ffffffff', 'limit_exceeded'],
  ['too many entries', `92 50 dc 0401 ${'01'.repeat(1025)}`, 'limit_exceeded'],
  ['nesting of 9', `92 50 ${'91'.repeat(7)} 90`, 'limit_exceeded'],
  ['type 0', '91 00', 'unknown_message'],
  ['type -1', '91 ff', 'unknown_message'],
  ['type 63', '91 3f', 'unknown_message'],
  ['type 128', '91 cc80', 'unknown_message'],
  ['a float that is whole', '92 04 cb3ff0000000000000', 'invalid_field'],
  ['a boolean for an integer', '92 04 c3', 'invalid_field'],
  ['a negative integer', '92 04 ff', 'invalid_field'],
  ['2^53', '92 04 cf0020000000000000', 'invalid_field'],
  ['an absent field', '91 04', 'invalid_field'],
  ['a nil field', '92 04 c0', 'invalid_field'],
  ['an extension as a field', '92 04 d40500', 'invalid_field'],
  ['a key that is no string', '93 10 01 81 01 02', 'invalid_field'],
  ['a timestamp in a map', '93 10 01 81 a174 d6ff00000000', 'invalid_field'],
  ['metadata that is an array', '93 10 01 90', 'invalid_field'],
  ['segment 0', '92 10 00', 'invalid_field'],
  ['str where bin is due', '95 11 01 00 00 a2 0000', 'invalid_field'],
  ['a welcome to a receiver', '97 02 01 c410 5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f 01 93a5 7331366c65 cd5dc0 01 90 80', 'out_of_state'],
  ['fields before state: a wrong one in a message from the wrong side', '91 02', 'invalid_field'],
  ['text that is not UTF-8', '92 40 a1 ff', 'malformed'],
  ['an extension in what is ignored', '92 40 d40500', 'invalid_field'],
  ['an extension beyond the fields', '93 04 01 d40500', 'invalid_field'],
  ['a key that is no string, deep in a map', '93 10 01 81 a161 91 81 01 02', 'invalid_field'],
  ['another hello', HELLO.replace('01 91 93', '02 91 93'), 'out_of_state'],
  ['a progress from the sender', '97 1c 01 00 00 c0 00 00', 'out_of_state'],
  ['pause without its feature', '91 16', 'out_of_state'],
  ['numbered without its feature', '94 06 01 00 92 10 01', 'out_of_state'],
]) {
  test(`${what}: ${code}`, (t) => {
    const r = receiver(t);
    r.peer.receive(hex(bytes));
    assert.equal(r.code(), CODES[code]);
    const length = r.out.length;
    r.say(4, 1);
    assert.equal(r.out.length, length, 'nothing is sent after a close');
  });
}

for (const [what, bytes] of [
  ['2^53 - 1', '92 04 cf001fffffffffffff'],
  ['extra elements, an odd map among them', '95 04 01 02 c0 81 01 02'],
  ['nesting of 8', `92 50 ${'91'.repeat(6)} 90`],
  ['1,024 entries', `92 50 dc 0400 ${'01'.repeat(1024)}`],
  ['type 64', '91 40'], ['type 127', '92 7f 81 01 02'],
  ['a key __proto__', `93 10 01 81 a9 ${Buffer.from('__proto__').toString('hex')} 01`],
  ['a big and a negative number in a map', '93 10 01 82 a161 cfffffffffffffffff a162 ff'],
  ['the same hello again', HELLO],
  ['a pong nobody asked for', '94 05 00 00 00'],
]) {
  test(`${what}: taken`, (t) => {
    const r = alone(Receiver);
    t.after(() => r.peer.close());
    r.peer.receive(hex(HELLO));
    r.peer.receive(hex(bytes));
    assert.equal(r.code(), undefined);
    assert.equal(r.peer.state, 'open');
  });
}

test('a text message, a large message, a large map', (t) => {
  for (const [message, code] of [
    ['text', 'malformed'], [new Uint8Array(65537), 'message_too_large'], [pack([16, 1, { a: 'x'.repeat(16384) }]), 'limit_exceeded'],
  ]) {
    const r = receiver(t);
    r.peer.receive(message);
    assert.equal(r.code(), CODES[code]);
  }
});

test('a map is measured in its shortest encoding, however it was written', (t) => {
  const ones = `dd000003e8 ${'d30000000000000001'.repeat(1000)}`;
  const long = hex(`93 10 01 82 a161 ${ones} a162 ${ones}`); // 18 kB, of integers that fit a byte
  const longer = hex(`93 10 01 81 a161 dc0400 ${'db00000010'.concat('61'.repeat(16)).repeat(1024)}`); // 17,416 bytes at best
  for (const [message, code] of [[long, undefined], [longer, CODES.limit_exceeded]]) {
    const r = receiver(t);
    r.peer.receive(message);
    assert.equal(r.code(), code);
  }
  // 16,384 bytes in their shortest encoding: integers of every width, a float, text and binaries at the edges of their heads
  const values = [0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1,
    0.1, null, true, 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(255), 'x'.repeat(256), new Uint8Array(255), new Uint8Array(256), [], Array(16).fill(0)];
  const rest = 16384 - pack({ a: values, pad: 'x'.repeat(256) }).length + 256;
  for (const [extra, code] of [[0, undefined], [1, CODES.limit_exceeded]]) {
    const r = receiver(t);
    r.say(16, 1, { a: values, pad: 'x'.repeat(rest + extra) });
    assert.equal(r.code(), code);
  }
});

test('a hello of 64 KiB is taken and repeated, whatever the limit for what follows', (t) => {
  const r = alone(Receiver, { message: 4096 });
  t.after(() => r.peer.close());
  const large = hello(null, null, { a: 'x'.repeat(16000) });
  large[8] = 'x'.repeat(4000);
  r.say(...large);
  r.say(...large);
  assert.equal(r.of(2).length, 2);
  r.peer.receive(new Uint8Array(4097));
  assert.equal(r.code(), CODES.message_too_large);
});

test('random bytes never raise anything', (t) => {
  for (let i = 0; i < 3000; i++) {
    const noise = crypto.getRandomValues(new Uint8Array(1 + (i % 40)));
    if (i % 2) noise[0] = 0x90 | (noise[0] & 7);
    const r = alone(Receiver);
    r.say(...hello());
    r.peer.receive(noise);
    assert.equal(r.peer.fault, undefined);
    r.peer.close();
    const s = alone(Sender);
    s.peer.receive(noise);
    assert.equal(s.peer.fault, undefined);
    s.peer.close();
  }
});

test('what this peer sends, byte by byte', () => {
  assert.deepEqual(encode('audio', [1, 480, 0, hex('0100')]), hex('95 11 01 cd01e0 00 c4 02 0100'));
  assert.deepEqual(encode('close', [0, 'bye', null, undefined]), hex('93 03 00 a3 627965')); // absent at the end: left out
  assert.deepEqual(encode('progress', [1, 2, 2, null, 5, 6]), hex('97 1c 01 02 02 c0 05 06')); // absent before others: nil
  assert.deepEqual(decode(hex('93 10 01 c0'), 99), [16, 1, null]);
});

test('the shared files use nothing of Node', () => {
  for (const file of ['wire', 'peer', 'sender-core', 'receiver-core', 'repair', 'timed', 'lipwire', 'playout', 'speak', 'browser/webrtc'].map((name) => `../${name}.js`)) {
    const text = readFileSync(new URL(file, import.meta.url), 'utf8');
    assert.doesNotMatch(text, /\b(Buffer|process|require|setImmediate)\b|node:/, file);
    for (const [, from] of text.matchAll(/from '([^']+)'/g)) assert.match(from, /^(@msgpack\/msgpack|\.\.?\/[a-z-]+\.js)$/);
  }
});

