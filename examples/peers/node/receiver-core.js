// Lipwire 1: the receiver, core profile; with the feature `repair` when options.repair has the module repair.js.

import { Peer, VERSION, clock, isFormat, now, same } from './peer.js';
import { LipwireError, checkLimits, checkMap, decode, encode, limitsOf, understand } from './wire.js';

const LONGEST = 2 ** 40; // samples of a segment (LW-AUDIO-11)
const HELLO_BYTES = 65536; // of a hello, whatever we announce (LW-WIRE-8)
const CUT_HEAD = 24, CUT_ROW = 19; // bytes of a cut, at most
const EARLY_CUTS = 64; // LW-INTERRUPT-5
const PROGRESS_REPEAT = 500; // ms (LW-PROGRESS-5)
const GRACE = 5000; // ms (LW-INTERRUPT-7)
const PLAYED = 0, INTERRUPTED = 1, FAILED = 2; // causes (§6.9)

/** What has arrived of a segment and was not handed out. Audio comes in order here (LW-AUDIO-8). */
export class InOrder {
  constructor(frame) {
    this.frame = frame;
    this.pieces = [];
    this.received = 0; // everything before it has arrived
    this.waiting = 0; // samples that can be handed out
  }

  get highest() { return this.received; }

  add(position, pcm) {
    if (position > this.received) throw new LipwireError('invalid_position', 'a gap');
    const fresh = pcm.slice((this.received - position) * this.frame); // LW-AUDIO-6: the first stands
    if (fresh.length > 0) this.append(fresh);
  }

  append(bytes) {
    this.pieces.push(bytes);
    this.received += bytes.length / this.frame;
    this.waiting += bytes.length / this.frame;
  }

  /** At most so many samples from where the last ended; as bytes. */
  take(most) {
    const head = this.pieces[0];
    const out = head.subarray(0, most * this.frame);
    if (out.length < head.length) this.pieces[0] = head.subarray(out.length);
    else this.pieces.shift();
    this.waiting -= out.length / this.frame;
    return out;
  }
}

export class Receiver extends Peer {
  /**
   * options.formats ([[encoding, rate, channels]]), options.limits ({ window (s), cooldown, keepalive, segments }),
   * options.grace (ms), options.demand (samples that the consumer takes before it grants more; Infinity unless set),
   * options.authorize(auth), options.busy(). options.on: open(format), segmentStart(id, metadata), audio(id, position, bytes),
   * segmentEnd(id, total), data(id, position, content), paused(), unpaused(), closed(how), and interrupted(id, consumed): the
   * consumer stops playing it, also because the session is over.
   */
  constructor(transport, options = {}) {
    super('receiver', transport, options);
    checkLimits(options.limits);
    this.demand = options.demand ?? Infinity;
    this.live = new Map(); // by id: started and not over
    this.highest = 0; // the highest id started
    this.cutThrough = 0;
    this.earlyCuts = []; // [first, last] of what an interrupt named and was not seen yet (LW-INTERRUPT-5)
    this.resetting = new Set(); // cut segments whose end of playback is awaited (LW-COOLDOWN-2)
    this.coolUntil = 0;
  }

  // ---- opening

  take(bytes) {
    if (this.state === 'opening') this.takeFirst(bytes);
    else if (same(this.firstHello, bytes)) this.transport.send('control', this.welcome); // LW-OPEN-9
    else super.take(bytes);
  }

  takeFirst(bytes) {
    let message = [];
    try { message = decode(bytes, HELLO_BYTES); } catch (error) { if (error.codeName !== 'malformed') throw error; }
    const [type, magic, versions] = message;
    if (type !== 1 || magic !== 'lipwire' || !Array.isArray(versions)) throw new LipwireError('not_lipwire'); // LW-INVARIANT-4
    if (!versions.includes(VERSION)) { // LW-INVARIANT-3: before anything else is looked at
      throw new LipwireError('unsupported_version', 'this peer speaks version 1', { versions: [VERSION] });
    }
    this.hello(...understand(message).fields);
    this.firstHello = bytes.slice();
  }

