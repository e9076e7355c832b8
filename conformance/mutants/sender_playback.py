"""Senders that do wrong with interrupts and with how segments end."""

from typing import Final

from .mutant import Mutant

INTERRUPT: Final = (
    Mutant(
        "an interrupt of one cuts everything",
        "protocol/sender.py",
        "        targets = list(self._segments.live()) if segment is None else [one] if one and one.live else []\n",
        "        targets = list(self._segments.live()) if segment is None or (one and one.live) else []\n",
        "LW-INTERRUPT-11",
        ("sender.interrupt.one_in_the_middle",),
    ),
    Mutant(
        "an interrupt names one that was never opened",
        "protocol/sender.py",
        "            self._send_interrupt(Interrupt(started[0], last), now)\n",
        "            self._send_interrupt(Interrupt(started[0], last + 1), now)\n",
        "LW-INTERRUPT-1",
        ("sender.interrupt.everything",),
    ),
    Mutant(
        "an interrupt of several names the first alone",
        "protocol/sender.py",
        "            self._send_interrupt(Interrupt(started[0], last), now)\n",
        "            self._send_interrupt(Interrupt(started[0], started[0]), now)\n",
        "LW-INTERRUPT-2",
        ("sender.interrupt.several_that_are_played",),
    ),
    Mutant(
        "an interrupt names everything from 1 on",
        "protocol/sender.py",
        "            self._send_interrupt(Interrupt(started[0], last), now)\n",
        "            self._send_interrupt(Interrupt(1, last), now)\n",
        "LW-INTERRUPT-11",
        ("sender.interrupt.one_in_the_middle",),
    ),
    Mutant(
        "an interrupt is sent though there is nothing to cut",
        "protocol/sender.py",
        "        if not targets:\n            return None\n        self.counters.interrupts",
        "        if not targets:\n"
        "            self._send_interrupt(Interrupt(self._segments.next, self._segments.next), now)\n"
        "            return None\n        self.counters.interrupts",
        "LW-INTERRUPT-1",
        ("sender.interrupt.nothing_to_cut",),
    ),
    Mutant(
        "a cut segment is ended on the wire as well",
        "protocol/sender.py",
        "            self._send_interrupt(Interrupt(started[0], last), now)\n",
        "            self._send_interrupt(Interrupt(started[0], last), now)\n"
        "            from .messages import SegmentEnd\n\n"
        "            for target in targets:\n                if target.number in started:\n"
        "                    self._send(SegmentEnd(target.number, target.sent), now)\n",
        "LW-INTERRUPT-1",
        ("sender.interrupt.while_writing",),
    ),
    Mutant(
        "what was written of a cut segment is sent on",
        "protocol/sender_segments.py",
        "        self._live.pop(segment.number, None)\n        if self.writing is segment:\n"
        "            self.writing = None\n"
        "        self.buffered -= segment.drop()\n\n    def content_ahead",
        "        if self.writing is segment:\n            self.writing = None\n\n    def content_ahead",
        "LW-INTERRUPT-1",
        ("sender.interrupt.everything", "sender.interrupt.the_one_under_way"),
    ),
    Mutant(
        "a segment that was never started waits for its end when it is cut",
        "protocol/sender.py",
        "            if queued:  # never on the wire: nothing to wait for (LW-INTERRUPT-8)\n",
        "            if not targets:\n",
        "LW-INTERRUPT-8",
        ("sender.interrupt.one_that_waits_is_over_at_once",),
    ),
    Mutant(
        "a cut segment is over at once, whatever was heard of it",
        "protocol/sender.py",
        "            if queued:  # never on the wire: nothing to wait for (LW-INTERRUPT-8)\n",
        "            if targets:\n",
        "LW-INTERRUPT-8",
        ("sender.interrupt.sent_in_full",),
    ),
    Mutant(
        "cut ends a segment: its stream_ended is not waited for",
        "protocol/sender_reports.py",
        "                segment.cut_confirmed = True\n",
        "                segment.cut_confirmed = True\n"
        "                self._segments.unreported.add(segment.number)\n"
        "                heard = dict(map(tuple, message.consumed)).get(segment.number, 0)\n"
        "                self._segments.end(segment, heard, interrupted=True, cause=Cause.INTERRUPTED, exact=True)\n"
        "                self._settle(now)\n                return\n",
        "LW-INTERRUPT-8",
        ("sender.interrupt.sent_in_full",),
    ),
    Mutant(
        "an interrupt goes on control alone",
        "protocol/sender_output.py",
        "        self._send(message, now)\n        if self.state is _OPEN and self.binding.separate_media:\n"
        "            self._outgoing.append((_MEDIA, encode(message)))\n",
        "        self._send(message, now)\n",
        "LW-INTERRUPT-2",
        ("sender.interrupt.on_both_channels",),
        "webrtc",
    ),
    Mutant(
        "an interrupt goes twice on the one channel that there is",
        "protocol/sender_output.py",
        "        if self.state is _OPEN and self.binding.separate_media:\n",
        "        if self.state is _OPEN:\n",
        "LW-BINDING-3",
        ("sender.interrupt.once_on_one_channel",),
    ),
    Mutant(
        "an interrupt is not repeated where it may be lost",
        "protocol/sender_output.py",
        "        return not (self.binding.media_reliable and self.binding.control_reliable)\n",
        "        return not self.binding.control_reliable\n",
        "LW-INTERRUPT-2",
        ("sender.interrupt.repeated_until_cut",),
        "webrtc",
    ),
    Mutant(
        "an interrupt is repeated though cut has confirmed it",
        "protocol/interrupts.py",
        "        self._pending = [p for p in self._pending if p not in done]\n",
        "",
        "LW-INTERRUPT-2",
        ("sender.interrupt.repeated_until_cut",),
        "webrtc",
    ),
    Mutant(
        "an interrupt is repeated though all that it named are over",
        "protocol/interrupts.py",
        "        self._pending = [p for p in self._pending if p.message.last >= lowest_on_wire]\n",
        "",
        "LW-INTERRUPT-2",
        ("sender.interrupt.repeated_until_over",),
        "webrtc",
    ),
    Mutant(
        "repeats of an interrupt are numbered",
        "protocol/sender.py",
        "            for message in interrupts:\n                self._send_bare(message)\n",
        "            for message in interrupts:\n                self._send(message, now)\n",
        "LW-INTERRUPT-2",
        ("sender.interrupt.only_the_first_is_numbered",),
        "webrtc",
    ),
    Mutant(
        "a cut of a part confirms the whole",
        "protocol/interrupts.py",
        "if first <= p.message.first and p.message.last <= last]",
        "if first <= p.message.last and p.message.first <= last]",
        "LW-INTERRUPT-12",
        ("sender.interrupt.a_part_does_not_confirm_it",),
        "webrtc",
    ),
    Mutant(
        "a cut of more than was asked confirms nothing",
        "protocol/interrupts.py",
        "if first <= p.message.first and p.message.last <= last]",
        "if first == p.message.first and p.message.last == last]",
        "LW-INTERRUPT-12",
        ("sender.interrupt.a_wider_cut_confirms_it",),
        "webrtc",
    ),
    Mutant(
        "a cut that confirms nothing closes the session",
        "protocol/sender_reports.py",
        "        for pending in self._interrupts.confirm(message.first, message.last):\n",
        "        if not self._interrupts:\n"
        '            raise RemoteProtocolError(CloseCode.OUT_OF_STATE, "nothing was interrupted")\n'
        "        for pending in self._interrupts.confirm(message.first, message.last):\n",
        "LW-INTERRUPT-12",
        ("sender.interrupt.cut_that_confirms_nothing",),
    ),
    Mutant(
        "a cut that nobody asked for cuts",
        "protocol/sender_reports.py",
        "        for segment in self._segments.started():\n            if segment.state is SegmentState.CUT and",
        "        for segment in list(self._segments.live()):\n"
        "            if message.first <= segment.number <= message.last:\n"
        "                self._segments.cut(segment, Cause.INTERRUPTED)\n"
        "        for segment in self._segments.started():\n            if segment.state is SegmentState.CUT and",
        "LW-INTERRUPT-12",
        ("sender.interrupt.cut_that_confirms_nothing",),
    ),
    Mutant(
        "rows of a cut outside its range are taken",
        "protocol/sender_reports.py",
        "        for segment in self._segments.started():\n            if segment.state is SegmentState.CUT and",
        "        for number, consumed in message.consumed:\n            segment = self._segments.get(number)\n"
        "            if segment is not None:\n                segment.consume(max(consumed, segment.consumed))\n"
        "        for segment in self._segments.started():\n            if segment.state is SegmentState.CUT and",
        "LW-CREDIT-1",
        ("sender.credit.rows_outside_the_cut",),
    ),
    Mutant(
        "a cut of a segment that was never opened is ignored",
        "protocol/sender_reports.py",
        "            if not self._segments.opened(number):\n                raise",
        "            if not self._segments.opened(number):\n                return\n                raise",
        "LW-INTERRUPT-12",
        ("sender.interrupt.cut_of_one_never_opened", "sender.interrupt.cut_lists_one_never_opened"),
    ),
    Mutant(
        "a cut may list more as consumed than was sent",
        "protocol/sender_reports.py",
        "            if segment is not None and consumed > segment.reached:\n                raise",
        "            if segment is not None and consumed < 0:\n                raise",
        "LW-INTERRUPT-12",
        ("sender.interrupt.cut_lists_more_than_was_sent",),
    ),
    Mutant(
        "a result that crosses an interrupt counts as interrupted",
        "protocol/sender_reports.py",
        "            interrupted=message.interrupted,\n",
        "            interrupted=message.interrupted or segment.cut_cause is not None,\n",
        "LW-INTERRUPT-9",
        ("sender.interrupt.crosses_the_end",),
    ),
    Mutant(
        "after a resume an interrupt that was not confirmed is forgotten",
        "protocol/sender.py",
        "        for interrupt in self._interrupts.all_again(now, repeat=self._repeat_interrupts):  # LW-INTERRUPT-10\n"
        "            self._send_bare(interrupt)\n        for data in backlog:\n"
        "            self._outgoing.append((Channel.CONTROL, data))\n",
        "        for data in backlog:\n            if data[:1] != b'\\x94' or data[-3:-2] != b'\\x12':\n"
        "                self._outgoing.append((Channel.CONTROL, data))\n",
        "LW-INTERRUPT-10",
        ("sender.interrupt.again_after_a_resume",),
    ),
    Mutant(
        "after a resume an interrupt comes behind what was not acknowledged",
        "protocol/sender.py",
        "        for interrupt in self._interrupts.all_again(now, repeat=self._repeat_interrupts):  # LW-INTERRUPT-10\n"
        "            self._send_bare(interrupt)\n        for data in backlog:\n"
        "            self._outgoing.append((Channel.CONTROL, data))\n",
        "        for data in backlog:\n            self._outgoing.append((Channel.CONTROL, data))\n"
        "        for interrupt in self._interrupts.all_again(now, repeat=self._repeat_interrupts):\n"
        "            self._send_bare(interrupt)\n",
        "LW-INTERRUPT-10",
        ("sender.interrupt.again_after_a_resume",),
    ),
)

