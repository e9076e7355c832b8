// Lipwire 1: the bytes. Decoding with every check of SPEC.md §2, the registry of §6, limits of §17, codes of §18.

import { encode as pack } from '@msgpack/msgpack';

// ---- close codes (§18)

export const CODES = {
  normal: 0, going_away: 1, internal_error: 2,
  malformed: 16, unknown_message: 17, invalid_field: 18, out_of_state: 19, message_too_large: 20,
  limit_exceeded: 21, window_exceeded: 22, invalid_position: 23, invalid_segment: 24,
  not_lipwire: 32, unsupported_version: 33, unsupported_format: 34, feature_required: 35, unauthorized: 36,
  handshake_timeout: 37, busy: 38,
  unknown_session: 48, resume_refused: 49, resume_state: 50, superseded: 51, peer_gone: 52,
};

/** LW-CODE-1: one that is not known counts as internal_error. */
export const codeName = (code) => Object.keys(CODES).find((name) => CODES[name] === code) ?? 'internal_error';

/** The other peer broke a rule, or can not be served: the session is closed with this code (LW-CLOSE-6). */
export class LipwireError extends Error {
  constructor(name, text = name, details = null, retry = null) {
    super(text);
    Object.assign(this, { codeName: name, code: CODES[name], details, retry });
  }
}

/** Our own user asked for what can not be. */
export class Misuse extends Error {}

const refuse = (name, text) => { throw new LipwireError(name, text); };

/** LW-CODE-2: what a peer wrote, fit to be shown. */
export const shown = (text) =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

// ---- decoding
//
// A library does not do here: JavaScript has one type of number, and LW-WIRE-4 wants the float 1.0 told from the integer
// 1; and depth and counts are to be known before anything is allocated (LW-WIRE-9).

/** A MessagePack float: no integer, whatever its value. Behaves as a number in free maps. */
export class Float extends Number {}

const DEPTH = 8, ENTRIES = 1024, MAP_BYTES = 16384;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One whole message, as an array that begins with an integer. A map whose keys are not all strings becomes a Map. */
export function decode(bytes, limit) {
  if (!(bytes instanceof Uint8Array)) refuse('malformed', 'a text message'); // LW-WIRE-11
  if (bytes.length > limit) refuse('message_too_large'); // LW-WIRE-8
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;

  const skip = (n) => { // the position before the next n bytes
    if (n > bytes.length - at) refuse('malformed', 'the message ends too early');
    at += n;
    return at - n;
  };
  // LW-WIRE-2: the width of an encoding does not matter; what a number can not hold exactly stays a BigInt
  const narrow = (big) => (Number.isSafeInteger(Number(big)) ? Number(big) : big);
  const uint = (width) => {
    const p = skip(width);
    return width === 1 ? view.getUint8(p) : width === 2 ? view.getUint16(p) : width === 4 ? view.getUint32(p) : narrow(view.getBigUint64(p));
  };
  const int = (width) => {
    const p = skip(width);
    return width === 1 ? view.getInt8(p) : width === 2 ? view.getInt16(p) : width === 4 ? view.getInt32(p) : narrow(view.getBigInt64(p));
  };
  const binary = (n) => bytes.subarray(skip(n), at);
  const string = (n) => {
    const encoded = binary(n);
    try { return utf8.decode(encoded); } catch { return refuse('malformed', 'text that is not UTF-8'); } // LW-WIRE-7
  };
  const enter = (count, level) => { // LW-WIRE-9
    if (level > DEPTH || count > ENTRIES) refuse('limit_exceeded', 'nested too deeply, or too many entries');
  };
  const array = (count, level) => {
    enter(count, level);
    const out = [];
    for (let i = 0; i < count; i++) out.push(value(level + 1));
    return out;
  };
  const map = (count, level) => {
    enter(count, level);
    const entries = [];
    for (let i = 0; i < count; i++) entries.push([value(level + 1), value(level + 1)]);
    if (entries.some(([key]) => typeof key !== 'string')) return new Map(entries); // LW-WIRE-12: no field takes it
    const out = Object.create(null); // so that __proto__ is a key like any other
    for (const [key, v] of entries) out[key] = v;
    return out;
  };

  function value(level) {
    const head = uint(1);
    if (head < 0x80) return head;
    if (head < 0x90) return map(head & 15, level);
    if (head < 0xa0) return array(head & 15, level);
    if (head < 0xc0) return string(head & 31);
    if (head >= 0xe0) return head - 256;
    switch (head) {
      case 0xc0: return null;
      case 0xc1: return refuse('malformed', 'a byte that MessagePack does not use');
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6: return binary(uint(1 << (head - 0xc4)));
      case 0xca: return new Float(view.getFloat32(skip(4)));
      case 0xcb: return new Float(view.getFloat64(skip(8)));
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return uint(1 << (head - 0xcc));
      case 0xd0: case 0xd1: case 0xd2: case 0xd3: return int(1 << (head - 0xd0));
      case 0xd9: case 0xda: case 0xdb: return string(uint(1 << (head - 0xd9)));
      case 0xdc: case 0xdd: return array(uint(head === 0xdc ? 2 : 4), level);
      case 0xde: case 0xdf: return map(uint(head === 0xde ? 2 : 4), level);
      default: return refuse('invalid_field', 'a MessagePack extension'); // LW-WIRE-12
    }
  }

  const message = value(1);
  if (at < bytes.length || !Array.isArray(message) || !['number', 'bigint'].includes(typeof message[0])) {
    refuse('malformed', 'not one array that begins with an integer'); // LW-WIRE-7
  }
  return message;
}

