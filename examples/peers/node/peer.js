// Lipwire 1: what both roles have. Sending, receiving, liveness, closing; no transport and nothing of Node's.
//
// A transport is { send(channel, bytes), close(), twoChannels, mediaLossy } with the channels 'control' and 'media'.
// Whoever owns it calls peer.start() once it is open, peer.receive(message) for each message (bytes, or a string for a
// text message), and peer.transportClosed() when it has gone. Positions and counts are samples per channel.

import { CODES, LipwireError, Misuse, checkLimits, checkMap, codeName, decode, encode, shown, understand } from './wire.js';

export const VERSION = 1;
const SAMPLE_BYTES = { s16le: 2, f32le: 4 };
const TICK = 10; // ms
const PONGS = 100; // a second
const MEDIA = ['audio', 'interrupt', 'progress', 'nack']; // LW-BINDING-3

export const now = () => performance.now(); // ms
export const clock = () => Math.floor(performance.now() * 1000); // µs
export const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);
export const grease = () => Math.floor(Math.random() * 65536).toString(16);

/** LW-FORMAT-1 */
export const isFormat = ([encoding, rate, channels]) =>
  Object.hasOwn(SAMPLE_BYTES, encoding) && rate >= 8000 && rate <= 48000 && (channels === 1 || channels === 2);

export class Peer {
  /**
   * options, both roles: on (callbacks), info, message (limit), handshake (ms), repair and timed (the modules repair.js and
   * timed.js), features (names to offer or take; unless given those that the modules bring). on.custom(content).
   */
  constructor(role, transport, options) {
    Object.assign(this, { role, transport, options });
    this.on = options.on ?? {};
    this.state = 'opening'; // then 'open', then 'closed'
    this.messageLimit = options.message ?? 65536; // ours
    checkLimits({ message: this.messageLimit });
    this.theirMessageLimit = 65536; // LW-WIRE-8: the default, until we hear it
    this.able = options.features ?? [...(options.repair ? ['repair'] : []), ...(options.timed ? ['marks', 'data'] : [])];
    this.features = []; // those chosen
    this.repair = this.timed = null; // once they are chosen
    this.paused = false;
    this.rtt = null; // ms
    this.pongs = 0; // in this second
    this.closed = new Promise((resolve) => { this.resolveClosed = resolve; });
  }

  start() {
    if (this.state === 'closed') return;
    this.startedAt = this.lastIn = this.lastOut = this.lastPing = this.pongsSince = now();
    this.timer = setInterval(() => this.guard(() => this.everyTick(now())), TICK);
  }

  /** What both roles do once welcome was sent or received. */
  open(format, features, limits) {
    this.state = 'open';
    this.features = features;
    this.use(format);
    this.limits = limits;
    this.send(64 + Math.floor(Math.random() * 64), grease()); // LW-GREASE-1
    this.ping(); // so that the round trip is known
  }

  use(format) {
    this.format = format;
    this.rate = format[1];
    this.frame = SAMPLE_BYTES[format[0]] * format[2]; // bytes of a PCM frame
  }

  // ---- sending

  /** LW-BINDING-3: what may be lost goes on media, an interrupt on both channels, the rest on control. */
  send(name, ...fields) {
    return this.sendOn(this.transport.twoChannels && MEDIA.includes(name), name, fields);
  }

  sendOn(media, name, fields) {
    if (this.state === 'closed') return null; // LW-CLOSE-1
    const bytes = encode(name, fields);
    if (bytes.length > this.theirMessageLimit) throw new Misuse('larger than the other peer accepts'); // LW-BINDING-4
    this.lastOut = now();
    if (!media || name === 'interrupt') this.transport.send('control', bytes);
    if (media) this.transport.send('media', bytes);
    return bytes;
  }

  ping() {
    this.lastPing = now();
    this.send('ping', clock());
  }

  // ---- receiving

  /** LW-SECURITY-1: whatever comes, nothing but this session ends. LW-WIRE-13: the channel does not matter. */
  receive(message) {
    this.lastIn = now();
    this.guard(() => this.take(message)); // LW-CLOSE-1: ignored when closed
  }