  hello(magic, versions, session, generation, formats, features, announced, auth, resume) {
    this.theirMessageLimit = limitsOf(announced, ['message']).message;
    const { authorize, busy, formats: ours = [['s16le', 24000, 1]], limits = {}, repair, timed, info } = this.options;
    if (resume) throw new LipwireError('unknown_session', 'sessions are not resumed here'); // LW-RESUME-4
    if (busy?.()) throw new LipwireError('busy', 'busy', null, 1000); // LW-OPEN-11
    if (authorize && !authorize(auth)) throw new LipwireError('unauthorized'); // LW-OPEN-5
    if (this.transport.mediaLossy && !features.includes('repair')) { // LW-BINDING-2
      throw new LipwireError('feature_required', 'repair', { features: ['repair'] });
    }
    const format = formats.find((f) => isFormat(f) && ours.some((o) => same(o, f))); // LW-OPEN-3
    if (!format) throw new LipwireError('unsupported_format', 'unsupported format', { formats: ours }); // LW-OPEN-4
    const chosen = this.able.filter((name) => features.includes(name)); // LW-FEATURE-1
    const chosenLimits = {
      window: Math.round((limits.window ?? 2) * format[1]),
      message: this.messageLimit,
      cooldown: limits.cooldown ?? 300,
      keepalive: limits.keepalive ?? 5000,
      segments: Math.min(limits.segments ?? 64, Math.floor((this.theirMessageLimit - CUT_HEAD) / CUT_ROW)), // LW-BINDING-4
    };
    const fields = [VERSION, session, generation, format, chosen, chosenLimits, null, null, checkMap(info)];
    if (encode('welcome', fields).length > this.theirMessageLimit) fields.pop(); // LW-BINDING-4: without info
    this.welcome = this.send('welcome', ...fields);
    this.open(format, chosen, chosenLimits);
    if (chosen.includes('repair')) this.repair = new repair.ReceiverRepair(this);
    if (chosen.includes('marks') || chosen.includes('data')) this.timed = new timed.ReceiverTimed(this);
    this.on.open?.(format);
  }

  // ---- what the sender says

  take_segment_start(id, metadata) {
    if (id <= this.highest) throw new LipwireError('invalid_segment', 'ids must grow'); // LW-SEGMENT-2
    for (const s of this.live.values()) {
      if (!s.isCut && s.total === null) throw new LipwireError('out_of_state', `segment ${s.id} has not ended`); // LW-SEGMENT-3
    }
    const cut = this.cutEarly(id);
    this.highest = id;
    this.earlyCuts = this.earlyCuts.filter(([, last]) => last > id);
    if (cut) return void this.send('stream_ended', id, 0, true, INTERRUPTED); // LW-INTERRUPT-5, LW-STREAM-2
    if (this.live.size >= this.limits.segments) throw new LipwireError('limit_exceeded', 'too many segments'); // LW-SEGMENT-4
    const buffer = this.repair?.adopt(id) ?? new InOrder(this.frame);
    this.live.set(id, {
      id, metadata, buffer, marks: [], attached: [],
      consumed: 0, played: null, total: null, isCut: false,
      begun: false, endGiven: false, // towards the consumer
      startSent: false, reported: [0, 0, null, 0], reportedAt: now(), grew: buffer.highest ? clock() : null, // towards the sender
    });
    this.deliver();
  }

  /** Whether a segment that was not started is cut: by an interrupt (LW-INTERRUPT-5) or by a cut_through (LW-AUDIO-3). */
  cutEarly(id) {
    return id <= this.cutThrough || this.earlyCuts.some(([first, last]) => id >= first && id <= last);
  }

  /** The segment; null when it is cut or over and the message is to be ignored; undefined when it was not started. */
  find(id) {
    const s = this.live.get(id);
    if (s) return s.isCut ? null : s;
    return id <= this.highest || this.cutEarly(id) ? null : undefined; // LW-SEGMENT-8, LW-AUDIO-5
  }

  take_audio(id, position, cutThrough, pcm) {
    if (cutThrough >= id || pcm.length % this.frame) throw new LipwireError('invalid_field', 'audio'); // LW-AUDIO-4
    if (cutThrough > this.cutThrough) { // LW-AUDIO-3, LW-CREDIT-3: before the message is counted
      this.cutThrough = cutThrough;
      this.cut([...this.live.values()].filter((s) => s.id <= cutThrough));
    }
    const s = this.find(id);
    if (s === null) return; // LW-AUDIO-5
    if (!s && !this.repair) throw new LipwireError('invalid_segment', 'audio before its segment_start'); // LW-AUDIO-9
    if (position + pcm.length / this.frame > (s?.total ?? LONGEST)) throw new LipwireError('invalid_position', 'beyond the end'); // LW-AUDIO-10
    const buffer = s?.buffer ?? this.repair.early(id);
    if (!buffer) return; // too many came before their start: as if lost
    const before = buffer.highest;
    buffer.add(position, pcm);
    this.checkWindow();
    if (!s) return;
    if (buffer.highest > before) s.grew = clock();
    this.deliver();
  }

