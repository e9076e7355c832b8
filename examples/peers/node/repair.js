// Lipwire 1: the feature `repair` (§13), for transports whose media channel may lose. Give this module to a peer as
// options.repair: import * as repair from './repair.js'. Not here: concealment (LW-REPAIR-7 is a MAY).

import { now } from './peer.js';
import { InOrder } from './receiver-core.js';
import { LipwireError } from './wire.js';

const RANGES = 32; // in one nack
const MISSING = 256; // ranges of a segment (LW-REPAIR-9)
const EARLY = 8; // segments held before their segment_start (LW-AUDIO-9)
const SENT_DELAY = 40; // ms
const ROUND_TRIP = 100; // ms; until it is known

// ---- sender: keeps what it sent, sends it again when asked

export class SenderRepair {
  constructor(sender) { this.sender = sender; }

  /** LW-REPAIR-3 */
  keep(s, position, pcm) {
    s.kept ??= [];
    s.kept.push({ position, end: position + pcm.length / this.sender.frame, pcm, at: now() });
    s.lastAudio = now();
  }

  received(s) { while (s.kept?.length && s.kept[0].end <= s.received) s.kept.shift(); }

  forget(s) { s.kept = []; }

  /** Sends the whole chunks that a nack touches, those just sent aside (LW-REPAIR-3, LW-REPAIR-4, LW-REPAIR-5). */
  nack(s, missing) {
    if (!s || s.isCut) return;
    if (missing.at(-1)[1] > s.sent) throw new LipwireError('invalid_position', 'asks for what was never sent');
    const t = now();
    const pause = Math.max(20, (this.sender.rtt ?? ROUND_TRIP) / 2);
    for (const k of s.kept ?? []) {
      if (t - k.at < pause || !missing.some(([first, end]) => first < k.end && end > k.position)) continue;
      k.at = t;
      this.sender.sendAudio(s, k.position, k.pcm);
    }
  }

  /** LW-REPAIR-6. Control loses nothing wherever this peer runs, so `sent` need not be repeated. */
  tick(t) {
    for (const s of this.sender.segments.values()) {
      const quiet = s.started && !s.endSent && !s.isCut && !s.over && s.sent > s.received && t - s.lastAudio >= SENT_DELAY;
      if (!quiet || s.sentTold === s.sent) continue;
      s.sentTold = s.sent;
      this.sender.send('sent', s.id, s.sent);
    }
  }
}

// ---- receiver: takes chunks in any order, asks for what is missing

/** LW-AUDIO-7: in order up to the first gap; beyond it are islands of what has arrived: { start, end, pieces }, apart. */
class AnyOrder extends InOrder {
  islands = [];

  get highest() { return this.islands.at(-1)?.end ?? this.received; }

  add(position, pcm) {
    const end = position + pcm.length / this.frame;
    const touches = position <= this.received || this.islands.some((i) => i.start <= end && i.end >= position);
    if (!touches && this.islands.length >= MISSING) return; // LW-REPAIR-9: as if lost
    const fresh = [];
    let from = Math.max(position, this.received);
    for (const had of [...this.islands, { start: end, end }]) { // LW-AUDIO-6: the first stands
      const to = Math.min(had.start, end);
      if (to > from) fresh.push({ start: from, end: to, pieces: [pcm.slice((from - position) * this.frame, (to - position) * this.frame)] });
      from = Math.max(from, had.end);
    }
    if (fresh.length) this.join([...this.islands, ...fresh].sort((a, b) => a.start - b.start));
  }

  /** What touches becomes one, and what has no gap before it any more is in order. */
  join(islands) {
    this.islands = [];
    for (const island of islands) {
      const last = this.islands.at(-1);
      if (island.start === this.received) island.pieces.forEach((bytes) => this.append(bytes));
      else if (last?.end === island.start) Object.assign(last, { end: island.end, pieces: last.pieces.concat(island.pieces) });
      else this.islands.push(island);
    }
  }

  /** LW-REPAIR-1: what has not arrived below `known`, as ranges [first, end). */
  missing(known) {
    const out = [];
    let at = this.received;
    for (const { start, end } of this.islands) {
      out.push([at, start]);
      at = end;
    }
    if (at < known) out.push([at, known]);
    return out;
  }
}

export class ReceiverRepair {
  constructor(receiver) {
    this.receiver = receiver;
    this.held = new Map(); // by id: what came before its segment_start (LW-AUDIO-9)
  }

  get heldEarly() {
    let samples = 0;
    for (const buffer of this.held.values()) samples += buffer.highest;
    return samples;
  }

  /** The buffer of a segment that has not started; null when there are too many. */
  early(id) {
    if (!this.held.has(id) && this.held.size < EARLY) this.held.set(id, new AnyOrder(this.receiver.frame));
    return this.held.get(id) ?? null;
  }

  /** The buffer of a segment that starts, with what came early. */
  adopt(id) {
    const buffer = this.held.get(id) ?? new AnyOrder(this.receiver.frame);
    this.drop((other) => other <= id); // no id below can still be started
    return buffer;
  }

  drop(isDead) { for (const id of this.held.keys()) if (isDead(id)) this.held.delete(id); }

  /** LW-REPAIR-2 */
  tick(t) {
    const rtt = this.receiver.rtt ?? ROUND_TRIP;
    for (const s of this.receiver.live.values()) {
      if (s.isCut) continue;
      const before = s.gaps ?? [];
      const known = s.total ?? Math.max(s.known ?? 0, s.buffer.highest);
      s.gaps = s.buffer.missing(known).map(([first, end]) => {
        const old = before.find((g) => g.first < end && g.end > first);
        return { first, end, due: old?.due ?? t + Math.max(20, rtt / 4) };
      });
      const ask = s.gaps.filter((g) => t >= g.due).slice(0, RANGES);
      if (!ask.length) continue;
      for (const g of ask) g.due = t + rtt + 20;
      this.receiver.send('nack', s.id, ask.map((g) => [g.first, g.end]));
    }
  }
}
