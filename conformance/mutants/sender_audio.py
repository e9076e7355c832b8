"""Senders that do wrong with segments, audio, credit and interrupts."""

from typing import Final

from .mutant import Mutant

SEGMENTS: Final = (
    Mutant(
        "the total is off by one",
        "protocol/sender_output.py",
        "                self._send(SegmentEnd(segment.number, segment.written), now)\n",
        "                self._send(SegmentEnd(segment.number, max(segment.written - 1, 0)), now)\n",
        "LW-SEGMENT-5",
        ("sender.segments.one",),
    ),
    Mutant(
        "the total is in bytes",
        "protocol/sender_output.py",
        "                self._send(SegmentEnd(segment.number, segment.written), now)\n",
        "                self._send(SegmentEnd(segment.number, segment.written * segment.frame_bytes), now)\n",
        "LW-SEGMENT-5",
        ("sender.segments.one",),
    ),
    Mutant(
        "an empty segment has no end",
        "protocol/sender_output.py",
        "                self._send(SegmentEnd(segment.number, segment.written), now)\n",
        "                if segment.written:\n"
        "                    self._send(SegmentEnd(segment.number, segment.written), now)\n",
        "LW-SEGMENT-5",
        ("sender.segments.empty",),
    ),
    Mutant(
        "the last chunk is dropped when the end was written with it",
        "protocol/sender_output.py",
        "                    self._send_audio(segment.number, chunk)\n                self._sent_soon(now)",
        "                    if segment.pending or not segment.finished:\n"
        "                        self._send_audio(segment.number, chunk)\n                self._sent_soon(now)",
        "LW-SEGMENT-5",
        ("sender.segments.end_comes_after_all_samples",),
    ),
    Mutant(
        "the end is sent as soon as all is written, not when all is sent",
        "protocol/sender_output.py",
        "            if segment.pending:\n                if credit < 0:",
        "            if segment.finished and segment.state is _STARTED:\n"
        "                segment.change(SegmentInput.END)\n"
        "                self._send(SegmentEnd(segment.number, segment.written), now)\n"
        "            if segment.pending:\n                if credit < 0:",
        "LW-SEGMENT-5",
        ("sender.segments.end_comes_after_all_samples",),
    ),
    Mutant(
        "the next segment starts before the end of the one under way",
        "protocol/sender_output.py",
        "        for segment in self._segments.live():\n"
        "            if segment.state is _QUEUED and not self._start(segment, now):\n",
        "        for segment in list(self._segments.live()):\n            if segment.state is _QUEUED:\n"
        "                self._start(segment, now)\n"
        "        for segment in self._segments.live():\n"
        "            if segment.state is _QUEUED and not self._start(segment, now):\n",
        "LW-SEGMENT-3",
        ("sender.segments.the_next_waits_for_the_end",),
    ),
    Mutant(
        "an id is used again",
        "protocol/sender_segments.py",
        "        self.next += 1\n        return segment",
        "        self.next += 1 if segment.number % 3 else 0\n        return segment",
        "LW-SEGMENT-1",
        ("sender.segments.ids",),
    ),
    Mutant(
        "one segment too many is live",
        "protocol/sender_output.py",
        "        if self._segments.on_wire >= self._most_segments or",
        "        if self._segments.on_wire > self._most_segments or",
        "LW-SEGMENT-4",
        ("sender.segments.limit",),
    ),
    Mutant(
        "the limit of segments is not looked at",
        "protocol/sender_output.py",
        "        if self._segments.on_wire >= self._most_segments or",
        "        if self._segments.on_wire < 0 or",
        "LW-SEGMENT-4",
        ("sender.segments.limit",),
    ),
    Mutant(
        "a cut segment is no longer counted as live before it is over",
        "protocol/sender_output.py",
        "        if self._segments.on_wire >= self._most_segments or",
        "        if sum(one.live for one in self._segments.started()) >= self._most_segments or",
        "LW-SEGMENT-4",
        ("sender.segments.limit_counts_cut_ones",),
    ),
    Mutant(
        "a segment whose end was given up is no longer counted, though the peer still has it",
        "protocol/sender_segments.py",
        "        return len(self.unreported) + len(self._started)",
        "        return len(self._started)",
        "LW-SEGMENT-4",
        ("sender.playback.no_report_still_takes_room",),
    ),
    Mutant(
        "a segment that the receiver has ended early is ended on the wire as well",
        "protocol/sender_reports.py",
        "        cause = _WIRE_CAUSES.get(message.cause, Cause.FAILED)\n",
        "        if segment.live and not segment.finished:\n            from .messages import SegmentEnd\n\n"
        "            self._send(SegmentEnd(segment.number, segment.sent), now)\n"
        "        cause = _WIRE_CAUSES.get(message.cause, Cause.FAILED)\n",
        "LW-SEGMENT-3",
        ("sender.segments.ended_early",),
    ),
)

