// Lipwire 1: the sender, core profile; with the feature `repair` when options.repair has the module repair.js.

import { Peer, VERSION, grease, now, same } from './peer.js';
import { LipwireError, Misuse, checkMap, encode, limitsOf } from './wire.js';

const AUDIO_HEADER = 35; // an audio message is at most so much larger than its pcm
const MEDIA_MESSAGE = 1150; // of two channels: one packet each (LW-BINDING-4)
const REPEATS = [20, 60, 140]; // ms after an interrupt, then every 500 (LW-INTERRUPT-2)
const CAUSES = ['played', 'interrupted', 'failed'];
const CLOSED = { us: 'closed', them: 'peer closed', transport: 'transport lost' };

/** One utterance. `ended` is a promise of { position, interrupted, cause, exact }. */
class Segment {
  constructor(sender, id, metadata) {
    Object.assign(this, { sender, id, metadata });
    this.queue = []; // Uint8Arrays of whole PCM frames that are still to be sent
    this.queued = 0; // samples in it
    this.sent = this.received = this.highest = this.consumed = 0; // positions: ours, and as last reported
    this.played = null;
    this.started = this.heard = this.endWanted = this.endSent = false;
    this.isCut = this.cutConfirmed = false;
    this.over = false; // on the wire; towards the user it ends with the result, which may come earlier (LW-STREAM-7)
    this.marks = []; // names that wait to be reached
    this.attached = []; // data that is ahead of the consumed position
    this.toSay = []; // marks and data of a segment that has not started
    this.result = null;
    this.told = false;
    this.ended = new Promise((resolve) => { this.resolve = resolve; });
  }

  /** Samples in the session's format: an Int16Array for s16le, a Float32Array for f32le, channels interleaved. */
  write(samples) {
    if (this.endWanted) throw new Misuse('the segment has ended');
    if (this.isCut || this.over) return; // nobody will hear it
    const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength).slice();
    if (bytes.length % this.sender.frame) throw new Misuse('not a whole number of PCM frames');
    if (bytes.length === 0) return;
    this.queue.push(bytes);
    this.queued += bytes.length / this.sender.frame;
    this.sender.pump();
  }

  /** LW-AUDIO-1: takes at most so many samples from the queue and gives them their position. */
  next(most) {
    const position = this.sent;
    const head = this.queue[0];
    const pcm = head.subarray(0, most * this.sender.frame);
    if (pcm.length < head.length) this.queue[0] = head.subarray(pcm.length);
    else this.queue.shift();
    this.sent += pcm.length / this.sender.frame;
    this.queued -= pcm.length / this.sender.frame;
    return { position, pcm };
  }

  /** A name that is echoed when what is at the position is heard; where writing goes on unless it is given. */
  mark(name, position = this.sent + this.queued) { this.sender.timedFor('marks').mark(this, name, position); }

  /** What belongs to a position: words, visemes (LW-DATA-1). */
  data(content, position = this.sent + this.queued) { this.sender.timedFor('data').data(this, content, position); }

  end() {
    this.endWanted = true;
    this.sender.pump();
  }

  /** Cuts this segment alone (LW-INTERRUPT-11). */
  interrupt() { this.sender.cut([this]); }

  empty() {
    this.queue = [];
    this.queued = 0;
  }
}

export class Sender extends Peer {
  /**
   * options.formats, options.auth, options.grace (ms), options.inFlight (s), options.versions (to try a refusal);
   * options.on: open(), started(segment), progress(segment), marked(segment, name), ended(segment, result), closed(how).
   */
  constructor(transport, options = {}) {
    super('sender', transport, options);
    this.versions = options.versions ?? [VERSION];
    this.formats = options.formats ?? [['s16le', 24000, 1]];
    this.offered = [...this.able, `grease.${grease()}`]; // LW-BINDING-1, LW-GREASE-1
    this.use(this.formats[0]); // what is written before welcome is in it
    this.session = crypto.getRandomValues(new Uint8Array(16));
    this.segments = new Map(); // by id: those not over, or not ended towards the user
    this.highest = 0; // the highest id opened
    this.highestStarted = 0;
    this.cutThrough = 0;
    this.interrupts = []; // those that no cut has confirmed: { first, last, at, repeats }
    this.opened = new Promise((resolve, reject) => { this.resolveOpened = resolve; this.rejectOpened = reject; });
    this.opened.catch(() => {}); // nobody has to look at it
  }

