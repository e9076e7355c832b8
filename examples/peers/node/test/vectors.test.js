// The test vectors of the specification (conformance/vectors), through this peer's decoder and its two roles.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CODES, Receiver, Sender } from '../lipwire.js';
import * as repair from '../repair.js';
import { decode, encode, understand } from '../wire.js';
import { FORMAT, alone, hex, sender } from './helpers.js';

const FLOATS = { nan: NaN, inf: Infinity, '-inf': -Infinity };
const FEATURES = ['repair']; // what this peer has; another feature is not there whether it is chosen or not

/** What JSON has not. Floats become what wire.js makes of them, by their value. */
const restored = (key, v) => {
  if (typeof v?.$bin === 'string') return hex(v.$bin);
  if (typeof v?.$int === 'string') return BigInt(v.$int);
  if (typeof v?.$float === 'string') return new Number(FLOATS[v.$float] ?? Number(v.$float));
  return v;
};
const vectors = (file) => JSON.parse(
  readFileSync(new URL(`../../../../conformance/vectors/${file}.json`, import.meta.url), 'utf8'), restored,
).vectors;
const bytesOf = ({ text, hex: digits }) => text ?? hex(digits);

/** Both sides of a comparison alike: no prototypes, floats by their value. */
function plain(v) {
  if (v instanceof Number) return { float: Number(v) };
  if (v instanceof Uint8Array) return { bytes: [...v] };
  if (Array.isArray(v)) return v.map(plain);
  if (v === null || typeof v !== 'object') return v;
  return Object.keys(v).map((key) => [key, plain(v[key])]);
}

/** A message as the vectors write it: its name, and its fields by theirs, in order. */
const written = (name, fields) => [name, ...Object.entries(fields).map(([field, v]) =>
  (name === 'numbered' && field === 'message' ? written(v.name, v.fields) : plain(v)))];

/** A message as wire.js gives it, in the same form. */
const read = ({ name, fields }) => [name, ...fields.map((v, i) => (name === 'numbered' && i === 2 ? read(v) : plain(v)))];

/** What the library encodes as it is: no message within a message, no BigInt, no float that is not a plain number. */
const ordinary = (v) => typeof v !== 'bigint' && !(v instanceof Number) && v?.name === undefined
  && (v === null || typeof v !== 'object' || v instanceof Uint8Array || Object.values(v).every(ordinary));

const isCode = (vector) => (error) => Object.hasOwn(vector.codes, error.codeName);

for (const file of ['messages', 'encodings', 'ignored', 'structure', 'fields', 'large']) {
  test(`${file}.json: each by wire.js`, async (t) => {
    const all = vectors(file);
    assert.ok(all.length > 10);
    for (const vector of all) {
      await t.test(vector.name, () => {
        const take = (bytes) => understand(decode(bytes, vector.limit ?? 65536));
        const bytes = bytesOf(vector);
        if (vector.verdict === 'invalid') return void assert.throws(() => take(bytes), isCode(vector));
        const message = take(bytes);
        if (vector.verdict === 'ignored') return void assert.equal(message, null);
        assert.deepEqual(read(message), written(vector.message, vector.fields));
        const fields = Object.values(vector.fields);
        if (vector.canonical && fields.every(ordinary)) assert.deepEqual(encode(vector.message, fields), bytes);
        return undefined;
      });
    }
  });
}

const code = (vector) => (vector.verdict === 'invalid' ? Object.values(vector.codes) : [undefined]);

test('opening.json: the first message to a receiver, the answer to a sender', async (t) => {
  for (const vector of vectors('opening')) {
    await t.test(vector.name, () => {
      const { peer, out, code: closed } = alone(vector.to === 'receiver' ? Receiver : Sender, { formats: [FORMAT] });
      let bytes = bytesOf(vector);
      if (vector.to === 'sender') { // our session id in the place of the vectors'
        const id = Buffer.from(out[0][3]).toString('hex');
        bytes = hex(vector.hex.replace('5f0d1c2b3a495867768594a3b2c1d0ef', id));
      }
      peer.receive(bytes);
      assert.equal(peer.fault, undefined);
      assert.ok(code(vector).includes(closed()), `closed with ${closed()}`);
      const state = { valid: 'open', invalid: 'closed', ignored: 'opening' }[vector.verdict];
      assert.equal(peer.state, state);
      peer.close();
    });
  }
});

test('session.json: in an open session', async (t) => {
  const opening = vectors('messages').find(({ name }) => name === 'hello.minimal');
  for (const vector of vectors('session')) {
    const missing = (vector.features ?? []).filter((name) => !FEATURES.includes(name));
    await t.test(vector.name, { skip: missing.length > 0 && `without ${missing}` }, (one) => {
      let role;
      if (vector.to === 'receiver') {
        role = alone(Receiver, vector.features ? { repair } : {});
        const [, magic, versions, session, generation, formats, , limits] = decode(hex(opening.hex), 65536);
        role.peer.receive(encode('hello', [magic, versions, session, generation, formats, vector.features ?? [], limits]));
      } else {
        role = sender(one);
      }
      for (const before of vector.before ?? []) role.peer.receive(hex(before));
      assert.equal(role.code(), undefined);
      role.peer.receive(bytesOf(vector));
      assert.equal(role.peer.fault, undefined);
      assert.ok(code(vector).includes(role.code()), `closed with ${role.code()}`);
      role.peer.close();
    });
  }
});

test('codes have the numbers that they have here', () => {
  for (const file of ['structure', 'fields', 'large', 'opening', 'session']) {
    for (const { name, codes = {} } of vectors(file)) {
      for (const [which, number] of Object.entries(codes)) assert.equal(CODES[which], number, name);
    }
  }
});
