// Lipwire 1: the features `marks` and `data` (§12): what belongs to a position of a segment. Give this module to a peer as
// options.timed: import * as timed from './timed.js'.

import { LipwireError, Misuse, checkMap, encode, encodedSize, isName } from './wire.js';

const MARKS = 256; // of a segment, that wait to be reached (LW-MARK-3)
const DATA = 256; // of a segment, ahead of its consumed position (LW-DATA-2)
const BYTES = 1048576; // of content, ahead in all segments (LW-DATA-3)

/** Bytes of the data of these segments that `counts`. */
const bytesOf = (segments, counts) =>
  segments.reduce((sum, s) => sum + s.attached.filter((d) => counts(s, d)).reduce((n, d) => n + d.size, 0), 0);

// ---- sender

export class SenderTimed {
  constructor(sender) { this.sender = sender; }

  mark(s, name, position) {
    if (!isName(name)) throw new Misuse('a name has 1 to 128 bytes');
    if (s.isCut || s.over) return;
    if (s.marks.length >= MARKS) throw new Misuse('too many marks wait to be reached');
    s.marks.push(name);
    this.say(s, 'mark', position, name);
  }

  data(s, content, position) {
    const size = encodedSize(checkMap(content));
    if (s.isCut || s.over) return;
    const ahead = (o, d) => d.position > o.consumed;
    const counted = [...this.sender.segments.values()].filter((o) => !o.over && !o.cutConfirmed);
    for (const o of counted) o.attached = o.attached.filter((d) => ahead(o, d));
    if (position > s.consumed && (s.attached.length >= DATA || bytesOf(counted, ahead) + size > BYTES)) throw new Misuse('too much data is ahead');
    s.attached.push({ position, size });
    this.say(s, 'data', position, content);
  }

  /** Now, or when the segment has started. */
  say(s, name, position, what) {
    if (encode(name, [s.id, position, what]).length > this.sender.theirMessageLimit) throw new Misuse('larger than the receiver accepts');
    if (s.started) this.sender.send(name, s.id, position, what);
    else s.toSay.push([name, s.id, position, what]);
  }

  started(s) { for (const message of s.toSay.splice(0)) this.sender.send(...message); }

  reached(s, name) {
    const i = s?.marks.indexOf(name) ?? -1;
    if (i < 0) return;
    s.marks.splice(i, 1);
    this.sender.on.marked?.(s, name);
  }
}

// ---- receiver

export class ReceiverTimed {
  constructor(receiver) { this.receiver = receiver; }

  mark(s, position, name) {
    if (!this.isLive(s)) return;
    s.marks.push({ position, name });
    this.reach(s, s.played ?? -1);
    if (s.marks.length > MARKS) throw new LipwireError('limit_exceeded', 'too many marks');
  }

  /** LW-MARK-1: those up to a position have been heard; one beyond the total counts as at the total. */
  reach(s, played) {
    const at = ({ position }) => Math.min(position, s.total ?? Infinity);
    for (const { name } of s.marks.filter((m) => at(m) <= played)) this.receiver.send('mark_reached', s.id, name);
    s.marks = s.marks.filter((m) => at(m) > played);
  }

  data(s, position, content) {
    if (!this.isLive(s)) return;
    const live = [...this.receiver.live.values()];
    const ahead = (o, d) => d.position > o.reported[1]; // as the sender sees it
    const waits = (o, d) => !d.given;
    for (const o of live) o.attached = o.attached.filter((d) => ahead(o, d) || waits(o, d));
    const size = encodedSize(content);
    if (position > s.consumed) {
      const tooMany = s.attached.filter((d) => ahead(s, d)).length >= DATA;
      if (tooMany || bytesOf(live, ahead) + size > BYTES) throw new LipwireError('limit_exceeded', 'too much data is ahead');
    } else if (s.attached.filter((d) => !d.given && d.position <= s.consumed).length >= DATA || bytesOf(live, waits) + size > BYTES) {
      return; // late, and more than is kept (LW-DATA-2, LW-DATA-3)
    }
    const after = s.attached.findLastIndex((d) => d.position <= position);
    s.attached.splice(after + 1, 0, { position, content, size, given: false });
    this.receiver.deliver();
  }

  /** What is handed out next of a segment's data. */
  next(s) { return s.attached.find((d) => !d.given); }

  isLive(s) {
    if (s === undefined) throw new LipwireError('invalid_segment', 'of what was never started'); // LW-SEGMENT-8
    return s !== null;
  }
}
