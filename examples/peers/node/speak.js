// An agent's speech by a list of steps, one segment each: { samples, end, interruptAt }. Runs in browsers, too.

import { now } from './peer.js';

/** PCM that tells where it belongs: sample i of segment s, as 16-bit integers. */
export const pattern = (segment, count) => Int16Array.from({ length: count }, (_, i) => ((i * 31 + segment * 977) % 65536) - 32768);

/** When so much of the segment was reported as consumed, or it is over. */
const consumed = (segment, position) => new Promise((resolve) => {
  const timer = setInterval(() => {
    if (segment.consumed < position && !segment.over) return;
    clearInterval(timer);
    resolve();
  }, 2);
});

/**
 * Says one segment after the other, as fast as the receiver takes them. `samples` is an Int16Array, or how many of the
 * pattern. With `interruptAt`, everything is interrupted when so many samples of that segment were consumed, and the next
 * is said at once; `end: false` leaves the segment unfinished until then. Gives { segment, position, interrupted, cause,
 * exact, ms } of each, ms being the time from the interrupt to the result.
 */
export async function speak(sender, steps) {
  const results = [];
  const channels = sender.format[2];
  const step = Math.round(sender.rate / 50) * channels; // 20 ms
  for (const { samples, end = true, interruptAt = null } of steps) {
    if (sender.state !== 'open') break;
    const segment = sender.segment({ text: `segment ${sender.highest + 1}` });
    const pcm = typeof samples === 'number' ? pattern(segment.id, samples * channels) : samples;
    for (let at = 0; at < pcm.length; at += step) segment.write(pcm.subarray(at, at + step));
    if (end) segment.end();
    let began = null;
    if (interruptAt !== null) {
      await consumed(segment, interruptAt);
      began = now();
      sender.interrupt();
    }
    results.push(segment.ended.then((result) => ({ segment: segment.id, ...result, ms: began && Math.round(now() - began) })));
  }
  return Promise.all(results); // LW-CLOSE-2
}