PLAYBACK: Final = (
    Mutant(
        "results are counted, not matched: each is of the oldest segment",
        "protocol/sender_reports.py",
        "        segment = self._known(message.segment)\n        self._segments.unreported.discard(message.segment)\n",
        "        segment = self._known(message.segment) and self._segments.oldest\n"
        "        self._segments.unreported.discard(message.segment)\n",
        "LW-STREAM-5",
        ("sender.playback.in_the_order_of_ids",),
    ),
    Mutant(
        "a segment ends twice when its result comes again",
        "protocol/sender_reports.py",
        "            self._settle(now)\n            return  # the first result stands (LW-STREAM-5)\n",
        "            from .events import StreamEnded\n\n            self._events.append(\n"
        "                StreamEnded(\n                    segment=message.segment, position=message.position or 0,\n"
        "                    interrupted=message.interrupted, cause=Cause.PLAYED, exact=True,\n"
        "                )\n            )\n"
        "            return\n",
        "LW-STREAM-7",
        ("sender.playback.the_first_result_stands",),
    ),
    Mutant(
        "a result that comes again closes the session",
        "protocol/sender_reports.py",
        "            self._settle(now)\n            return  # the first result stands (LW-STREAM-5)\n",
        '            raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, "it is over")\n',
        "LW-STREAM-5",
        ("sender.playback.the_first_result_stands",),
    ),
    Mutant(
        "a failed segment is told as played",
        "protocol/sender_reports.py",
        "        cause = _WIRE_CAUSES.get(message.cause, Cause.FAILED)\n",
        "        cause = _WIRE_CAUSES.get(message.cause, Cause.PLAYED)\n",
        "LW-STREAM-5",
        ("sender.playback.causes",),
    ),
    Mutant(
        "a position beyond what was sent is taken",
        "protocol/sender_reports.py",
        "        if message.position is not None and message.position > segment.reached:\n",
        "        if message.position is not None and message.position > segment.written:\n",
        "LW-STREAM-6",
        ("sender.playback.ended_beyond_sent",),
    ),
    Mutant(
        "a result of a segment that was opened and not started is taken",
        "protocol/sender_reports.py",
        "        if not self._segments.opened(number) or (segment is not None and segment.state is "
        "SegmentState.QUEUED):\n",
        "        if not self._segments.opened(number):\n",
        "LW-STREAM-6",
        ("sender.playback.ended_not_started",),
    ),
    Mutant(
        "results are told as they come, not in the order of ids",
        "protocol/sender_segments.py",
        "        while self._table:\n            number, segment = next(iter(self._table.items()))\n"
        "            if segment.result is None:\n                break\n",
        "        for number, segment in list(self._table.items()):\n"
        "            if segment.result is None:\n                continue\n",
        "LW-STREAM-7",
        ("sender.playback.in_the_order_of_ids",),
    ),
    Mutant(
        "a segment never ends when the receiver says nothing",
        "protocol/sender_output.py",
        "        elif self._report_until == inf:\n            self._report_until = now + self._report_left\n",
        "",
        "LW-STREAM-7",
        ("sender.playback.no_report_in_time",),
    ),
    Mutant(
        "a cut segment never ends when the receiver says nothing",
        "protocol/sender_output.py",
        "        if oldest is None or (oldest.live and not oldest.finished",
        "        if oldest is None or not oldest.live or (oldest.live and not oldest.finished",
        "LW-STREAM-7",
        ("sender.playback.no_report_of_a_cut",),
    ),
    Mutant(
        "a segment is given up while it has time left to play",
        "protocol/sender_output.py",
        "        rest = self.format.seconds(oldest.written - oldest.heard) if oldest is not None and "
        "oldest.live else 0.0\n",
        "        rest = 0.0\n",
        "LW-STREAM-7",
        ("sender.playback.not_too_soon",),
    ),
    Mutant(
        "a segment is given up before the grace is over",
        "protocol/sender_output.py",
        "        return rest + self.limits.grace + self._cooldown\n",
        "        return rest + self._cooldown\n",
        "LW-STREAM-7",
        ("sender.playback.not_too_soon",),
    ),
    Mutant(
        "what moves does not start the time anew",
        "protocol/sender_output.py",
        "        standing = (oldest.number, oldest.live, oldest.received, oldest.consumed, oldest.played)\n",
        "        standing = (oldest.number, oldest.live)\n",
        "LW-STREAM-7",
        ("sender.playback.time_starts_anew",),
    ),
    Mutant(
        "the time of a report runs when nothing is outstanding",
        "protocol/sender_output.py",
        "        if oldest is None or (oldest.live and not oldest.finished and oldest.consumed >= oldest.written):\n",
        "        if oldest is None:\n",
        "LW-STREAM-7",
        ("sender.playback.nothing_to_report",),
    ),
    Mutant(
        "what is given up is not cut",
        "protocol/sender_output.py",
        "                self._send_interrupt(Interrupt(oldest.number, oldest.number), now, told=True)\n",
        "",
        "LW-STREAM-7",
        ("sender.playback.no_report_in_time",),
    ),
    Mutant(
        "what is given up is told as played",
        "protocol/sender_output.py",
        "        self._segments.end(oldest, oldest.heard, interrupted=True, cause=cause, exact=not started)\n",
        "        self._segments.end(oldest, oldest.heard, interrupted=False, cause=cause, exact=not started)\n",
        "LW-STREAM-7",
        ("sender.playback.no_report_in_time",),
    ),
    Mutant(
        "a position that no stream_ended brought is told as exact",
        "protocol/sender_output.py",
        "        self._segments.end(oldest, oldest.heard, interrupted=True, cause=cause, exact=not started)\n",
        "        self._segments.end(oldest, oldest.heard, interrupted=True, cause=cause, exact=True)\n",
        "LW-STREAM-8",
        ("sender.playback.no_report_in_time",),
    ),
    Mutant(
        "a position that the receiver could not tell is told as exact",
        "protocol/sender_reports.py",
        "            exact=message.position is not None,\n",
        "            exact=True,\n",
        "LW-STREAM-8",
        ("sender.playback.position_not_known",),
    ),
    Mutant(
        "the time of a report runs in a pause",
        "protocol/sender_output.py",
        "        if self.paused or self.state is not _OPEN:\n            if self._report_until != inf:",
        "        if self.state is not _OPEN:\n            if self._report_until != inf:",
        "LW-PAUSE-3",
        ("sender.playback.paused",),
    ),
    Mutant(
        "the time of a report runs while the transport is lost",
        "protocol/sender_output.py",
        "        if self.paused or self.state is not _OPEN:\n            if self._report_until != inf:",
        "        if self.paused:\n            if self._report_until != inf:",
        "LW-STREAM-7",
        ("sender.playback.transport_lost",),
    ),
    Mutant(
        "segments do not end when the session is closed",
        "protocol/sender.py",
        "            if segment.result is None:\n                self._segments.end(\n",
        "            if segment.result is None and segment.state is SegmentState.QUEUED:\n"
        "                self._segments.end(\n",
        "LW-CLOSE-4",
        ("sender.playback.closed",),
    ),
    Mutant(
        "what waited to be sent never ends when the session is closed",
        "protocol/sender.py",
        "            if segment.result is None:\n                self._segments.end(\n",
        "            if segment.result is None and segment.state is not SegmentState.QUEUED:\n"
        "                self._segments.end(\n",
        "LW-CLOSE-4",
        ("sender.playback.closed",),
    ),
)
