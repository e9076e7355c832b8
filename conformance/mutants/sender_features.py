"""Senders that do wrong with pause, marks, data, custom messages and repair."""

from typing import Final

from .mutant import Mutant

FEATURES: Final = (
    Mutant(
        "stays paused after an interrupt",
        "protocol/sender.py",
        "        if segment is None and self.paused and not self.closed:",
        "        if False:",
        "LW-PAUSE-2",
        ("sender.pause.interrupt_ends_it",),
    ),
    Mutant(
        "lets the time for reports run while paused",
        "protocol/sender_output.py",
        "        if self.paused or self.state is not _OPEN:",
        "        if self.state is not _OPEN:",
        "LW-PAUSE-3",
        (
            "sender.pause.resumed",
            "sender.pause.timers_go_on_after_it",
        ),
    ),
    Mutant(
        "sends nothing while paused",
        "protocol/sender_output.py",
        "        for segment in self._segments.live():\n            if segment.state is _QUEUED and",
        "        for segment in self._segments.live():\n            if self.paused:\n                return\n"
        "            if segment.state is _QUEUED and",
        "LW-PAUSE-3",
        ("sender.pause.goes_on_sending",),
    ),
    Mutant(
        "takes a resume for the end of the pause",
        "protocol/sender.py",
        "            self._resumed_at = now\n",
        "            self._resumed_at, self.paused = now, False\n",
        "LW-PAUSE-3",
        ("sender.pause.resumed",),
    ),
    Mutant(
        "does not set the time for reports going again",
        "protocol/sender.py",
        "            self.paused = False\n            self._tell_paused(now)\n            self._arm_report(now)",
        "            self.paused = False\n            self._tell_paused(now)",
        "LW-STREAM-7",
        (
            "sender.pause.timers_go_on_after_it",
            "sender.playback.paused",
        ),
    ),
    Mutant(
        "ignores reports while paused",
        "protocol/sender_reports.py",
        "        segment = self._known(message.segment)\n"
        "        self._segments.unreported.discard(message.segment)\n"
        "        if segment is None:",
        "        segment = self._known(message.segment)\n"
        "        self._segments.unreported.discard(message.segment)\n"
        "        if segment is None or self.paused:",
        "LW-PAUSE-3",
        ("sender.pause.goes_on_receiving",),
    ),
    Mutant(
        "pauses whoever can not",
        "protocol/sender.py",
        "        self._need(Feature.PAUSE)\n        if not self.paused:",
        "        if not self.paused:",
        "LW-REGISTRY-1",
        ("sender.pause.not_chosen",),
    ),
    Mutant(
        "sets marks without bound",
        "protocol/sender.py",
        "        if len(segment.marks) >= MARKS:",
        "        if False:",
        "LW-MARK-3",
        (
            "sender.marks.256",
            "sender.marks.256_of_each",
        ),
    ),
    Mutant(
        "takes one echo for all marks of that name",
        "protocol/sender_reports.py",
        "                segment.marks.remove(mark)",
        "                segment.marks = [one for one in segment.marks if one.name != message.name]",
        "LW-MARK-3",
        ("sender.marks.echoed",),
    ),
    Mutant(
        "does not count marks down when they are reached",
        "protocol/sender_reports.py",
        "                segment.marks.remove(mark)",
        "                pass",
        "LW-MARK-3",
        ("sender.marks.256",),
    ),
    Mutant(
        "sends marks and data before their segment's start",
        "protocol/sender_output.py",
        "        if segment.state is not _QUEUED:\n            self._send_early(segment, now)",
        "        self._send_early(segment, now)",
        "LW-MARK-3",
        ("sender.marks.before_its_start",),
    ),
    Mutant(
        "sends marks and data whoever knows them",
        "protocol/sender_output.py",
        "            if feature in self.features and self._fits(message):",
        "            if self._fits(message):",
        "LW-REGISTRY-1",
        (
            "sender.marks.not_chosen",
            "sender.data.not_chosen",
        ),
    ),
    Mutant(
        "sends data far ahead",
        "protocol/sender.py",
        "        if len(segment.data) >= DATA:",
        "        if False:",
        "LW-DATA-2",
        (
            "sender.data.256_ahead",
            "sender.data.256_of_one_that_waits",
            "sender.data.ahead_after_a_resume",
        ),
    ),
    Mutant(
        "takes data as reached one sample too soon",
        "protocol/outgoing.py",
        "if one[0] > consumed]",
        "if one[0] > consumed + 1]",
        "LW-DATA-2",
        ("sender.data.256_ahead",),
    ),
    Mutant(
        "counts data as ahead that was reached",
        "protocol/outgoing.py",
        "if one[0] > consumed]",
        "if one[0] >= consumed]",
        "LW-DATA-2",
        ("sender.data.256_ahead",),
    ),
    Mutant(
        "does not bound the bytes of data",
        "protocol/sender.py",
        "        if self._segments.content_ahead() + size > HELD_CONTENT:",
        "        if False:",
        "LW-DATA-3",
        (
            "sender.data.bytes_ahead",
            "sender.data.bytes_of_a_cut_one",
        ),
    ),
    Mutant(
        "bounds the bytes of data of each segment alone",
        "protocol/sender.py",
        "        if self._segments.content_ahead() + size > HELD_CONTENT:",
        "        if segment.content_ahead + size > HELD_CONTENT:",
        "LW-DATA-3",
        ("sender.data.bytes_ahead",),
    ),
    Mutant(
        "does not count data of a cut that is not confirmed",
        "protocol/sender_segments.py",
        "if s.result is None and not s.cut_confirmed)",
        "if s.live)",
        "LW-DATA-3",
        ("sender.data.bytes_of_a_cut_one",),
    ),
    Mutant(
        "sends custom messages whoever knows them",
        "protocol/connection.py",
        "        self._need(Feature.CUSTOM)\n",
        "",
        "LW-REGISTRY-1",
        ("sender.custom.not_chosen",),
    ),
    Mutant(
        "does not hold a message against the peer's limit",
        "protocol/connection.py",
        "        return min(self._peer_message_limit, self.binding.max_message)",
        "        return 1_000_000",
        "LW-BINDING-4",
        ("sender.custom.within_the_limit_of_messages",),
    ),
    Mutant(
        "loses custom messages while the transport is lost",
        "protocol/connection.py",
        "        self._need(Feature.CUSTOM)\n",
        "        self._need(Feature.CUSTOM)\n        if self.state is not _OPEN:\n            return\n",
        "LW-RESUME-8",
        ("sender.custom.while_lost",),
    ),
)

