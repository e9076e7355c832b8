"""Senders that reckon wrong: in another format than the usual one, or with a part of what was asked."""

from typing import Final

from .mutant import Mutant

RECKONING: Final = (
    Mutant(
        "the time that a segment takes to play is reckoned at 24 kHz",
        "protocol/sender_output.py",
        "self.format.seconds(oldest.written - oldest.heard)",
        "(oldest.written - oldest.heard) / 24_000",
        "LW-STREAM-7",
        ("sender.report_time.at_another_rate",),
    ),
    Mutant(
        "the default of the window is that of 24 kHz",
        "protocol/limits.py",
        '    out["window"] = round(out["window"] * pcm.rate)\n',
        '    out["window"] = round(out["window"] * pcm.rate) if field.get("window") else 48_000\n',
        "LW-OPEN-10",
        ("sender.limits.default_window_of_another_rate",),
    ),
    Mutant(
        "after a resume a PCM frame has two bytes",
        "protocol/outgoing.py",
        "pcm = memoryview(pcm)[(received - chunk.start) * self.frame_bytes :]",
        "at = (received - chunk.start) * 2\n"
        "                pcm = memoryview(pcm)[at : at + (chunk.end - received) * self.frame_bytes]",
        "LW-AUDIO-1",
        ("sender.meanwhile.stereo_again",),
    ),
    Mutant(
        "what was heard is reckoned in samples of two bytes",
        "protocol/sender_reports.py",
        "            segment.played = played\n",
        "            segment.played = played * segment.frame_bytes // 2\n",
        "LW-FORMAT-2",
        ("sender.opening.format_stereo", "sender.opening.format_f32le"),
    ),
    Mutant(
        "a mark's position counts the samples of both channels",
        "protocol/sender.py",
        "        mark = self._checked(Mark(number, position, name))",
        "        mark = self._checked(Mark(number, position * self.format.channels, name))",
        "LW-FORMAT-2",
        ("sender.marks.stereo",),
    ),
    Mutant(
        "of a nack that names what has arrived nothing is repaired",
        "protocol/outgoing.py",
        "        index = max(bisect_right(kept, first, key=_start) - 1, 0)\n",
        "        index = bisect_right(kept, first, key=_start) - 1\n        if index < 0:\n            return []\n",
        "LW-REPAIR-4",
        ("sender.repair.partly_received",),
    ),
    Mutant(
        "a cut confirms every segment that was cut",
        "protocol/sender_reports.py",
        "            if segment.state is SegmentState.CUT and message.first <= segment.number <= message.last:",
        "            if segment.state is SegmentState.CUT:",
        "LW-CREDIT-2",
        ("sender.credit.of_a_cut_outside_the_confirmed_range",),
    ),
    Mutant(
        "marks of a segment that waits do not count",
        "protocol/sender.py",
        "        if len(segment.marks) >= MARKS:",
        "        if segment.state is not SegmentState.QUEUED and len(segment.marks) >= MARKS:",
        "LW-MARK-3",
        ("sender.marks.256_of_one_that_waits",),
    ),
    Mutant(
        "what is sent again after a resume takes credit once more",
        "protocol/sender_output.py",
        "                used += segment.sent - segment.consumed\n",
        "                used += segment.reached - segment.consumed\n",
        "LW-RESUME-9",
        ("sender.meanwhile.again_with_a_full_window",),
    ),
    Mutant(
        "does not say how far it has sent after a resume",
        "protocol/sender.py",
        "        self._repairs = Feature.REPAIR in self.features and not self.binding.media_reliable\n",
        "        self._repairs = Feature.REPAIR in self.features and not resuming\n",
        "LW-REPAIR-6",
        ("sender.meanwhile.says_how_far",),
        "webrtc",
    ),
    Mutant(
        "a welcome without a state resumes as well",
        "protocol/sender.py",
        "        required = required_features(self.binding)\n        hello = make_hello(",
        "        if resuming and message.state is None:\n"
        "            message = message._replace(state=[self.numbered.sent, []])\n"
        "        required = required_features(self.binding)\n        hello = make_hello(",
        "LW-WIRE-4",
        ("sender.meanwhile.welcome_that_does_not_resume",),
    ),
    Mutant(
        "a welcome may choose other features when it resumes",
        "protocol/sender_handshake.py",
        " or sorted(message.features) != sorted(before.features)\n",
        "\n",
        "LW-WIRE-4",
        ("sender.meanwhile.welcome_that_does_not_resume",),
    ),
    Mutant(
        "a welcome without a secret chooses resume",
        "protocol/sender_handshake.py",
        "    elif Feature.RESUME.value in message.features and message.secret is None:\n",
        "    elif before is None and Feature.RESUME.value in message.features and message.secret is None:\n",
        "LW-WIRE-4",
        ("sender.meanwhile.welcome_that_does_not_resume",),
    ),
    Mutant(
        "a try that found no welcome does not count as a generation",
        "protocol/sender.py",
        "        super().detach(now)\n        self._arm_report(now)\n",
        "        super().detach(now)\n        if not self._was_open:\n            self.generation = 0\n"
        "        self._arm_report(now)\n",
        "LW-WIRE-4",
        ("sender.closing.transport_ends_while_opening",),
    ),
    Mutant(
        "a segment that ends with its session was not interrupted",
        "protocol/sender.py",
        "                    interrupted=True,\n                    cause=segment.cut_cause or cause,",
        "                    interrupted=segment.cut_cause is not None,\n"
        "                    cause=segment.cut_cause or cause,",
        "LW-CLOSE-4",
        ("sender.playback.closed",),
    ),
    Mutant(
        "ids begin again at 256",
        "protocol/sender_segments.py",
        "        self.next += 1\n        return segment",
        "        self.next = self.next % 255 + 1\n        return segment",
        "LW-SEGMENT-1",
        ("sender.segments.300_of_them",),
    ),
    Mutant(
        "positions have 16 bits",
        "protocol/sender_output.py",
        "        data = encode_audio(number, chunk.start, self",
        "        data = encode_audio(number, chunk.start & 0xFFFF, self",
        "LW-AUDIO-1",
        ("sender.audio.positions",),
    ),
    Mutant(
        "of a cut that confirms nothing the ids are not looked at",
        "protocol/sender_reports.py",
        "            if not self._segments.opened(number):\n"
        "                raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, "
        'f"segment {number} was never opened")',
        "            if self._interrupts and not self._segments.opened(number):\n"
        "                raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, "
        'f"segment {number} was never opened")',
        "LW-INTERRUPT-12",
        ("sender.interrupt.stray_cut_of_one_never_opened",),
    ),
    Mutant(
        "of a cut that confirms nothing the positions are not looked at",
        "protocol/sender_reports.py",
        "            if segment is not None and consumed > segment.reached:\n",
        "            if segment is not None and self._interrupts and consumed > segment.reached:\n",
        "LW-INTERRUPT-12",
        ("sender.interrupt.stray_row_of_more_than_was_sent",),
    ),
    Mutant(
        "a retry of 0 is none",
        "protocol/sender.py",
        "        if self.state in HANDSHAKE and message.retry is not None:",
        "        if self.state in HANDSHAKE and message.retry:",
        "LW-CLOSE-1",
        ("sender.meanwhile.come_again_at_once",),
    ),
    Mutant(
        "shows its token once",
        "protocol/sender.py",
        "        resume = None if credential is None else [credential, self.numbered.taken]\n",
        "        auth = auth if credential is None else None\n"
        "        resume = None if credential is None else [credential, self.numbered.taken]\n",
        "LW-WIRE-4",
        ("sender.meanwhile.token_again",),
    ),
)