AUDIO: Final = (
    Mutant(
        "positions are one off",
        "protocol/sender_output.py",
        "        data = encode_audio(number, chunk.start, self",
        "        data = encode_audio(number, chunk.start + 1, self",
        "LW-AUDIO-1",
        ("sender.audio.positions",),
    ),
    Mutant(
        "a position is one off where a chunk was cut for credit",
        "protocol/outgoing.py",
        "            piece, pending[0] = view[:most], view[most:]\n",
        "            piece, pending[0] = view[:most], view[most - self.frame_bytes :]\n            self.written += 1\n",
        "LW-AUDIO-1",
        ("sender.audio.positions",),
    ),
    Mutant(
        "a position is that of a chunk's end",
        "protocol/sender_output.py",
        "        data = encode_audio(number, chunk.start, self",
        "        data = encode_audio(number, chunk.end, self",
        "LW-AUDIO-1",
        ("sender.audio.positions",),
    ),
    Mutant(
        "positions are in bytes",
        "protocol/sender_output.py",
        "        data = encode_audio(number, chunk.start, self",
        "        data = encode_audio(number, chunk.start * 2, self",
        "LW-AUDIO-1",
        ("sender.audio.positions",),
    ),
    Mutant(
        "stereo samples are counted twice",
        "protocol/sender_output.py",
        "        data = encode_audio(number, chunk.start, self",
        "        data = encode_audio(number, chunk.start * self.format.channels, self",
        "LW-AUDIO-1",
        ("sender.audio.stereo",),
    ),
    Mutant(
        "what is sent again has other samples",
        "protocol/sender_output.py",
        "        self._flight.out_of_turn(len(chunk.pcm), now)\n        self._send_audio(number, chunk)\n",
        "        self._flight.out_of_turn(len(chunk.pcm), now)\n"
        "        self._send_audio(number, Chunk(chunk.start, chunk.end, bytes(len(chunk.pcm)), now))\n",
        "LW-AUDIO-1",
        ("sender.audio.the_same_when_sent_again",),
        "webrtc",
    ),
    Mutant(
        "what is sent again has the position of now",
        "protocol/sender_output.py",
        "        self._flight.out_of_turn(len(chunk.pcm), now)\n        self._send_audio(number, chunk)\n",
        "        self._flight.out_of_turn(len(chunk.pcm), now)\n"
        "        self._send_audio(number, Chunk(chunk.start + 1, chunk.end, chunk.pcm, now))\n",
        "LW-AUDIO-1",
        ("sender.audio.the_same_when_sent_again",),
        "webrtc",
    ),
    Mutant(
        "cut_through is always 0",
        "protocol/sender_output.py",
        "        data = encode_audio(number, chunk.start, self._segments.cut_through, chunk.pcm)\n",
        "        data = encode_audio(number, chunk.start, 0, chunk.pcm)\n",
        "LW-AUDIO-2",
        ("sender.audio.cut_through_after_an_interrupt",),
    ),
    Mutant(
        "cut_through is whatever came before, cut or not",
        "protocol/sender_output.py",
        "        data = encode_audio(number, chunk.start, self._segments.cut_through, chunk.pcm)\n",
        "        data = encode_audio(number, chunk.start, number - 1, chunk.pcm)\n",
        "LW-AUDIO-2",
        ("sender.audio.cut_through_stays_below_a_live_one",),
    ),
    Mutant(
        "cut_through names only what is over, not what was cut",
        "protocol/sender_segments.py",
        "        self.cut_through = next(iter(self._live), self.next) - 1\n        return told",
        "        self.cut_through = next(iter(self._table), self.next) - 1\n        return told",
        "LW-AUDIO-2",
        ("sender.audio.cut_through_after_an_interrupt",),
    ),
    Mutant(
        "cut_through is the highest that was cut, live ones before it or not",
        "protocol/sender_segments.py",
        "        self.cut_through = next(iter(self._live), self.next) - 1\n        return told",
        "        gone = [one.number for one in self if one.number not in self._live]\n"
        "        self.cut_through = max([self.cut_through, *gone, *(one.segment for one in told)])\n"
        "        return told",
        "LW-AUDIO-2",
        ("sender.audio.cut_through_of_ends_out_of_order",),
    ),
    Mutant(
        "the peer's message limit is not looked at",
        "protocol/sender_output.py",
        "        most = min(most, usual, _MOST_IN_CHUNK)\n",
        "        most = max(usual, _MOST_IN_CHUNK)\n",
        "LW-BINDING-4",
        ("sender.segments.message_limit_at_its_floor",),
    ),
    Mutant(
        "a segment starts before welcome",
        "protocol/sender.py",
        "        segment = self._segments.open(start.metadata, self.format.frame_bytes)\n",
        "        segment = self._segments.open(start.metadata, self.format.frame_bytes)\n"
        "        if self.state in HANDSHAKE:\n            self._outgoing.append((Channel.CONTROL, encode(start)))\n",
        "LW-OPEN-1",
        ("sender.segments.written_before_the_session_is_open",),
    ),
)

