"""Senders that lose count of time, of what was said while there was no session, or of which session it was."""

from typing import Final

from .mutant import Mutant

_RENEWED: Final = "            self._shell = self._new_shell()\n        else:"

TIME: Final = (
    Mutant(
        "what was handed out counts as played in the time that is left",
        "protocol/sender_output.py",
        "self.format.seconds(oldest.written - oldest.heard)",
        "self.format.seconds(oldest.written - (oldest.consumed if oldest.played is None else oldest.played))",
        "LW-STREAM-7",
        ("sender.report_time.nothing_is_said_to_be_heard",),
    ),
    Mutant(
        "any report starts the time anew, whether something has moved or not",
        "protocol/sender_reports.py",
        "        moved = False\n",
        "        moved, self._reported = True, ()\n",
        "LW-STREAM-7",
        ("sender.report_time.the_same_report_again",),
    ),
    Mutant(
        "a cut does not start the time anew",
        "protocol/sender_output.py",
        "(oldest.number, oldest.live, oldest.received, oldest.consumed, oldest.played)",
        "(oldest.number, oldest.received, oldest.consumed, oldest.played)",
        "LW-STREAM-7",
        ("sender.report_time.a_cut_starts_it_anew",),
    ),
    Mutant(
        "the next segment has what is left of the time of the one before",
        "protocol/sender_output.py",
        "        if standing != self._reported:\n",
        "        if standing != self._reported and (not self._reported or standing[0] == self._reported[0]):\n",
        "LW-STREAM-7",
        ("sender.report_time.the_next_has_its_own",),
    ),
    Mutant(
        "an interrupt ends a pause for the receiver, and not for the timers",
        "protocol/sender.py",
        "            self.unpause(now)  # LW-PAUSE-2\n",
        "            self.unpause(now)\n            self.paused = self._told_paused = True\n",
        "LW-STREAM-7",
        ("sender.report_time.runs_when_an_interrupt_has_ended_a_pause",),
    ),
    Mutant(
        "does not ping while something comes",
        "protocol/connection.py",
        "            self.liveness.heard_at = now\n",
        "            self.liveness.heard_at = now\n"
        "            self.liveness._ping_at = now + self.liveness.keepalive if self.state is _OPEN else inf\n",
        "LW-LIVE-2",
        ("sender.liveness.ping_while_it_listens",),
    ),
)

