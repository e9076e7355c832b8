// A renderer's playout without a sound: takes samples from a receiver, "plays" them at `speed` times real time (0: at
// once), and reports what a renderer would report. Tells what it got by print(event, facts). Runs in browsers, too.

const LEAD = 0.2; // seconds that it takes ahead of what is heard

const hex = (buffer) => Array.from(new Uint8Array(buffer), (b) => b.toString(16).padStart(2, '0')).join('');
const sha256 = async (pieces) => hex(await crypto.subtle.digest('SHA-256', await new Blob(pieces).arrayBuffer()));

export class Playout {
  constructor(speed, print) {
    Object.assign(this, { speed, print });
    this.queue = []; // { id, left, end }: samples to be heard, and the end of a segment
    this.segments = new Map();
    this.owed = 0; // samples that time has passed for and that were not played
    this.printed = Promise.resolve(); // hashing takes a while: what is printed keeps its order
  }

  /** The receiver that it plays for; made with `demand: 0` and these callbacks. */
  attach(receiver) {
    this.receiver = receiver;
    return receiver;
  }

  say(event, facts, pieces = null) {
    this.printed = this.printed.then(async () => this.print(event, pieces ? { ...facts, sha256: await sha256(pieces) } : facts));
  }

  callbacks() {
    return {
      open: ([, rate]) => {
        this.rate = rate;
        this.last = performance.now();
        if (this.speed > 0) this.timer = setInterval(() => this.tick(), 5);
        this.receiver.grant(this.speed > 0 ? Math.ceil(rate * LEAD * Math.max(1, this.speed)) : Infinity);
        this.say('open', { format: this.receiver.format, features: this.receiver.repair ? ['repair'] : [] });
      },
      segmentStart: (id, metadata) => {
        this.segments.set(id, { pieces: [], samples: 0, heard: 0 });
        this.say('segment_start', { segment: id, metadata });
      },
      audio: (id, position, bytes) => {
        const s = this.segments.get(id);
        if (position !== s.samples) throw new Error('samples are missing');
        const count = bytes.length / this.receiver.frame;
        s.pieces.push(bytes);
        s.samples += count;
        this.queue.push({ id, left: count, end: false });
        if (this.speed === 0) this.play(Infinity);
      },
      segmentEnd: (id, total) => {
        this.say('segment_end', { segment: id, samples: total }, this.segments.get(id).pieces);
        this.queue.push({ id, left: 0, end: true });
        if (this.speed === 0) this.play(Infinity);
      },
      interrupted: (id) => {
        const s = this.segments.get(id);
        const dropped = this.queue.reduce((sum, q) => sum + (q.id === id ? q.left : 0), 0);
        this.queue = this.queue.filter((q) => q.id !== id);
        this.segments.delete(id);
        this.say('interrupted', { segment: id, samples: s.samples, heard: s.heard }, s.pieces);
        this.receiver.ended(id, { position: s.heard });
        if (this.speed > 0) this.receiver.grant(dropped);
      },
      closed: ({ code, name, reason }) => {
        clearInterval(this.timer);
        this.queue = [];
        this.say('closed', { code, name, reason });
      },
    };
  }

  tick() {
    const t = performance.now();
    this.owed = this.queue.length ? this.owed + ((t - this.last) / 1000) * this.rate * this.speed : 0;
    this.last = t;
    const played = this.play(Math.floor(this.owed));
    this.owed -= played;
    if (played) this.receiver.grant(played);
  }

  /** Plays up to so many samples; returns how many. */
  play(most) {
    let played = 0;
    while (this.queue.length) {
      const q = this.queue[0], s = this.segments.get(q.id);
      const n = Math.min(q.left, most - played);
      if (n === 0 && !q.end) break;
      if (n > 0 && s.heard === 0) this.receiver.started(q.id);
      q.left -= n;
      s.heard += n;
      played += n;
      if (n > 0) this.receiver.played(q.id, s.heard);
      if (q.left > 0) break;
      this.queue.shift();
      if (q.end) {
        this.segments.delete(q.id);
        this.say('played', { segment: q.id, position: s.heard });
        this.receiver.ended(q.id, { position: s.heard });
      }
    }
    return played;
  }
}

/** What it can play: all that there is. */
export const FORMATS = ['s16le', 'f32le'].flatMap((encoding) =>
  [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000].flatMap((rate) => [1, 2].map((channels) => [encoding, rate, channels])));
