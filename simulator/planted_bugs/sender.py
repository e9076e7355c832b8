"""Bugs of a sender: what it sends, its interrupts, and what it tells of them."""

from __future__ import annotations

from typing import Final

from .bug import Bug

BUGS: Final = (
    # -- audio, credit, segments ---------------------------------------------------------------------------
    Bug(
        "credit is ignored",
        "sender_output.py",
        "credit = self.window - self._credit_used()",
        "credit = self.window",
        "the receiver closes the session: window exceeded",
    ),
    Bug(
        "credit is not given back for what was cut",
        "sender_output.py",
        "            if not (cut and (segment",
        "            if not (False and (segment",
        "after an interrupt the next turn waits until the renderer has reset",
    ),
    Bug(
        "credit is given back for what was received",
        "sender_output.py",
        "used += segment.sent - segment.consumed",
        "used += segment.sent - segment.received",
        "the receiver closes the session: window exceeded",
    ),
    Bug(
        "credit is not counted for what goes straight through",
        "sender_output.py",
        "        self._allowance -= samples\n",
        "",
        "the receiver closes the session: window exceeded",
    ),
    Bug(
        "a chunk's position is one off",
        "outgoing.py",
        "        chunk = Chunk(start, self.sent, piece, now)",
        "        chunk = Chunk(start + (start > 0), self.sent, piece, now)",
        "a sample is lost at each chunk",
    ),
    Bug(
        "a backlog is joined in the wrong order",
        "outgoing.py",
        'piece = b"".join(parts)',
        'piece = b"".join(reversed(parts))',
        "garbled speech",
    ),
    Bug(
        "what is received in part is let go of",
        "outgoing.py",
        "while kept and kept[0].end <= received:",
        "while kept and kept[0].start <= received:",
        "lost audio can not be repaired",
    ),
    Bug(
        "the last chunk of a gap is not sent again",
        "outgoing.py",
        "while index < len(kept) and kept[index].start < end:",
        "while index < len(kept) and kept[index].end < end:",
        "lost audio is not repaired",
    ),
    Bug(
        "a chunk is sent again once only",
        "sender_reports.py",
        "                if now - (chunk.sent_at if",
        "                if chunk.again_at is None and now - (chunk.sent_at if",
        "silence where two packets were lost",
    ),
    Bug(
        "one segment too many is live",
        "sender_output.py",
        "if self._segments.on_wire >= self._most_segments or",
        "if self._segments.on_wire > self._most_segments or",
        "the receiver closes the session: limit exceeded",
    ),
    Bug(
        "the metadata is left out",
        "sender_output.py",
        "        start = SegmentStart(segment.number, segment.metadata)\n",
        "        start = SegmentStart(segment.number)\n",
        "no captions",
    ),
    Bug(
        "a segment ends where it was received to",
        "sender_output.py",
        "SegmentEnd(segment.number, segment.written)",
        "SegmentEnd(segment.number, segment.received)",
        "the receiver closes the session: invalid position",
    ),
    Bug(
        "cut_through is one too high",
        "sender_segments.py",
        "self.cut_through = next(iter(self._live), self.next) - 1",
        "self.cut_through = next(iter(self._live), self.next)",
        "speech is cut that nobody interrupted",
    ),
    Bug(
        "a quiet sender does not say how far it has sent",
        "sender_output.py",
        "        self._send(Sent(segment.number, segment.sent), now)\n",
        "",
        "the end of a sentence that pauses comes late",
    ),
    # -- interrupts ----------------------------------------------------------------------------------------
    Bug(
        "an interrupt is not sent on media",
        "sender_output.py",
        "        if self.state is _OPEN and self.binding.separate_media:\n",
        "        if self.state is not _OPEN and self.binding.separate_media:\n",
        "interrupts wait behind retransmits",
    ),
    Bug(
        "an interrupt is never repeated",
        "interrupts.py",
        "self.next_at = repeat_at(self.first_at, self.repeats) if repeat else inf",
        "self.next_at = inf",
        "a lost interrupt leaves the avatar talking",
    ),
    Bug(
        "an interrupt is not sent again after a resume",
        "sender.py",
        "            self._send_bare(interrupt)\n        for data in backlog:",
        "            pass\n        for data in backlog:",
        "an interrupt that was lost with its transport waits for its repeat",
    ),
    Bug(
        "a cut confirms what it does not cover",
        "interrupts.py",
        "if first <= p.message.first and p.message.last <= last]",
        "if first <= p.message.first or p.message.last <= last]",
        "interrupt() returns before the avatar is silent",
    ),
    Bug(
        "a confirmed interrupt stays",
        "interrupts.py",
        "        self._pending = [p for p in self._pending if p not in done]\n",
        "",
        "interrupt() is confirmed twice",
    ),
    Bug(
        "an interrupt names one segment too few",
        "sender.py",
        "self._send_interrupt(Interrupt(started[0], last), now)",
        "self._send_interrupt(Interrupt(started[0], started[-1] - (len(started) > 1)), now)",
        "the next sentence is spoken all the same",
    ),
    Bug(
        "an interrupt leaves the session paused",
        "sender.py",
        "        if segment is None and self.paused and not self.closed:\n",
        "        if segment is None and self.paused and self.closed:\n",
        "after an interrupt in a pause the avatar is silent for good",
    ),
    Bug(
        "audio of a cut segment is kept and sent",
        "sender_segments.py",
        "        self.buffered -= segment.drop()\n\n    def content_ahead",
        "        segment.early.clear()\n\n    def content_ahead",
        "memory grows with each interrupt",
    ),
    # -- results and timers --------------------------------------------------------------------------------
    Bug(
        "the position of a report is taken for what was told before",
        "sender_reports.py",
        "            segment.heard if message.position is None else message.position,\n",
        "            segment.heard,\n",
        "the agent believes that less was heard",
    ),
    Bug(
        "a lower bound is told as exact",
        "sender_reports.py",
        "exact=message.position is not None,",
        "exact=True,",
        "the agent trusts a position that is none",
    ),
    Bug(
        "the cause of a cut is forgotten",
        "sender_reports.py",
        "if cause is Cause.INTERRUPTED and segment.cut_cause is not None:",
        "if cause is Cause.INTERRUPTED and segment.cut_cause is None:",
        "a cancelled segment is told as interrupted",
    ),
    Bug(
        "results are told as they come",
        "sender_segments.py",
        "        while self._table:\n            number, segment = next(iter(self._table.items()))\n"
        "            if segment.result is None:\n                break\n",
        "        for number, segment in list(self._table.items()):\n"
        "            if segment.result is None:\n                continue\n",
        "results come out of order",
    ),
    Bug(
        "the timer of a report runs in a pause",
        "sender_output.py",
        "        if self.paused or self.state is not _OPEN:\n            if",
        "        if self.state is not _OPEN:\n            if",
        "a long pause cuts what was paused",
    ),
    Bug(
        "the timer of a report is not held by a lost transport",
        "sender_output.py",
        "        if self.paused or self.state is not _OPEN:\n            if",
        "        if self.paused:\n            if",
        "a resume cuts what it was to save",
    ),
    Bug(
        "the timer of a report is not set again",
        "sender_output.py",
        "        elif self._report_until == inf:\n            self._report_until = now",
        "        elif self._report_until == inf and not oldest.received:\n            self._report_until = now",
        "ended() never returns when the renderer hangs",
    ),
    Bug(
        "what is left to play is not waited for",
        "sender_output.py",
        "rest = self.format.seconds(oldest.written - oldest.heard) if oldest is not None and oldest.live else 0.0",
        "rest = -self.limits.grace / 2",
        "long sentences of a slow renderer are cut",
    ),
    Bug(
        "what is given up is not cut",
        "sender_output.py",
        "                self._send_interrupt(Interrupt(oldest.number, oldest.number), now, told=True)\n",
        "",
        "the avatar goes on with what the agent believes to be over",
    ),
    Bug(
        "segments are not ended when the session is",
        "sender.py",
        "        for segment in self._segments:\n            if segment.result is None:\n",
        "        for segment in self._segments:\n            if segment.result is None and segment.live:\n",
        "ended() of an interrupted segment never returns when the session ends",
    ),
)