// ---- the registry (§6). A check takes a decoded value and says whether it will do (LW-WIRE-3, LW-WIRE-4).

const int = (least = 0) => (v) => Number.isSafeInteger(v) && v >= least;
const id = int(1), count = int();
const utf8Length = (text) => new TextEncoder().encode(text).length;
const str = (least, most) => (v) => typeof v === 'string' && utf8Length(v) >= least && utf8Length(v) <= most;
const bin = (least = 0, most = Infinity) => (v) => v instanceof Uint8Array && v.length >= least && v.length <= most;
const bool = (v) => typeof v === 'boolean';
const list = (check, least = 0, most = ENTRIES) => (v) => Array.isArray(v) && v.length >= least && v.length <= most && v.every(check);
const row = (...checks) => (v) => Array.isArray(v) && v.length === checks.length && checks.every((check, i) => check(v[i])); // LW-WIRE-5
const either = (...checks) => (v) => checks.some((check) => check(v));
const orNil = (check) => (v) => v === null || check(v);
/** What it does not take is read as nil (LW-INVARIANT-5). */
const lenient = (check) => Object.assign((v) => { try { return check(v); } catch { return false; } }, { lenient: true });

const atMost = (n, ...bounds) => bounds.filter((bound) => n >= bound).length;
/** Bytes of a value, of a user's or decoded, in its shortest encoding (LW-LIMIT-2). */
export function encodedSize(v) {
  if (v === null || typeof v === 'boolean') return 1;
  if (v instanceof Float || (typeof v === 'number' && !Number.isSafeInteger(v))) return Object.is(Math.fround(v), Number(v)) ? 5 : 9;
  if (typeof v === 'bigint') return 9;
  if (typeof v === 'number') return [1, 2, 3, 5, 9][v < 0 ? atMost(-v, 33, 129, 32769, 2 ** 31 + 1) : atMost(v, 128, 256, 65536, 2 ** 32)];
  if (v instanceof Uint8Array) return v.length + [2, 3, 5][atMost(v.length, 256, 65536)];
  if (typeof v === 'string') return utf8Length(v) + [1, 2, 3, 5][atMost(utf8Length(v), 32, 256, 65536)];
  const inner = Array.isArray(v) ? v : Object.entries(v);
  const rows = inner.flat(Array.isArray(v) ? 0 : 1);
  return rows.reduce((sum, one) => sum + encodedSize(one), [1, 3, 5][atMost(inner.length, 16, 65536)]);
}

const stringKeys = (v) => !(v instanceof Map) && (typeof v !== 'object' || v === null || v instanceof Uint8Array || Object.values(v).every(stringKeys));
const map = (v) => {
  const isMap = typeof v === 'object' && v !== null && Object.getPrototypeOf(v) === null;
  if (!isMap || !stringKeys(v)) return false; // LW-WIRE-12
  return encodedSize(v) <= MAP_BYTES || refuse('limit_exceeded', 'a map is too large'); // LW-LIMIT-2
};
const format = row(str(0, Infinity), count, count); // of any name: LW-FORMAT-1
const features = list(str(1, 64), 0, 64);
const ranges = (v) => v.every(([first, end], i) => first < end && (i === 0 || first > v[i - 1][1])); // ascending, apart
const at = [id, count]; // segment, position
export const isName = str(1, 128); // of a mark

