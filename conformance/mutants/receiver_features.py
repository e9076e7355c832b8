"""Receivers that do wrong with pause, marks, data and repair."""

from typing import Final

from .mutant import Mutant

FEATURES: Final = (
    Mutant(
        "a pause holds nothing back",
        "protocol/receiver_segments.py",
        "        self.paused = paused\n        self._events.append(PauseChanged(paused=paused))\n",
        "        self._events.append(PauseChanged(paused=paused))\n",
        "LW-PAUSE-1",
        ("receiver.pause.holds_samples_and_ends",),
    ),
    Mutant(
        "pauses are counted: two need two unpauses",
        "protocol/receiver_segments.py",
        "        if paused is self.paused:\n            return  # LW-PAUSE-1\n",
        "        depth = self.__dict__.setdefault('depth', 0) + (1 if paused else -1)\n"
        "        self.__dict__['depth'] = max(depth, 0)\n        if (depth > 0) is self.paused:\n            return\n",
        "LW-PAUSE-1",
        ("receiver.pause.repeated",),
    ),
    Mutant(
        "a pause while paused toggles",
        "protocol/receiver_segments.py",
        "        if paused is self.paused:\n            return  # LW-PAUSE-1\n",
        "        paused = not self.paused if paused else False\n        if paused is self.paused:\n"
        "            return\n",
        "LW-PAUSE-1",
        ("receiver.pause.repeated",),
    ),
    Mutant(
        "audio that comes in a pause is dropped",
        "protocol/receiver_segments.py",
        "        counters = self._counters\n        counters.chunks += 1\n",
        "        if self.paused:\n            return\n        counters = self._counters\n"
        "        counters.chunks += 1\n",
        "LW-PAUSE-3",
        ("receiver.pause.interrupt",),
    ),
    Mutant(
        "an interrupt waits until the pause is over",
        "protocol/receiver_segments.py",
        '        if last < first:\n            raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"an interrupt',
        "        if self.paused:\n            self.__dict__['waits'] = message\n            return\n"
        '        if last < first:\n            raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"an interrupt',
        "LW-PAUSE-3",
        ("receiver.pause.interrupt",),
    ),
    Mutant(
        "a resume ends the pause",
        "protocol/receiver.py",
        "        self._peer_message_limit = parse_message_limit(hello.limits)\n        self._hello, self._welcome",
        "        self.paused = False\n"
        "        self._peer_message_limit = parse_message_limit(hello.limits)\n        self._hello, self._welcome",
        "LW-PAUSE-3",
        ("receiver.pause.resumed",),
    ),
    Mutant(
        "a mark is reached one sample early",
        "protocol/receiver_reports.py",
        "        while segment.marks and segment.marks[0][0] <= position and not self.closed:",
        "        while segment.marks and segment.marks[0][0] <= position + 1 and not self.closed:",
        "LW-MARK-1",
        ("receiver.marks.when_heard",),
    ),
    Mutant(
        "a mark is reached one sample late",
        "protocol/receiver_reports.py",
        "        while segment.marks and segment.marks[0][0] <= position and not self.closed:",
        "        while segment.marks and segment.marks[0][0] < position and not self.closed:",
        "LW-MARK-1",
        ("receiver.marks.when_heard",),
    ),
    Mutant(
        "a mark is reached when its sample is handed out",
        "protocol/receiver_reports.py",
        "        while segment.marks and segment.marks[0][0] <= position and not self.closed:",
        "        while segment.marks and segment.marks[0][0] <= segment.audio.consumed and not self.closed:",
        "LW-MARK-1",
        ("receiver.marks.when_heard",),
    ),
    Mutant(
        "marks that were not reached by then are forgotten at the end",
        "protocol/receiver.py",
        "            self._reach_marks(known, inf, now)  # LW-MARK-1\n",
        "            pass\n",
        "LW-MARK-1",
        ("receiver.marks.at_the_end",),
    ),
    Mutant(
        "a mark beyond the total is never reached",
        "protocol/receiver.py",
        "            self._reach_marks(known, inf, now)  # LW-MARK-1\n",
        "            self._reach_marks(known, known.total or 0, now)\n",
        "LW-MARK-1",
        ("receiver.marks.beyond_the_total",),
    ),
    Mutant(
        "marks are kept by name: of two alike one is echoed",
        "protocol/incoming.py",
        "        heappush(segment.marks, (mark.position, self._count, mark.name))\n",
        "        if mark.name not in [name for _, _, name in segment.marks]:\n"
        "            heappush(segment.marks, (mark.position, self._count, mark.name))\n",
        "LW-MARK-1",
        ("receiver.marks.same_names",),
    ),
    Mutant(
        "a mark that comes when its position was heard is never echoed",
        "protocol/receiver_segments.py",
        "            self._reach_marks(segment, played, now)\n            if position <= played:\n",
        "            if position <= played:\n                segment.marks.remove(segment.marks[0])\n",
        "LW-MARK-1",
        ("receiver.marks.late",),
    ),
    Mutant(
        "a cut reaches the marks that were not",
        "protocol/receiver_segments.py",
        "            segment.marks.clear()  # LW-MARK-2\n",
        "            self._reach_marks(segment, inf, now)\n",
        "LW-MARK-2",
        ("receiver.marks.not_after_a_cut",),
    ),
    Mutant(
        "256 marks are one too many",
        "protocol/receiver_segments.py",
        "        if len(segment.marks) >= MARKS:  # LW-MARK-3",
        "        if len(segment.marks) >= MARKS - 1:",
        "LW-MARK-1",
        ("receiver.marks.as_many_as_may_wait",),
    ),
    Mutant(
        "257 marks are taken",
        "protocol/receiver_segments.py",
        "        if len(segment.marks) >= MARKS:  # LW-MARK-3",
        "        if len(segment.marks) > MARKS:",
        "LW-MARK-3",
        ("receiver.marks.one_more",),
    ),
    Mutant(
        "data comes behind the chunk that has its sample",
        "protocol/incoming.py",
        "            item = audio.take(at)\n",
        "            item = audio.take()\n",
        "LW-DATA-1",
        ("receiver.data.before_its_sample",),
    ),
    Mutant(
        "data of one position is handed out backwards",
        "protocol/incoming.py",
        "            heappush(segment.timed, (item.position, self._count, item))\n",
        "            heappush(segment.timed, (item.position, -self._count, item))\n",
        "LW-DATA-1",
        ("receiver.data.of_one_position",),
    ),
    Mutant(
        "data for what was handed out already is dropped",
        "protocol/receiver_segments.py",
        "        if position > segment.audio.consumed:\n            if len(ahead)",
        "        if position < segment.audio.consumed:\n            return\n"
        "        if position > segment.audio.consumed:\n            if len(ahead)",
        "LW-DATA-1",
        ("receiver.data.late",),
    ),
    Mutant(
        "data for a segment whose end was handed out is dropped",
        "protocol/incoming.py",
        "            self._late.append((segment, item))\n        else:",
        "            return\n        else:",
        "LW-DATA-1",
        ("receiver.data.late",),
    ),
    Mutant(
        "data beyond the total is dropped",
        "protocol/incoming.py",
        "            if at <= audio.consumed or audio.consumed == segment.total:\n",
        "            if audio.consumed == segment.total and at > audio.consumed:\n"
        "                segment.timed.clear()\n"
        "                return self.next_item()\n            if at <= audio.consumed:\n",
        "LW-DATA-1",
        ("receiver.data.at_the_end",),
    ),
    Mutant(
        "data of a cut segment is handed out",
        "protocol/incoming.py",
        "        for segment in cut:\n            self._remove(segment)\n        self._forget_late(cut)\n",
        "        waits = [(one, item) for one in cut for _, _, item in one.timed]\n"
        "        for segment in cut:\n            self._remove(segment)\n        self._late.extend(waits)\n",
        "LW-INTERRUPT-3",
        ("receiver.interrupt.data_that_waits",),
    ),
    Mutant(
        "257 data ahead are taken",
        "protocol/receiver_segments.py",
        "            if len(ahead) >= DATA:  # LW-DATA-2",
        "            if len(ahead) > DATA:",
        "LW-DATA-2",
        ("receiver.data.one_more",),
    ),
    Mutant(
        "late data that nobody takes closes the session",
        "protocol/receiver_segments.py",
        "            self._counters.late_data += 1\n            return\n",
        '            raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, "too much data waits")\n',
        "LW-DATA-2",
        ("receiver.data.late_without_end",),
    ),
    Mutant(
        "the bytes of data are bounded per segment",
        "protocol/receiver_segments.py",
        "            if to_come + size > HELD_CONTENT:  # LW-DATA-3",
        "            if segment.content_ahead + size > HELD_CONTENT:",
        "LW-DATA-3",
        ("receiver.data.bytes_beyond",),
    ),
    Mutant(
        "data counts for ever, handed out, cut or not",
        "protocol/receiver_segments.py",
        "        size, to_come = content_size(content), self._incoming.content_ahead()\n",
        "        size, to_come = content_size(content), self.__dict__.setdefault('of_all', 0)\n"
        "        self.__dict__['of_all'] += size\n",
        "LW-DATA-3",
        ("receiver.data.bytes_that_may_wait",),
    ),
    Mutant(
        "custom messages are dropped",
        "protocol/connection.py",
        "        self._events.append(CustomReceived(content=message.content))\n",
        "        return\n",
        "LW-CUSTOM-1",
        ("receiver.custom.taken",),
    ),
    Mutant(
        "a custom message with a key that is not known is refused",
        "protocol/connection.py",
        "        self._events.append(CustomReceived(content=message.content))\n",
        "        if not all('.' in key for key in message.content):\n"
        "            raise RemoteProtocolError(CloseCode.INVALID_FIELD, 'a key that is not known')\n"
        "        self._events.append(CustomReceived(content=message.content))\n",
        "LW-CUSTOM-1",
        ("receiver.custom.unknown_keys",),
    ),
    Mutant(
        "a mark at 0 is reached before anything was heard",
        "protocol/receiver_segments.py",
        "        if segment.played is not None:\n            played = inf",
        "        segment.played = segment.played or 0\n        if segment.played is not None:\n"
        "            played = inf",
        "LW-MARK-1",
        ("receiver.marks.at_the_first_sample",),
    ),
    Mutant(
        "marks are told after the stream_ended of their segment",
        "protocol/receiver.py",
        "            self._reach_marks(known, inf, now)  # LW-MARK-1\n",
        "            names = [name for _, _, name in sorted(known.marks)]\n"
        "            self._finish_segment(known, position, interrupted=False, cause=cause, now=now)\n"
        "            for name in names:\n                self._send(m.MarkReached(segment, name), now)\n"
        "            return True\n",
        "LW-MARK-2",
        ("receiver.marks.at_the_end",),
    ),
)