  checkWindow() { // LW-CREDIT-3
    let used = this.repair?.heldEarly ?? 0;
    for (const s of this.live.values()) if (!s.isCut) used += s.buffer.highest - s.consumed;
    if (used > this.limits.window) throw new LipwireError('window_exceeded');
  }

  /** LW-CREDIT-3: of what the sender says it has sent. */
  checkReach(s, position) {
    if (position - s.consumed > this.limits.window) throw new LipwireError('window_exceeded');
  }

  take_segment_end(id, total) {
    const s = this.find(id);
    if (s === null) return; // LW-SEGMENT-8
    if (s === undefined) throw new LipwireError('invalid_segment', 'the end of what was never started');
    if (s.total === total) return; // LW-SEGMENT-7
    const missing = !this.repair && total > s.buffer.received; // LW-AUDIO-8
    const least = Math.max(s.buffer.highest, s.known ?? 0);
    if (s.total !== null || missing || total < least || total > LONGEST) throw new LipwireError('invalid_position', 'total');
    this.checkReach(s, total);
    s.total = total;
    this.timed?.reach(s, s.played ?? -1); // LW-MARK-1: those beyond the total are at the total
    this.deliver();
  }

  take_sent(id, position) {
    const s = this.find(id);
    if (s === null) return; // LW-SEGMENT-8
    if (s === undefined) throw new LipwireError('invalid_segment', 'sent of what was never started');
    if (position > (s.total ?? LONGEST)) throw new LipwireError('invalid_position', 'sent'); // LW-AUDIO-10, LW-AUDIO-11
    this.checkReach(s, position);
    s.known = Math.max(s.known ?? 0, position); // what is missing below it is asked for (LW-REPAIR-1)
  }

  take_mark(id, position, name) { this.timed.mark(this.find(id), position, name); }

  take_data(id, position, content) { this.timed.data(this.find(id), position, content); }

  take_pause() { // LW-PAUSE-1
    if (this.paused) return;
    this.paused = true;
    this.on.paused?.();
  }

  take_unpause() {
    if (!this.paused) return;
    this.paused = false;
    this.on.unpaused?.();
    this.deliver();
  }

  take_interrupt(first, last) {
    if (last < first) throw new LipwireError('invalid_field', 'interrupt');
    const named = [...this.live.values()].filter((s) => s.id >= first && s.id <= last);
    this.send('cut', first, last, named.map((s) => [s.id, s.consumed])); // LW-INTERRUPT-4: for a repeat, too
    if (last > this.highest && !this.earlyCuts.some(([a, b]) => a <= first && b >= last)) { // LW-INTERRUPT-5
      this.earlyCuts = [...this.earlyCuts.filter(([a, b]) => a < first || b > last), [first, last]];
      if (this.earlyCuts.length > EARLY_CUTS) throw new LipwireError('limit_exceeded', 'too many interrupts of unknown segments');
    }
    this.cut(named);
  }

  cut(segments) {
    this.repair?.drop((id) => this.cutEarly(id));
    const fresh = segments.filter((s) => !s.isCut);
    for (const s of fresh) Object.assign(s, { isCut: true, cutAt: now() }); // LW-INTERRUPT-3: all of them before anybody is told of one
    for (const s of fresh) {
      Object.assign(s, { buffer: null, marks: [], attached: [] }); // LW-MARK-2
      if (s.consumed === 0 && !s.endGiven) this.finishSegment(s, 0, true, INTERRUPTED); // LW-INTERRUPT-7
      else if (s.consumed > 0) { // LW-COOLDOWN-1, LW-COOLDOWN-2
        this.resetting.add(s.id);
        this.coolUntil = now() + this.limits.cooldown;
      }
    }
    for (const s of fresh) if (s.begun) this.on.interrupted?.(s.id, s.consumed);
    this.deliver();
  }

  // ---- towards the consumer

  get cooling() { return this.resetting.size > 0 && now() < this.coolUntil; } // LW-COOLDOWN-1

  /** LW-SEGMENT-6: in the order of ids and positions; each end once, after the last sample. */
  deliver() {
    if (this.delivering) return; // called by the consumer from within
    this.delivering = true;
    try { while (this.state === 'open' && !this.cooling && !this.paused && this.deliverNext()); } finally { this.delivering = false; }
  }