  start() {
    super.start();
    this.send('hello', 'lipwire', this.versions, this.session, 1, this.formats, this.offered, // LW-OPEN-1, LW-OPEN-8
      { message: this.messageLimit }, this.options.auth, null, checkMap(this.options.info));
  }

  take_welcome(version, session, generation, format, features, announced) {
    const offered = this.versions.includes(version) && same(session, this.session) && generation === 1
      && this.formats.some((f) => same(f, format)) && features.every((f) => this.offered.includes(f));
    if (!offered) throw new LipwireError('invalid_field', 'welcome chooses what was not offered'); // LW-OPEN-6
    const limits = limitsOf(announced, ['window', 'message', 'cooldown', 'resume', 'keepalive', 'segments'], format[1]);
    this.theirMessageLimit = limits.message;
    if (features.includes('repair')) this.repair = new this.options.repair.SenderRepair(this);
    else if (this.transport.mediaLossy) throw new LipwireError('feature_required', 'repair', { features: ['repair'] }); // LW-BINDING-2
    if (features.includes('marks') || features.includes('data')) this.timed = new this.options.timed.SenderTimed(this);
    this.open(format, features, limits);
    const most = this.transport.twoChannels ? Math.min(MEDIA_MESSAGE, this.theirMessageLimit) : this.theirMessageLimit;
    this.chunk = Math.min(Math.floor(this.rate / 50), Math.floor((most - AUDIO_HEADER) / this.frame)); // 20 ms, or what fits
    this.resolveOpened(this);
    this.on.open?.();
    for (const s of this.segments.values()) if (!this.fits(s)) this.finishSegment(s, 0, true, 'refused', true);
    this.goOn();
  }

  take(bytes) {
    if (this.welcome && same(this.welcome, bytes)) return; // LW-OPEN-12
    const opening = this.state === 'opening';
    super.take(bytes);
    if (opening && this.state === 'open') this.welcome = bytes.slice();
  }

  ignores(name) { return this.state === 'opening' && (name === 'progress' || name === 'nack'); } // LW-OPEN-13

  // ---- towards the user

  /** Opens a segment; it is started on the wire as soon as those before it allow (LW-SEGMENT-3). */
  segment(metadata = null) {
    if (this.state === 'closed') throw new Misuse('the session is closed');
    const id = this.highest + 1; // LW-SEGMENT-1, LW-INTERRUPT-1
    const segment = new Segment(this, id, checkMap(metadata));
    if (!this.fits(segment)) throw new Misuse('the metadata is larger than the receiver accepts');
    this.highest = id;
    this.segments.set(id, segment);
    this.pump();
    return segment;
  }

  /** Whether the receiver takes its segment_start (LW-BINDING-4); before welcome, as far as is known. */
  fits({ id, metadata }) { return encode('segment_start', [id, metadata]).length <= this.theirMessageLimit; }

  timedFor(feature) {
    this.need(feature);
    return this.timed;
  }

  /** Cuts everything that is not over. */
  interrupt() { this.cut([...this.segments.values()]); }

  /** Closes once all that was said has been heard, or has ended otherwise (LW-CLOSE-2). */
  async closeWhenHeard() {
    const said = [...this.segments.values()];
    for (const s of said) s.end();
    await Promise.all(said.map((s) => s.ended));
    this.close();
  }

  /** Holds playback, of the whole session. */
  pause() {
    this.need('pause');
    if (this.paused) return;
    this.paused = true;
    this.send('pause');
  }

  unpause() {
    this.need('pause');
    if (!this.paused) return;
    this.paused = false;
    this.send('unpause');
  }