REPAIR: Final = (
    Mutant(
        "no nack for what `sent` says is missing",
        "protocol/receiver_segments.py",
        "        self._learn_sent(segment, message.position, now)\n",
        "        return\n",
        "LW-REPAIR-1",
        ("receiver.repair.tail_by_sent",),
    ),
    Mutant(
        "no nack when nothing of a segment has come",
        "protocol/receiver_segments.py",
        "            if self._incoming.repair:\n                self._nacks.found(segment, audio.known,",
        "            if self._incoming.repair and audio.received:\n"
        "                self._nacks.found(segment, audio.known,",
        "LW-REPAIR-1",
        ("receiver.repair.all_of_it",),
    ),
    Mutant(
        "no nack for what is missing of audio that came before its start",
        "protocol/receiver_segments.py",
        "            self._nacks.found(segment, audio.received, audio.known, now, "
        "self.liveness.round_trip)\n\n    def _on_segment_end",
        "            pass\n\n    def _on_segment_end",
        "LW-REPAIR-1",
        ("receiver.repair.before_the_start",),
    ),
    Mutant(
        "a nack's range ends at the last missing sample, not behind it",
        "protocol/receiver_reports.py",
        "                self._send_media(m.Nack(segment.id, [list(one) for one in ranges]))",
        "                self._send_media(m.Nack(segment.id, [[a, max(b - 1, a + 1)] for a, b in ranges]))",
        "LW-REPAIR-1",
        ("receiver.repair.gap",),
    ),
    Mutant(
        "a nack names what has arrived meanwhile",
        "protocol/receiver_repair.py",
        "                missing = segment.audio.missing(first, end)\n",
        "                missing = [(first, end)]\n",
        "LW-REPAIR-1",
        ("receiver.repair.before_the_start",),
    ),
    Mutant(
        "a nack goes on for a segment that was cut",
        "protocol/receiver_repair.py",
        "            if segment.audio.missing(first, end):  # nothing, when it is cut or over",
        "            if segment.audio.missing(first, end) or segment.state.name in ('CUT', 'OVER'):",
        "LW-REPAIR-1",
        ("receiver.repair.not_of_what_is_gone",),
    ),
    Mutant(
        "no more than 128 missing ranges are kept",
        "protocol/reassembly.py",
        "        if gaps + (max(self.known, end) > max(self.high, end)) > max(self.gaps, MISSING_RANGES):",
        "        if gaps + (max(self.known, end) > max(self.high, end)) > max(self.gaps, 128):",
        "LW-REPAIR-9",
        ("receiver.repair.256_ranges",),
    ),
    Mutant(
        "what is missing is concealed at once",
        "protocol/receiver_reports.py",
        "            self._starved_at = inf if starving is None else now + self.limits.repair_timeout",
        "            self._starved_at = inf if starving is None else now",
        "LW-REPAIR-7",
        ("receiver.repair.concealed",),
    ),
    Mutant(
        "of what is missing 100 ms are concealed, and the rest is skipped",
        "protocol/reassembly.py",
        "        for start in range(self.received, end, step):",
        "        for start in range(self.received, min(end, self.received + step), step):",
        "LW-REPAIR-7",
        ("receiver.repair.concealed_at_length",),
    ),
    Mutant(
        "concealed samples are not marked as such",
        "protocol/reassembly.py",
        "self.format, concealed=True)",
        "self.format)",
        "LW-REPAIR-7",
        ("receiver.repair.concealed",),
    ),
    Mutant(
        "concealed samples are not reckoned into positions",
        "protocol/reassembly.py",
        "            self.ready.append(Audio(self.segment, start, pcm, self.format, concealed=True))\n"
        "        self.received = end\n",
        "            self.ready.append(Audio(self.segment, start, pcm[2:], self.format, concealed=True))\n"
        "        self.received = end\n",
        "LW-REPAIR-7",
        ("receiver.repair.concealed",),
    ),
    Mutant(
        "what is missing is concealed though nobody waits for it",
        "protocol/receiver_reports.py",
        "            self._hungry\n            and head is not None\n            and self._incoming.repair\n"
        "            and self.state is _OPEN\n            and not self.paused\n"
        "            and not self._cooldown_until\n"
        "        ):\n            audio = head.audio\n            if audio.consumed == audio.received < audio.known:\n",
        "            head is not None\n            and self._incoming.repair\n"
        "            and self.state is _OPEN\n            and not self.paused\n"
        "            and not self._cooldown_until\n"
        "        ):\n            audio = head.audio\n            if audio.received < audio.known:\n",
        "LW-REPAIR-7",
        ("receiver.repair.not_concealed_while_nobody_waits",),
    ),
    Mutant(
        "what comes late for concealed samples is handed out as well",
        "protocol/reassembly.py",
        "        first = max(position, self.received)\n        if first >= end:\n            return 0\n",
        "        first = max(position, self.received)\n        if first >= end and len(self.ready) == 0:\n"
        "            self.ready.append(Audio(self.segment, position, pcm, self.format))\n"
        "        if first >= end:\n            return 0\n",
        "LW-REPAIR-8",
        ("receiver.repair.concealed",),
    ),
    Mutant(
        "a chunk that makes one missing range too many closes the session",
        "protocol/receiver_segments.py",
        "        if added is None:\n            self._counters.refused += 1\n",
        '        if added is None:\n            raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, "too many gaps")\n',
        "LW-REPAIR-9",
        ("receiver.repair.more_ranges",),
    ),
)
