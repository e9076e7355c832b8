"""Receivers that do wrong where two things come together, and those whose sessions share what each has for itself."""

from typing import Final

from .mutant import Mutant

CROSSINGS: Final = (
    Mutant(
        "a repeat of an interrupt begins the grace anew",
        "protocol/receiver_segments.py",
        "        unheard = self._cut(first, last, now)\n",
        "        unheard = self._cut(first, last, now)\n        for one in self._owed:\n"
        "            if first <= one <= last:\n                self._owed[one] = now + self.limits.grace\n",
        "LW-INTERRUPT-7",
        ("receiver.interrupt.repeats_do_not_put_off_the_end",),
    ),
    Mutant(
        "what is heard of a segment after its cut is not taken",
        "protocol/receiver.py",
        "        known = self._known(segment)\n        if known is None:\n            return False\n"
        "        position = _checked_position(known, position)\n        if known.played",
        "        known = self._known(segment)\n        if known is None or known.state is SegmentState.CUT:\n"
        "            return False\n"
        "        position = _checked_position(known, position)\n        if known.played",
        "LW-INTERRUPT-7",
        ("receiver.interrupt.heard_after_the_cut",),
    ),
    Mutant(
        "stream_started of a segment that was cut meanwhile is not sent",
        "protocol/receiver.py",
        "        if known is None or known.stream_started:\n",
        "        if known is None or known.stream_started or known.state is SegmentState.CUT:\n",
        "LW-STREAM-1",
        ("receiver.playback.started_after_the_cut",),
    ),
    Mutant(
        "what is missing is concealed in a pause",
        "protocol/receiver_reports.py",
        "            and not self.paused\n",
        "",
        "LW-REPAIR-7",
        ("receiver.repair.not_concealed_in_a_pause",),
    ),
    Mutant(
        "what is missing is concealed in the cooldown",
        "protocol/receiver_reports.py",
        "            and not self._cooldown_until\n        ):\n            audio",
        "        ):\n            audio",
        "LW-REPAIR-7",
        ("receiver.repair.not_concealed_in_the_cooldown",),
    ),
    Mutant(
        "what was missing before a resume is not asked for after it",
        "protocol/receiver.py",
        "                self._nacks.found(segment, audio.received, audio.known, now + round_trip, round_trip)\n",
        "                pass\n",
        "LW-REPAIR-1",
        ("receiver.resume.asks_for_a_gap_again",),
    ),
    Mutant(
        "a resume ends the cooldown",
        "protocol/receiver.py",
        "        self._most_taken = -1\n        self._outgoing.append((Channel.CONTROL, welcome))\n",
        "        self._most_taken = -1\n        self._cooldown_until = 0.0\n"
        "        self._outgoing.append((Channel.CONTROL, welcome))\n",
        "LW-COOLDOWN-1",
        ("receiver.resume.the_cooldown_goes_on",),
    ),
    Mutant(
        "a repeat of the hello that resumed is held against the first one",
        "protocol/receiver.py",
        "        self._hello, self._welcome = hello, welcome\n",
        "        self._hello, self._welcome = self._hello or hello, welcome\n",
        "LW-OPEN-9",
        ("receiver.resume.hello_repeated",),
    ),
    Mutant(
        "progress is not repeated after a resume",
        "protocol/receiver.py",
        "            self._repeat_at = now + REPEAT\n            for",
        "            for",
        "LW-PROGRESS-5",
        ("receiver.resume.progress_repeated",),
        "webrtc",
    ),
    Mutant(
        "a first hello has to be of generation 1",
        "protocol/receiver.py",
        "        fresh = self.state is SessionState.IDLE\n",
        "        fresh = self.state is SessionState.IDLE\n        if fresh and hello.generation != 1:\n"
        "            raise RemoteProtocolError(CloseCode.RESUME_REFUSED, 'there is no such session')\n",
        "LW-CLOSE-5",
        ("receiver.resume.first_of_a_later_generation",),
    ),
    Mutant(
        "a credential that goes on behind the secret is taken",
        "protocol/receiver_handshake.py",
        "        if hmac.compare_digest(credential, expected):\n",
        "        if hmac.compare_digest(credential[: len(expected)], expected):\n",
        "LW-RESUME-4",
        ("receiver.resume.wrong_secret",),
    ),
    Mutant(
        "audio does not count as heard from its sender",
        "protocol/receiver_segments.py",
        "                    self.liveness.heard_at = now\n                    number",
        "                    number",
        "LW-LIVE-3",
        ("receiver.liveness.audio_counts",),
    ),
    Mutant(
        "silence counts from the first message behind hello",
        "protocol/liveness.py",
        "        self._ping_at = self.heard_at = now\n",
        "        self._ping_at = now\n",
        "LW-LIVE-3",
        ("receiver.liveness.silent_from_the_beginning",),
    ),
    Mutant(
        "marks are looked at in the order in which they came",
        "protocol/incoming.py",
        "        heappush(segment.marks, (mark.position, self._count, mark.name))\n",
        "        segment.marks.append((mark.position, self._count, mark.name))\n",
        "LW-MARK-1",
        ("receiver.marks.in_any_order",),
    ),
    Mutant(
        "a mark beyond the total is missed when all was heard before the total came",
        "protocol/receiver_segments.py",
        "        if segment.played == total:\n            self._reach_marks(segment, inf, now)",
        "        if False:\n            self._reach_marks(segment, inf, now)",
        "LW-MARK-1",
        ("receiver.marks.heard_before_the_end_came",),
    ),
    Mutant(
        "data at just the consumed position counts as ahead",
        "protocol/incoming.py",
        "        while ahead and ahead[0][0] <= consumed:\n",
        "        while ahead and ahead[0][0] < consumed:\n",
        "LW-DATA-2",
        ("receiver.data.up_to_the_consumed_position",),
    ),
    Mutant(
        "audio of a ninth segment to come closes the session",
        "protocol/receiver_segments.py",
        "        if early is None:\n            self._counters.refused += 1\n            return\n        high",
        "        if early is None:\n"
        "            raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, 'too many segments')\n        high",
        "LW-AUDIO-9",
        ("receiver.audio.of_many_segments_early",),
    ),
    Mutant(
        "a nack has 33 ranges",
        "protocol/receiver_repair.py",
        "        for at in range(0, len(ranges), NACK_RANGES):\n"
        "                yield segment, ranges[at : at + NACK_RANGES]",
        "        for at in range(0, len(ranges), 33):\n                yield segment, ranges[at : at + 33]",
        "LW-WIRE-4",
        ("receiver.repair.many_ranges",),
    ),
    Mutant(
        "silence has two bytes a sample, whatever the format",
        "protocol/reassembly.py",
        "            pcm = silence if samples * self.frame == len(silence) else bytes(samples * self.frame)\n",
        "            pcm = bytes(samples * 2)\n",
        "LW-REPAIR-7",
        ("receiver.repair.concealed_in_another_format",),
    ),
    Mutant(
        "concealed samples give room back that they did not take",
        "protocol/receiver_reports.py",
        "        incoming.credit += audio.high - high\n",
        "",
        "LW-CREDIT-3",
        ("receiver.repair.concealed_within_the_window",),
    ),
    Mutant(
        "what came early for a segment that was left out takes room for ever",
        "protocol/incoming.py",
        "        for skipped in [one for one in self.early if one < segment]:\n"
        "            self._forget_early(skipped)\n",
        "",
        "LW-CREDIT-3",
        ("receiver.credit.held_for_one_that_was_left_out",),
    ),
    Mutant(
        "progress comes after half a second",
        "protocol/limits.py",
        "PROGRESS_INTERVAL: Final = 0.020\n",
        "PROGRESS_INTERVAL: Final = 0.5\n",
        "LW-PROGRESS-1",
        ("receiver.promptness.progress",),
    ),
    Mutant(
        "acknowledgements come after half a second",
        "protocol/limits.py",
        "ACKNOWLEDGE_DELAY: Final = 0.050\n",
        "ACKNOWLEDGE_DELAY: Final = 0.5\n",
        "LW-CONTROL-3",
        ("receiver.promptness.acknowledgement",),
    ),
    Mutant(
        "a segment is over as soon as its last sample was heard",
        "protocol/receiver.py",
        "        known.played = position\n        self._touch(known, now)\n",
        "        known.played = position\n        self._touch(known, now)\n        if position == known.total:\n"
        "            self._finish_segment(known, position, interrupted=False, cause=0, now=now)\n"
        "            return True\n",
        "LW-STREAM-2",
        ("receiver.playback.heard_to_the_end_is_not_over",),
    ),
    Mutant(
        "a resume tells what lies beyond a gap as received",
        "protocol/receiver.py",
        "        rows = [[one.id, one.audio.received, one.audio.consumed, one.played] for one in live]",
        "        rows = [[one.id, one.audio.high, one.audio.consumed, one.played] for one in live]",
        "LW-RESUME-7",
        ("receiver.resume.asks_for_a_gap_again",),
    ),
    Mutant(
        "numbered messages carry the count of the message before",
        "protocol/numbered.py",
        "        return encode(Numbered(number, self.taken, message))\n",
        "        return encode(Numbered(number, max(0, self.taken - 1), message))\n",
        "LW-CONTROL-3",
        ("receiver.numbered.acknowledged_by_what_it_sends",),
    ),
)

