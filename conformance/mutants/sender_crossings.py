"""Senders that do wrong where two things come together: a resume and reports, timers and what moves."""

from typing import Final

from .mutant import Mutant

_STANDING: Final = "(oldest.number, oldest.live, oldest.received, oldest.consumed, oldest.played)\n"

CROSSINGS: Final = (
    Mutant(
        "any name counts as the echo of the oldest mark",
        "protocol/sender_reports.py",
        "            if mark.name == message.name:\n",
        "            if True:\n",
        "LW-MARK-3",
        ("sender.marks.echo_of_another",),
    ),
    Mutant(
        "an echo of a mark that was never set is told",
        "protocol/sender_reports.py",
        "        for mark in segment.marks:\n            if mark.name",
        "        if all(mark.name != message.name for mark in segment.marks):\n"
        "            self._events.append(MarkReached(segment=segment.number, name=message.name))\n"
        "        for mark in segment.marks:\n            if mark.name",
        "LW-MARK-3",
        ("sender.marks.echo_of_another",),
    ),
    Mutant(
        "a cut that nobody asked for is told as a confirmation",
        "protocol/sender_reports.py",
        "        for pending in self._interrupts.confirm(message.first, message.last):\n",
        "        if not self._interrupts:\n            self._confirmed(message.first, message.last, 0.0)\n"
        "        for pending in self._interrupts.confirm(message.first, message.last):\n",
        "LW-INTERRUPT-12",
        ("sender.interrupt.confirmed_once",),
    ),
    Mutant(
        "a result is held against what was sent again",
        "protocol/sender_reports.py",
        "        if message.position is not None and message.position > segment.reached:\n",
        "        if message.position is not None and message.position > segment.sent:\n",
        "LW-STREAM-6",
        ("sender.resume.result_of_the_first_sending",),
    ),
    Mutant(
        "a nack is held against what was sent again",
        "protocol/sender_reports.py",
        "            if end > segment.reached:\n",
        "            if end > segment.sent:\n",
        "LW-REPAIR-4",
        ("sender.resume.nack_of_the_first_sending",),
    ),
    Mutant(
        "the cut-through begins at 0 again after a resume",
        "protocol/sender.py",
        "        if resuming and message.state is not None:\n",
        "        if resuming:\n            self._segments.cut_through = 0\n"
        "        if resuming and message.state is not None:\n",
        "LW-AUDIO-2",
        ("sender.resume.cut_through_goes_on",),
    ),
    Mutant(
        "the message limit of the first welcome stands after a resume",
        "protocol/sender.py",
        '        self._peer_message_limit = int(limits["message"])\n',
        '        if not resuming:\n            self._peer_message_limit = int(limits["message"])\n',
        "LW-BINDING-4",
        ("sender.resume.message_limit_anew",),
    ),
    Mutant(
        "silence is not looked at after a resume",
        "protocol/liveness.py",
        "        self._ping_at = self.heard_at = now\n",
        "        self._ping_at = now\n        self.heard_at = now if self.least_round_trip == inf else inf\n",
        "LW-LIVE-3",
        ("sender.resume.silence_after_it",),
    ),
    Mutant(
        "pings are not set going again after a resume",
        "protocol/liveness.py",
        "        self._ping_at = self.heard_at = now\n",
        "        self.heard_at = now\n        self._ping_at = now if self.least_round_trip == inf else inf\n",
        "LW-LIVE-2",
        ("sender.resume.silence_after_it",),
    ),
    Mutant(
        "the count in hello is of what it holds, too",
        "protocol/sender.py",
        "        resume = None if credential is None else [credential, self.numbered.taken]\n",
        "        taken = max([self.numbered.taken, *self.numbered._held])\n"
        "        resume = None if credential is None else [credential, taken]\n",
        "LW-RESUME-2",
        ("sender.resume.counts_what_it_took",),
    ),
    Mutant(
        "a segment that waits for room has no time for a report",
        "protocol/sender_output.py",
        "        if oldest is None or (oldest.live and",
        "        if oldest is None or oldest.state is _QUEUED or (oldest.live and",
        "LW-STREAM-7",
        ("sender.playback.no_report_of_one_that_waits_for_room",),
    ),
    Mutant(
        "a received position that moves does not start the time anew",
        "protocol/sender_output.py",
        f"        standing = {_STANDING}",
        f"        standing = {_STANDING.replace('oldest.received, ', '')}",
        "LW-STREAM-7",
        ("sender.playback.time_starts_anew_with_received",),
    ),
    Mutant(
        "a consumed position that moves does not start the time anew",
        "protocol/sender_output.py",
        f"        standing = {_STANDING}",
        f"        standing = {_STANDING.replace('oldest.consumed, ', '')}",
        "LW-STREAM-7",
        ("sender.playback.time_starts_anew_with_consumed",),
    ),
    Mutant(
        "a cut segment is given the time that its rest takes to play",
        "protocol/sender_output.py",
        "if oldest is not None and oldest.live else 0.0\n        return rest",
        "if oldest is not None else 0.0\n        return rest",
        "LW-STREAM-7",
        ("sender.playback.no_report_of_a_long_cut_one",),
    ),
    Mutant(
        "a pause begins the time for a report anew",
        "protocol/sender_output.py",
        "                self._report_left = max(self._report_until - now, 0.0)\n",
        "                self._report_left = self._report_time(oldest)\n",
        "LW-STREAM-7",
        ("sender.pause.holds_the_time",),
    ),
    Mutant(
        "acknowledges after half a second",
        "protocol/limits.py",
        "ACKNOWLEDGE_DELAY: Final = 0.050\n",
        "ACKNOWLEDGE_DELAY: Final = 0.5\n",
        "LW-CONTROL-3",
        ("sender.promptness.acknowledgement",),
    ),
    Mutant(
        "repairs up to the sample before the last of a range",
        "protocol/sender_reports.py",
        "            for chunk in segment.kept_in(first, end):\n",
        "            for chunk in segment.kept_in(first, end - 1):\n",
        "LW-REPAIR-3",
        ("sender.repair.first_sample_of_a_chunk",),
    ),
)