  cut(segments) {
    const cut = segments.filter((s) => !s.isCut && !s.over);
    for (const s of cut) {
      s.isCut = true; // LW-INTERRUPT-1: nothing of it is sent from here on
      s.empty();
      if (!s.started) this.finishSegment(s, 0, true, 'interrupted', true); // LW-INTERRUPT-8; its id is left out
    }
    const ids = cut.filter((s) => s.started).map((s) => s.id);
    if (ids.length) {
      const interrupt = { first: Math.min(...ids), last: Math.max(...ids), at: now(), repeats: 0 };
      this.interrupts.push(interrupt);
      this.send('interrupt', interrupt.first, interrupt.last); // LW-INTERRUPT-2: on both channels
    }
    if (cut.length && this.paused && [...this.segments.values()].every((s) => s.isCut || s.over)) this.unpause(); // LW-PAUSE-2
    this.goOn();
  }

  // ---- sending what may be sent

  /** Samples that may still be sent (LW-CREDIT-1, LW-CREDIT-2). */
  get credit() {
    let used = 0;
    for (const s of this.segments.values()) {
      const leftOut = s.over || (s.isCut && (s.cutConfirmed || s.id <= this.cutThrough));
      if (!leftOut) used += s.sent - s.consumed;
    }
    return this.limits.window - used;
  }

  /** LW-FLIGHT-1: samples that may be sent before more is reported as received, so that an interrupt need not queue. */
  get flightRoom() {
    let flying = 0;
    for (const s of this.segments.values()) if (!s.over && !s.isCut) flying += s.sent - s.highest;
    return Math.floor((this.options.inFlight ?? 0.5) * this.rate) - flying;
  }

  pump() {
    if (this.state !== 'open') return;
    const live = [...this.segments.values()].filter((s) => !s.over);
    for (const s of live) {
      if (s.endSent || s.isCut) continue;
      if (!s.started) {
        if (live.filter((o) => o.started).length >= this.limits.segments) return; // LW-SEGMENT-4
        s.started = true;
        this.highestStarted = s.id;
        this.send('segment_start', s.id, s.metadata);
        this.timed?.started(s);
      }
      while (s.queued > 0) {
        const room = Math.min(this.credit, this.flightRoom, this.chunk);
        if (room <= 0) return;
        const { position, pcm } = s.next(room);
        this.repair?.keep(s, position, pcm);
        this.sendAudio(s, position, pcm);
      }
      if (!s.endWanted) return; // LW-SEGMENT-3: the next waits for this one
      s.endSent = true;
      this.send('segment_end', s.id, s.sent); // LW-SEGMENT-5
    }
  }

  sendAudio(s, position, pcm) { this.send('audio', s.id, position, this.cutThrough, pcm); }

  /** A segment is over on the wire. LW-STREAM-5: the first result stands. */
  finishSegment(s, position, interrupted, cause, exact) {
    s.over = true;
    s.result ??= { position, interrupted, cause, exact };
    s.empty();
    this.repair?.forget(s);
  }

  /** After a segment was cut or has ended: tells the user, forgets what is done with, sends what may be sent now. */
  goOn() {
    for (let id = this.cutThrough + 1; id <= this.highest; id++) { // LW-AUDIO-2
      const s = this.segments.get(id);
      if (s && !s.isCut && !s.over) break;
      this.cutThrough = id;
    }
    for (const s of this.segments.values()) { // LW-STREAM-7: in the order of ids, each once
      if (!s.result) break;
      if (!s.told) {
        s.told = true;
        s.resolve(s.result);
        this.on.ended?.(s, s.result);
      }
    }
    for (const s of this.segments.values()) if (s.told && s.over) this.segments.delete(s.id);
    this.pump();
  }

  // ---- what the receiver says

  /** The segment that a report names; null when it is over (LW-PROGRESS-4, LW-STREAM-5, LW-REPAIR-4). */
  reported(id) {
    const s = this.segments.get(id);
    if (id > this.highestStarted) throw new LipwireError('invalid_segment', `segment ${id} was never started`);
    return s && !s.over ? s : null;
  }

  take_progress(id, received, consumed, played, at, delay, highest) {
    const s = this.reported(id);
    if (!s) return;
    if (Math.max(received, highest) > s.sent || consumed > received || played > consumed) { // null > n is false
      throw new LipwireError('invalid_position', 'progress');
    }
    s.received = Math.max(s.received, received);
    s.highest = Math.max(s.highest, received, highest);
    s.consumed = Math.max(s.consumed, consumed);
    if (played !== null) s.played = Math.max(s.played ?? 0, played);
    this.repair?.received(s);
    this.on.progress?.(s);
    this.pump();
  }