SESSIONS: Final = (
    Mutant(
        "there is one window for all sessions",
        "protocol/receiver_segments.py",
        "        incoming.credit += samples\n        if incoming.credit > incoming.window:\n",
        "        incoming.credit += samples\n        every = SegmentReceiver.__dict__.get('every') or {}\n"
        "        SegmentReceiver.every = every\n        every[id(self)] = incoming\n"
        "        if sum(one.credit for one in every.values()) > incoming.window:\n",
        "LW-CREDIT-3",
        ("receiver.sessions.window_of_each",),
    ),
    Mutant(
        "the bytes of data are bounded over all sessions",
        "protocol/incoming.py",
        "        return sum(segment.count_ahead() for segment in self.receiving.values())\n",
        "        Incoming.every = {**getattr(Incoming, 'every', {}), id(self): self}\n"
        "        every = Incoming.every.values()\n"
        "        return sum(s.count_ahead() for one in every for s in one.receiving.values())\n",
        "LW-DATA-3",
        ("receiver.sessions.data_of_each",),
    ),
    Mutant(
        "pongs are counted over all sessions",
        "protocol/liveness.py",
        "        if second != self._pong_second:\n            self._pong_second, self._pongs = second, 0\n"
        "        self._pongs += 1\n        if self._pongs > _PONGS_PER_SECOND:\n",
        "        every = Liveness.__dict__.get('every') or {'pongs': 0}\n        Liveness.every = every\n"
        "        if second != every.get('second'):\n            every.update(second=second, pongs=0)\n"
        "        every['pongs'] += 1\n        if every['pongs'] > _PONGS_PER_SECOND:\n",
        "LW-LIVE-1",
        ("receiver.sessions.pings_of_each",),
    ),
    Mutant(
        "numbers go on from one session to the next",
        "protocol/receiver.py",
        "            self.numbered = NumberedControl()\n",
        "            self.numbered = ReceiverConnection.__dict__.get('counts') or NumberedControl()\n"
        "            ReceiverConnection.counts = self.numbered\n",
        "LW-CONTROL-1",
        ("receiver.sessions.numbers_of_each",),
    ),
    Mutant(
        "who is refused keeps a place",
        "receiver/acceptor.py",
        "        try:\n            await self._authorize(greeting)\n        finally:\n            self._opening -= 1\n",
        "        await self._authorize(greeting)\n        self._opening -= 1\n",
        "LW-OPEN-11",
        ("receiver.sessions.refused_takes_no_place",),
    ),
    Mutant(
        "a resume needs a free place",
        "receiver/acceptor.py",
        "            audio = self._sessions.get(hello.session)\n            if audio is None:\n"
        "                audio = await self._open",
        "            audio = self._sessions.get(hello.session)\n"
        "            if audio is not None and len(self._sessions) >= self._max_sessions:\n"
        "                raise RemoteProtocolError(CloseCode.BUSY, 'full', retry=_RETRY_MS)\n"
        "            if audio is None:\n"
        "                audio = await self._open",
        "LW-RESUME-5",
        ("receiver.sessions.resumed_in_its_place",),
    ),
    Mutant(
        "a pause holds every session",
        "protocol/receiver_segments.py",
        "        self.paused = paused\n",
        "        import gc\n\n        for one in [found for found in gc.get_objects() if type(found) is type(self)]:\n"
        "            one.paused = paused\n            one._update()\n",
        "LW-PAUSE-1",
        ("receiver.sessions.pause_of_each",),
    ),
    Mutant(
        "the ranges of segments to come are counted over all sessions",
        "protocol/receiver_segments.py",
        "        if len(incoming.cuts) > EARLY_CUTS:",
        "        import gc\n\n        every = [one for one in gc.get_objects() if type(one) is type(incoming)]\n"
        "        if sum(len(one.cuts) for one in every) > EARLY_CUTS:",
        "LW-INTERRUPT-5",
        ("receiver.sessions.cuts_of_each",),
    ),
    Mutant(
        "live segments are counted over all sessions",
        "protocol/receiver_segments.py",
        "        if len(incoming.live) >= self._most_segments and",
        "        import gc\n\n        every = [one for one in gc.get_objects() if type(one) is type(incoming)]\n"
        "        if sum(len(one.live) for one in every) >= self._most_segments and",
        "LW-SEGMENT-4",
        ("receiver.sessions.segments_of_each",),
    ),
    Mutant(
        "the first secret comes from a generator with a fixed seed",
        "receiver/acceptor.py",
        "        connection.open(hello, transport.binding, secrets.token_bytes(_SECRET_BYTES), self._now())\n",
        "        import random\n\n        secret = random.Random(0).randbytes(_SECRET_BYTES)\n"
        "        connection.open(hello, transport.binding, secret, self._now())\n",
        "LW-RESUME-3",
        ("receiver.sessions.secrets_of_each",),
    ),
)