REPAIR: Final = (
    Mutant(
        "repairs nothing",
        "protocol/sender_reports.py",
        "in segment.kept_in(first, end):",
        "in segment.kept_in(first, end)[:0]:",
        "LW-REPAIR-3",
        (
            "sender.repair.several_ranges",
            "sender.repair.again_and_again",
            "sender.audio.the_same_when_sent_again",
        ),
    ),
    Mutant(
        "repairs the first range of a nack only",
        "protocol/sender_reports.py",
        "        for first, end in message.missing:",
        "        for first, end in message.missing[:1]:",
        "LW-REPAIR-3",
        ("sender.repair.several_ranges",),
    ),
    Mutant(
        "repairs once",
        "protocol/sender_reports.py",
        "if now - (chunk.sent_at if chunk.again_at is None else chunk.again_at) >= patience:",
        "if chunk.again_at is None and now - chunk.sent_at >= patience:",
        "LW-REPAIR-3",
        ("sender.repair.again_and_again",),
    ),
    Mutant(
        "forgets what lies below the highest position reported",
        "protocol/outgoing.py",
        "while kept and kept[0].end <= received:",
        "while kept and kept[0].end <= max(received, highest):",
        "LW-REPAIR-3",
        ("sender.repair.until_it_is_received",),
    ),
    Mutant(
        "takes a nack of what was never sent",
        "protocol/sender_reports.py",
        "            if end > segment.reached:",
        "            if False:",
        "LW-REPAIR-4",
        (
            "sender.repair.never_sent",
            "sender.repair.partly_never_sent",
        ),
    ),
    Mutant(
        "closes on a nack of a segment that is over",
        "protocol/sender_reports.py",
        "        if segment is None or not segment.live:\n            return\n        patience",
        "        if segment is None or not segment.live:\n"
        "            raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, 'it is over')\n"
        "        patience",
        "LW-REPAIR-4",
        (
            "sender.repair.of_one_that_is_over",
            "sender.repair.of_a_cut_one",
        ),
    ),
)