  guard(work) {
    try {
      if (this.state !== 'closed') work();
    } catch (error) {
      const known = error instanceof LipwireError;
      if (!known) this.fault = error; // ours, for whoever debugs; the other peer is told no more than the code
      this.close(known ? error.code : CODES.internal_error, known ? error.message : 'internal error', error.retry, error.details);
    }
  }

  ignores() { return false; }

  /** LW-WIRE-14: size and structure (decode), type and fields (understand), direction, state and feature; then meaning. */
  take(bytes) {
    const message = decode(bytes, this.messageLimit);
    if (message[0] === 3) return this.closedByOther(message);
    const understood = understand(message);
    if (!understood) return undefined;
    const { name, from, feature, fields } = understood;
    if (this.ignores(name)) return undefined;
    const legal = (this.state === 'open') !== (name === 'hello' || name === 'welcome');
    const chosen = feature === 'core' || this.features.includes(feature); // LW-FEATURE-2
    if (from === this.role || !legal || !chosen) throw new LipwireError('out_of_state', name); // LW-REGISTRY-2
    return this[`take_${name}`](...fields);
  }

  take_ping(t1) { // LW-LIVE-1
    const t2 = clock();
    if (now() - this.pongsSince > 1000) Object.assign(this, { pongsSince: now(), pongs: 0 });
    if (++this.pongs <= PONGS) this.send('pong', t1, t2, clock());
  }

  take_pong(t1, t2, t3) { // §6.4
    const rtt = (clock() - t1 - (t3 - t2)) / 1000;
    if (rtt >= 0 && rtt < 60000) this.rtt = this.rtt === null ? rtt : (7 * this.rtt + rtt) / 8;
  }

  // ---- custom messages

  need(feature) {
    if (this.state !== 'open' || !this.features.includes(feature)) throw new Misuse(`${feature} was not agreed on`);
  }

  /** Sends a map, by namespaced keys (LW-CUSTOM-1). */
  sendCustom(content) {
    this.need('custom');
    this.send('custom', checkMap(content));
  }

  take_custom(content) { this.on.custom?.(content); }

  // ---- time

  everyTick(t) {
    if (this.state === 'opening') {
      if (t - this.startedAt > (this.options.handshake ?? 10000)) throw new LipwireError('handshake_timeout'); // LW-OPEN-7
      return;
    }
    const { keepalive } = this.limits;
    if (t - this.lastIn > 3 * keepalive) this.transportClosed('nothing has come for too long'); // LW-LIVE-3
    else if (t - this.lastOut >= keepalive - TICK || (this.repair && t - this.lastPing > 1000)) this.ping(); // LW-LIVE-2
    this.tick(t);
  }

  // ---- the end

  /** LW-RESUME-12: without `resume` the end of the transport is the end of the session. The code is for our user. */
  transportClosed(reason = 'the transport has ended') {
    this.finish({ code: CODES.peer_gone, reason, by: 'transport' });
  }

  close(code = CODES.normal, reason = '', retry = null, details = null) {
    try {
      this.send('close', code, reason.slice(0, 256), retry, details);
    } catch { /* the transport is gone (LW-CLOSE-6) */ }
    this.finish({ code, reason, retry, details, by: 'us' });
  }

  /** LW-INVARIANT-5: never answered, however odd its fields are. LW-CODE-1: an unknown code is kept as it is. */
  closedByOther([type, code, reason, ...rest]) {
    const known = Number.isSafeInteger(code) && code >= 0 ? code : CODES.internal_error;
    const [,, retry, details] = understand([type, known, '', ...rest]).fields;
    this.finish({ code: known, reason: typeof reason === 'string' ? shown(reason) : '', retry, details, by: 'them' });
  }

  finish(how) {
    if (this.state === 'closed') return;
    this.closing = { ...how, name: codeName(how.code), opened: this.state === 'open' }; // not opened: LW-CLOSE-5
    this.state = 'closed';
    clearInterval(this.timer);
    this.sessionEnded(this.closing);
    try { this.transport.close(); } catch { /* it is gone already */ } // LW-CLOSE-1
    this.resolveClosed(this.closing);
    this.on.closed?.(this.closing);
  }
}