MEANWHILE: Final = (
    Mutant(
        "an interrupt between hello and welcome is lost",
        "protocol/sender.py",
        "            self._send_interrupt(Interrupt(started[0], last), now)\n",
        "            if self.state is not SessionState.REOPENING:\n"
        "                self._send_interrupt(Interrupt(started[0], last), now)\n",
        "LW-INTERRUPT-10",
        ("sender.meanwhile.interrupt",),
    ),
    Mutant(
        "a pause while there is no transport is lost",
        "protocol/sender.py",
        "            self._tell_paused(now)\n\n    def unpause",
        "            self._told_paused = True\n            if self.state is SessionState.OPEN:\n"
        "                self._told_paused = False\n                self._tell_paused(now)\n\n    def unpause",
        "LW-RESUME-8",
        ("sender.meanwhile.pause",),
    ),
    Mutant(
        "after a resume only the newest interrupt is sent again",
        "protocol/interrupts.py",
        "return [pending.message for pending in self._pending]",
        "return [pending.message for pending in self._pending[-1:]]",
        "LW-INTERRUPT-10",
        ("sender.meanwhile.several_interrupts_again",),
    ),
    Mutant(
        "an interrupt is forgotten when the first of its segments is over",
        "protocol/interrupts.py",
        "p.message.last >= lowest_on_wire",
        "p.message.first >= lowest_on_wire",
        "LW-INTERRUPT-10",
        ("sender.meanwhile.interrupt_of_which_one_is_over",),
    ),
    Mutant(
        "an interrupt is repeated no more when only the last of its segments lives",
        "protocol/sender_output.py",
        "self._interrupts.forget(self._segments.lowest_open, self._segments.lowest_on_wire)",
        "self._interrupts.forget(self._segments.lowest_open, self._segments.lowest_on_wire + 1)",
        "LW-INTERRUPT-2",
        ("sender.interrupt.repeated_while_one_of_several_lives",),
        "webrtc",
    ),
    Mutant(
        "after a resume an interrupt is not repeated any more",
        "protocol/interrupts.py",
        "            pending.first_at, pending.repeats = now, 0\n            pending.schedule(repeat=repeat)\n",
        "            pending.next_at = inf\n",
        "LW-INTERRUPT-2",
        ("sender.meanwhile.interrupt_is_repeated",),
        "webrtc",
    ),
    Mutant(
        "an interrupt takes back what was numbered and not acknowledged of a cut segment",
        "protocol/sender.py",
        "        first, last = targets[0].number, targets[-1].number\n",
        "        first, last = targets[0].number, targets[-1].number\n"
        "        kept = self.numbered._unacknowledged\n"
        "        for one in [one for one in kept if getattr(one.message, 'segment', 0) in started]:\n"
        "            kept.remove(one)\n",
        "LW-RESUME-8",
        ("sender.meanwhile.numbers_of_what_was_cut",),
    ),
    Mutant(
        "takes the state of a cut segment for a contradiction",
        "protocol/sender_handshake.py",
        "        if segment is None or not segment.live:\n            continue\n",
        "        if segment is None:\n            continue\n        if not segment.live:\n"
        "            raise RemoteProtocolError(CloseCode.RESUME_STATE, 'it was cut')\n",
        "LW-RESUME-1",
        ("sender.meanwhile.state_of_a_cut_one",),
    ),
    Mutant(
        "takes the state of a segment that it gave up for a contradiction",
        "protocol/sender_handshake.py",
        "        if segment is None or not segment.live:\n            continue\n",
        "        if segment is None:\n"
        "            raise RemoteProtocolError(CloseCode.RESUME_STATE, 'it is over')\n"
        "        if not segment.live:\n            continue\n",
        "LW-RESUME-1",
        ("sender.meanwhile.state_of_one_that_was_given_up",),
    ),
    Mutant(
        "keeps to the window of the first welcome",
        "protocol/sender.py",
        '        self.window = int(limits["window"])\n',
        '        self.window = self.window or int(limits["window"])\n',
        "LW-CREDIT-1",
        ("sender.meanwhile.limits_of_the_newest_welcome",),
    ),
    Mutant(
        "keeps to the keepalive of the first welcome",
        "protocol/sender.py",
        '        self.liveness.keepalive = limits["keepalive"]\n',
        '        if not resuming:\n            self.liveness.keepalive = limits["keepalive"]\n',
        "LW-LIVE-2",
        ("sender.meanwhile.limits_of_the_newest_welcome",),
    ),
    Mutant(
        "keeps to the resume time of the first welcome",
        "protocol/sender.py",
        '        self._resume_time = limits["resume"]\n',
        '        if not resuming:\n            self._resume_time = limits["resume"]\n',
        "LW-RESUME-1",
        ("sender.meanwhile.resume_time_of_the_newest_welcome",),
    ),
    Mutant(
        "another session goes on counting the numbers of the one before",
        "sender/session.py",
        _RENEWED,
        "            before = self._shell.connection.numbered\n            self._shell = self._new_shell()\n"
        "            self._shell.connection.numbered.sent = before.sent\n        else:",
        "LW-CONTROL-1",
        ("sender.new_session.numbers_begin_anew",),
    ),
    Mutant(
        "another session goes on counting what was taken in the one before",
        "sender/session.py",
        _RENEWED,
        "            before = self._shell.connection.numbered\n            self._shell = self._new_shell()\n"
        "            self._shell.connection.numbered.taken = before.taken\n        else:",
        "LW-CONTROL-2",
        ("sender.new_session.numbers_begin_anew",),
    ),
    Mutant(
        "another session has the generation of the one before",
        "sender/session.py",
        _RENEWED,
        "            before = self._shell.connection\n            self._shell = self._new_shell()\n"
        "            self._shell.connection.generation = before.generation\n        else:",
        "LW-WIRE-4",
        ("sender.new_session.numbers_begin_anew",),
    ),
    Mutant(
        "another session has the id of the one before",
        "sender/session.py",
        _RENEWED,
        "            before = self._shell.connection\n            self._shell = self._new_shell()\n"
        "            self._shell.connection.session = before.session\n        else:",
        "LW-CLOSE-1",
        ("sender.new_session.numbers_begin_anew",),
    ),
    Mutant(
        "another session is paused as the one before was, and nobody says so",
        "sender/session.py",
        _RENEWED,
        "            paused = self._shell.connection.paused\n            self._shell = self._new_shell()\n"
        "            self._shell.connection.paused = self._shell.connection._told_paused = paused\n        else:",
        "LW-STREAM-7",
        ("sender.new_session.is_not_paused",),
    ),
    Mutant(
        "repairs nothing in a pause",
        "protocol/sender_reports.py",
        "        if segment is None or not segment.live:\n            return\n        patience",
        "        if segment is None or not segment.live or self.paused:\n            return\n        patience",
        "LW-PAUSE-3",
        ("sender.pause.repairs",),
    ),
    Mutant(
        "marks what the receiver has ended early",
        "sender/audio_out.py",
        "        done = self._is_known(number) and self._shell.connection.mark(number, position, name, self._now())\n",
        "        from lipwire.protocol.messages import Mark\n\n"
        "        done = self._is_known(number) and self._shell.connection.mark(number, position, name, self._now())\n"
        "        if not done:\n"
        "            self._shell.connection._send(Mark(number, position, name), self._now())\n",
        "LW-SEGMENT-3",
        ("sender.segments.no_marks_of_one_ended_early",),
    ),
    Mutant(
        "a cut segment that was never started is no part of the cut-through",
        "protocol/sender_segments.py",
        "        self.cut_through = next(iter(self._live), self.next) - 1\n        return told",
        "        gaps = [one.segment for one in told if one.interrupted and one.exact and not one.position]\n"
        "        self.gap = min([getattr(self, 'gap', 1 << 40), *gaps])\n"
        "        self.cut_through = min(next(iter(self._live), self.next), self.gap) - 1\n        return told",
        "LW-AUDIO-2",
        ("sender.audio.cut_through_of_one_that_was_never_started",),
    ),
    Mutant(
        "a numbered message carries no count, and takes the place of the acknowledgement",
        "protocol/numbered.py",
        "        return encode(Numbered(number, self.taken, message))",
        "        return encode(Numbered(number, 0, message))",
        "LW-CONTROL-3",
        ("sender.numbered.acknowledged_by_what_it_sends",),
    ),
    Mutant(
        "holds what is far ahead, without bound",
        "protocol/numbered.py",
        "            if number <= self.taken + HELD_NUMBERED:\n",
        "            if True:\n",
        "LW-CONTROL-2",
        ("sender.numbered.many_ahead",),
    ),
    Mutant(
        "sends 4,096 bytes in a message on media",
        "transports/_data_channels.py",
        "    max_media_message=1_150,\n",
        "    max_media_message=4_096,\n",
        "LW-BINDING-4",
        ("sender.interrupt.copies_fit_into_one_packet",),
        "webrtc",
    ),
)