CREDIT: Final = (
    Mutant(
        "credit is ignored",
        "protocol/sender_output.py",
        "                    credit = self.window - self._credit_used()\n",
        "                    credit = 1 << 40\n",
        "LW-CREDIT-1",
        ("sender.credit.window_at_its_floor",),
    ),
    Mutant(
        "one sample more than the window is sent",
        "protocol/sender_output.py",
        "                    credit = self.window - self._credit_used()\n",
        "                    credit = self.window - self._credit_used() + 1\n",
        "LW-CREDIT-1",
        ("sender.credit.window_at_its_floor",),
    ),
    Mutant(
        "the last chunk goes beyond the window",
        "protocol/sender_output.py",
        "                    size = min(most, credit * segment.frame_bytes)\n",
        "                    size = most\n",
        "LW-CREDIT-1",
        ("sender.credit.window_at_its_floor",),
    ),
    Mutant(
        "each segment has a window of its own",
        "protocol/sender_output.py",
        "                used += segment.sent - segment.consumed\n",
        "                used = segment.sent - segment.consumed\n",
        "LW-CREDIT-1",
        ("sender.credit.sum_over_segments",),
    ),
    Mutant(
        "what was received gives credit back, not what was consumed",
        "protocol/sender_output.py",
        "                used += segment.sent - segment.consumed\n",
        "                used += segment.sent - segment.received\n",
        "LW-CREDIT-1",
        ("sender.credit.window_at_its_floor",),
    ),
    Mutant(
        "a cut gives credit back before it is confirmed or told by cut_through",
        "protocol/sender_output.py",
        "            if not (cut and (segment.number <= self._segments.cut_through or segment.cut_confirmed)):\n",
        "            if not cut:\n",
        "LW-CREDIT-1",
        ("sender.credit.after_a_cut_that_is_not_confirmed",),
    ),
    Mutant(
        "an older progress takes consumed back",
        "protocol/sender_reports.py",
        "        if consumed > segment.consumed:\n",
        "        if consumed != segment.consumed:\n",
        "LW-PROGRESS-4",
        ("sender.credit.older_reports",),
    ),
    Mutant(
        "more may be reported as received than was sent",
        "protocol/sender_reports.py",
        "        if highest > segment.reached or consumed > received or",
        "        if consumed > received or",
        "LW-PROGRESS-4",
        ("sender.progress.received_beyond_sent",),
    ),
    Mutant(
        "highest is not held against what was sent",
        "protocol/sender_reports.py",
        "        if highest > segment.reached or consumed > received or",
        "        if received > segment.reached or consumed > received or",
        "LW-PROGRESS-4",
        ("sender.progress.highest_beyond_sent",),
    ),
    Mutant(
        "progress is held against what was written, not against what was sent",
        "protocol/sender_reports.py",
        "        if highest > segment.reached or consumed > received or",
        "        if highest > segment.written or consumed > received or",
        "LW-PROGRESS-4",
        ("sender.progress.received_beyond_sent",),
    ),
    Mutant(
        "more may be consumed than received",
        "protocol/sender_reports.py",
        "        if highest > segment.reached or consumed > received or",
        "        if highest > segment.reached or",
        "LW-PROGRESS-4",
        ("sender.progress.consumed_beyond_received",),
    ),
    Mutant(
        "more may be played than consumed",
        "protocol/sender_reports.py",
        "consumed > received or (played is not None and played > consumed):",
        "consumed > received:",
        "LW-PROGRESS-4",
        ("sender.progress.played_beyond_consumed",),
    ),
    Mutant(
        "a progress of a segment that is over closes the session",
        "protocol/sender_reports.py",
        "        segment = self._known(message.segment)\n        if segment is None:\n            return\n"
        "        received,",
        "        segment = self._known(message.segment)\n        if segment is None:\n"
        '            raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, "it is over")\n        received,',
        "LW-PROGRESS-4",
        ("sender.progress.of_one_that_is_over",),
    ),
    Mutant(
        "reports of a segment that was never started are ignored",
        "protocol/sender_reports.py",
        "        if not self._segments.opened(number) or (segment is not None and segment.state is "
        "SegmentState.QUEUED):\n"
        "            raise",
        "        if not self._segments.opened(number) or (segment is not None and segment.state is "
        "SegmentState.QUEUED):\n"
        "            return None\n            raise",
        "LW-PROGRESS-4",
        ("sender.progress.never_opened",),
    ),
)