  deliverNext() {
    const s = [...this.live.values()].find((o) => !o.isCut && (!o.endGiven || this.timed?.next(o)));
    if (!s || this.demand === 0) return false;
    const data = this.timed?.next(s);
    const samples = Math.min(s.buffer.waiting, this.demand, data ? data.position - s.consumed : Infinity); // LW-DATA-1
    if (!s.begun) { // its beginning waits for nothing of it
      s.begun = true;
      this.on.segmentStart?.(s.id, s.metadata);
    } else if (data && (data.position <= s.consumed || s.consumed === s.total)) {
      data.given = true;
      this.on.data?.(s.id, data.position, data.content);
    } else if (samples > 0) {
      const position = s.consumed;
      const bytes = s.buffer.take(samples);
      s.consumed += bytes.length / this.frame;
      this.demand -= bytes.length / this.frame;
      this.report(s, this.limits.window / 4);
      this.on.audio?.(s.id, position, bytes);
    } else if (s.consumed === s.total) {
      s.endGiven = true;
      this.on.segmentEnd?.(s.id, s.total);
    } else return false;
    return true;
  }

  /** The consumer takes nothing more until it grants. */
  hold() { this.demand = 0; }

  /** The consumer takes so many samples more. */
  grant(samples) {
    this.demand += samples;
    this.guard(() => this.deliver());
  }

  /** The consumer: it has reset after a cut (LW-COOLDOWN-1). */
  reset() {
    this.resetting.clear();
    this.guard(() => this.deliver());
  }

  /** The consumer: the first sample of the segment is heard (LW-STREAM-1). */
  started(id, at = clock()) {
    const s = this.live.get(id);
    if (!s || s.startSent) return;
    s.startSent = true;
    this.guard(() => this.send('stream_started', id, at));
  }

  /** The consumer: the segment was heard up to here (LW-PROGRESS-3). */
  played(id, position) {
    const s = this.live.get(id);
    if (!s) return;
    s.played = Math.max(s.played ?? 0, Math.min(position, s.consumed)); // LW-PROGRESS-2
    this.guard(() => this.timed?.reach(s, s.played));
  }

  /** The consumer: playback has ended, was given up (failed), or has stopped after an interrupt (LW-STREAM-2). */
  ended(id, { position = null, failed = false } = {}) {
    this.resetting.delete(id); // LW-COOLDOWN-2: also when its grace is over
    const s = this.live.get(id);
    if (!s) return void this.guard(() => this.deliver());
    const heard = position === null ? null : Math.min(position, s.consumed); // LW-STREAM-3
    const whole = !failed && heard === s.total; // LW-STREAM-4: a cut may have come too late
    this.guard(() => {
      if (whole) this.timed?.reach(s, Infinity); // LW-MARK-1
      this.finishSegment(s, heard, s.isCut && !whole, whole ? PLAYED : s.isCut && !failed ? INTERRUPTED : FAILED);
      this.deliver(); // the consumer may just have reset
    });
  }

  finishSegment(s, position, interrupted, cause) {
    this.live.delete(s.id);
    if (position === null && s.played !== null) this.sendOn(false, 'progress', this.progress(s)); // LW-STREAM-3
    this.send('stream_ended', s.id, position, interrupted, cause);
  }

  // ---- time

  tick(t) {
    this.repair?.tick(t);
    if (t >= this.coolUntil) this.resetting.clear();
    this.deliver();
    for (const s of this.live.values()) {
      if (s.isCut && t - s.cutAt >= (this.options.grace ?? GRACE)) { // LW-INTERRUPT-7
        const whole = s.played !== null && s.played === s.total; // LW-STREAM-4
        this.finishSegment(s, s.played, !whole, whole ? PLAYED : INTERRUPTED);
      }
      this.report(s, 0, this.transport.mediaLossy && t - s.reportedAt >= PROGRESS_REPEAT); // LW-PROGRESS-1: 20 ms at the latest
    }
  }

  /**
   * Sends a progress when `least` was consumed since the last, or, with 0, when anything has changed (LW-PROGRESS-1);
   * a repeat at any rate, and where it is not lost (LW-PROGRESS-5).
   */
  report(s, least, repeat = false) {
    if (s.isCut || !this.live.has(s.id)) return;
    const state = [s.buffer.received, s.consumed, s.played, s.buffer.highest];
    if (!repeat && (same(state, s.reported) || state[1] - s.reported[1] < least)) return;
    s.reported = state;
    s.reportedAt = now();
    this.sendOn(this.transport.twoChannels && !repeat, 'progress', this.progress(s));
  }

  progress(s) {
    const t = clock();
    const { received, highest } = s.buffer;
    return [s.id, received, s.consumed, s.played, t, s.grew === null ? 0 : t - s.grew, highest > received ? highest : null];
  }

  sessionEnded() { // LW-CLOSE-3: nothing more is handed out, and the consumer stops what it plays
    const playing = [...this.live.values()].filter((s) => s.begun && !s.isCut);
    this.live.clear();
    for (const s of playing) this.on.interrupted?.(s.id, s.consumed);
  }
}