  take_stream_started(id) {
    const s = this.reported(id);
    if (!s || s.heard) return;
    s.heard = true;
    this.on.started?.(s);
  }

  take_stream_ended(id, position, interrupted, cause) {
    const s = this.reported(id);
    if (!s) return; // LW-STREAM-5, LW-INTERRUPT-9
    if (position > s.sent) throw new LipwireError('invalid_position'); // LW-STREAM-6
    this.finishSegment(s, position ?? s.played ?? 0, interrupted, CAUSES[cause] ?? 'failed', position !== null); // LW-STREAM-8
    this.goOn();
  }

  take_cut(first, last, consumed) {
    if (first > last || consumed.length > this.limits.segments) throw new LipwireError('invalid_field', 'cut');
    if (last > this.highest || consumed.some(([id]) => id > this.highest)) { // LW-INTERRUPT-12
      throw new LipwireError('invalid_segment', 'a cut of what was never opened');
    }
    for (const [id, position] of consumed) {
      const s = this.segments.get(id);
      if (s && !s.over && position > s.sent) throw new LipwireError('invalid_position', 'cut');
    }
    const within = (i) => i.first >= first && i.last <= last;
    if (!this.interrupts.some(within)) return; // it confirms nothing
    this.interrupts = this.interrupts.filter((i) => !within(i));
    for (const s of this.segments.values()) if (s.isCut && s.id >= first && s.id <= last) s.cutConfirmed = true; // LW-CREDIT-2
    for (const [id, position] of consumed) {
      const s = id >= first && id <= last ? this.reported(id) : null;
      if (s) s.consumed = Math.max(s.consumed, position);
    }
    this.pump(); // the segments end with their stream_ended (LW-INTERRUPT-8)
  }

  take_mark_reached(id, name) { this.timed.reached(this.segments.get(id), name); }

  take_nack(id, missing) { this.repair.nack(this.reported(id), missing); }

  // ---- time

  tick(t) {
    this.repair?.tick(t);
    if (this.transport.mediaLossy) this.repeatInterrupts(t);
    this.watch(t);
  }

  repeatInterrupts(t) { // LW-INTERRUPT-2
    const open = ({ first, last }) => [...this.segments.values()].some((s) => s.id >= first && s.id <= last && !s.over);
    this.interrupts = this.interrupts.filter(open);
    for (const i of this.interrupts) {
      if (t - i.at < (REPEATS[i.repeats] ?? REPEATS.at(-1) + 500 * (i.repeats - REPEATS.length + 1))) continue;
      i.repeats++;
      this.send('interrupt', i.first, i.last);
    }
  }

  /** LW-STREAM-7: the one timer, for the oldest segment without a result, begun anew whenever one of its positions moves. */
  watch(t) {
    const s = [...this.segments.values()].find((o) => !o.result);
    const outstanding = s && (s.queued > 0 || s.sent > s.consumed || s.endWanted || s.isCut);
    const seen = outstanding ? [s.id, s.sent, s.received, s.consumed, s.played, s.isCut] : [];
    if (!this.seen || !same(seen, this.seen)) {
      this.seen = seen;
      const rest = outstanding && !s.isCut ? ((s.sent + s.queued - (s.played ?? 0)) / this.rate) * 1000 : 0;
      this.expires = t + rest + (this.options.grace ?? 5000) + this.limits.cooldown;
    }
    if (this.paused) this.expires += t - (this.watchedAt ?? t); // a pause holds it
    this.watchedAt = t;
    if (!outstanding || this.paused || t < this.expires) return;
    s.result = { position: s.played ?? 0, interrupted: true, cause: 'no report', exact: !s.started }; // LW-STREAM-8
    if (s.isCut) this.goOn();
    else this.cut([s]);
  }

  sessionEnded(how) { // LW-CLOSE-4
    const cause = how.by === 'us' && how.code !== 0 ? 'peer fault' : CLOSED[how.by];
    for (const s of this.segments.values()) this.finishSegment(s, s.played ?? 0, true, s.isCut ? 'interrupted' : cause, !s.started);
    this.goOn();
    this.rejectOpened(Object.assign(new Error(`${how.name}: ${how.reason}`), { how }));
  }
}