/** name: [type, from, feature, checks of the fields] */
const MESSAGES = {
  hello: [1, 'sender', 'core', [
    (v) => v === 'lipwire', list(count, 1, 16), bin(16, 16), id, list(format, 1, 16), features, map,
    orNil(either(str(0, 4096), bin(0, 4096))), orNil(row(bin(16, 64), count)), orNil(map)]],
  welcome: [2, 'receiver', 'core', [
    count, bin(16, 16), id, format, features, map, orNil(bin(16, 64)),
    orNil(row(count, list(row(id, count, count, orNil(count))))), orNil(map)]],
  close: [3, 'both', 'core', [count, str(0, 1024), lenient(count), lenient(map)]],
  ping: [4, 'both', 'core', [count]],
  pong: [5, 'both', 'core', [count, count, count]],
  numbered: [6, 'both', 'resume', [id, count, Array.isArray]],
  acknowledge: [7, 'both', 'resume', [count]],
  segment_start: [16, 'sender', 'core', [id, orNil(map)]],
  audio: [17, 'sender', 'core', [...at, count, bin(1)]],
  sent: [18, 'sender', 'repair', at],
  segment_end: [19, 'sender', 'core', at],
  interrupt: [20, 'sender', 'core', [id, id]],
  cut: [21, 'receiver', 'core', [id, id, list(row(...at))]],
  pause: [22, 'sender', 'pause', []],
  unpause: [23, 'sender', 'pause', []],
  mark: [24, 'sender', 'marks', [...at, isName]],
  mark_reached: [25, 'receiver', 'marks', [id, isName]],
  data: [26, 'sender', 'data', [...at, map]],
  stream_started: [27, 'receiver', 'core', [id, count]],
  progress: [28, 'receiver', 'core', [id, count, count, orNil(count), count, count, orNil(count)]],
  stream_ended: [29, 'receiver', 'core', [id, orNil(count), bool, count]],
  nack: [30, 'receiver', 'repair', [id, (v) => list(row(count, count), 1, 32)(v) && ranges(v)]],
  custom: [31, 'both', 'custom', [map]],
};

/** Those that the registry marks as numbered (LW-CONTROL-7). */
const NUMBERED = [
  'segment_start', 'segment_end', 'interrupt', 'pause', 'unpause', 'mark', 'mark_reached', 'data', 'stream_started',
  'stream_ended', 'custom',
];

const BY_TYPE = new Map(Object.entries(MESSAGES).map(([name, [type, from, feature, checks]]) => [type, { name, from, feature, checks }]));

/**
 * What a decoded message is: { name, from, feature, fields }, the fields checked; absent ones are null (LW-WIRE-6), those
 * beyond are left out (LW-WIRE-5). Null for a message that is to be ignored.
 */
export function understand([type, ...given]) {
  const entry = BY_TYPE.get(type);
  if (!entry) return type >= 64 && type <= 127 ? null : refuse('unknown_message', `type ${type}`); // LW-WIRE-10
  const fields = entry.checks.map((check, i) => {
    const v = given[i] ?? null;
    if (check(v)) return v;
    return check.lenient ? null : refuse('invalid_field', `field ${i + 1} of ${entry.name}`); // LW-WIRE-4
  });
  if (entry.name === 'numbered') fields[2] = inside(fields[2]);
  return { ...entry, fields };
}

/** The message inside `numbered`: what is wrong with it is wrong with that field (LW-CONTROL-7). */
function inside(message) {
  return NUMBERED.includes(BY_TYPE.get(message[0])?.name) ? understand(message) : refuse('invalid_field', 'can not be numbered');
}

// ---- encoding

/** LW-WIRE-1, LW-WIRE-6: absent fields are nil, and left out at the end. A type by its name, or any number. */
export function encode(name, fields) {
  const message = [MESSAGES[name]?.[0] ?? name, ...fields.map((v) => v ?? null)];
  while (message.at(-1) === null) message.pop();
  return pack(message);
}

/** A map of our user's, checked by reading it back as the other peer will (LW-WIRE-9, LW-WIRE-12, LW-LIMIT-2). */
export function checkMap(value) {
  if (value === undefined || value === null) return null;
  let fits = false;
  try { fits = map(decode(pack([0, value]), Infinity)[1]); } catch { /* too deep, too large, or nothing MessagePack has */ }
  if (!fits) throw new Misuse('not a map of nil, booleans, numbers, strings, binaries, arrays and maps, or too large');
  return value;
}

// ---- negotiated limits (§17): [default, floor, cap]; those of window in seconds of samples

const LIMITS = {
  window: [2, 0.1, 60], message: [65536, 4096, 1048576], cooldown: [300, 0, 5000], resume: [10000, 0, 600000],
  keepalive: [5000, 100, 60000], segments: [64, 4, 1024],
};

/** LW-LIMIT-1: those that our user sets. */
export function checkLimits(limits = {}) {
  for (const [name, value] of Object.entries(limits)) {
    const [, floor, cap] = LIMITS[name] ?? [];
    if (value !== undefined && !(value >= floor && value <= cap)) throw new Misuse(`limit ${name} is from ${floor} to ${cap}`);
  }
}

/** LW-OPEN-10: the limits of these names that a peer announced, completed and capped. */
export function limitsOf(announced, names, rate = 1) {
  return Object.fromEntries(names.map((name) => {
    const [normal, floor, cap] = LIMITS[name].map((v) => (name === 'window' ? v * rate : v));
    const v = announced[name] ?? normal;
    return count(v) && v >= floor ? [name, Math.min(v, cap)] : refuse('invalid_field', `limit ${name}`);
  }));
}
