"""Senders that do wrong with numbered messages and resumes."""

from typing import Final

from .mutant import Mutant

NUMBERED: Final = (
    Mutant(
        "takes numbered messages out of order",
        "protocol/numbered.py",
        "        if number > self.taken + 1:",
        "        if number > self.taken + 64:",
        "LW-CONTROL-2",
        (
            "sender.numbered.backwards",
            "sender.numbered.custom_with_a_gap",
        ),
    ),
    Mutant(
        "takes bare what has to be numbered",
        "protocol/connection.py",
        "            if entry.numbered and Feature.RESUME in self.features and kind is not Interrupt:\n",
        "            if False:\n",
        "LW-CONTROL-1",
        ("sender.numbered.bare_with_resume",),
    ),
    Mutant(
        "takes a repeated message again",
        "protocol/numbered.py",
        "            self._acknowledge_at = now\n            return []",
        "            self._acknowledge_at = now\n            return [numbered.message]",
        "LW-CONTROL-2",
        ("sender.numbered.custom_repeated",),
    ),
    Mutant(
        "does not acknowledge a repeat",
        "protocol/numbered.py",
        "            self._acknowledge_at = now\n            return []",
        "            return []",
        "LW-CONTROL-3",
        ("sender.numbered.acknowledged",),
    ),
    Mutant(
        "acknowledges what it holds",
        "protocol/numbered.py",
        "encode(Acknowledge(self.taken))",
        "encode(Acknowledge(self.taken + len(self._held)))",
        "LW-CONTROL-3",
        ("sender.numbered.acknowledges_no_more_than_it_took",),
    ),
    Mutant(
        "believes any acknowledgement",
        "protocol/numbered.py",
        "        if taken > self.sent:",
        "        if False:",
        "LW-CONTROL-6",
        (
            "sender.numbered.taken_beyond_what_was_sent",
            "sender.numbered.taken_beyond_in_numbered",
        ),
    ),
    Mutant(
        "does not look at the count in a repeat",
        "protocol/numbered.py",
        "        self.acknowledged(numbered.taken)\n        number = numbered.number\n",
        "        number = numbered.number\n"
        "        if number > self.taken:\n"
        "            self.acknowledged(numbered.taken)\n",
        "LW-CONTROL-6",
        ("sender.numbered.taken_beyond_in_a_repeat",),
    ),
    Mutant(
        "closes on an acknowledgement that came late",
        "protocol/numbered.py",
        "        if taken > self.sent:",
        "        if not self.sent - len(self._unacknowledged) <= taken <= self.sent:",
        "LW-CONTROL-6",
        ("sender.numbered.taken_goes_back",),
    ),
    Mutant(
        "keeps without bound what is not acknowledged",
        "protocol/limits.py",
        "UNACKNOWLEDGED_MESSAGES: Final = 1_024",
        "UNACKNOWLEDGED_MESSAGES: Final = 100_000",
        "LW-CONTROL-5",
        ("sender.numbered.1024_unacknowledged",),
    ),
)

RESUME: Final = (
    Mutant(
        "resumes with its first secret",
        "protocol/sender.py",
        "        self._secret = message.secret",
        "        self._secret = self._secret or message.secret",
        "LW-RESUME-2",
        (
            "sender.resume.its_credential",
            "sender.resume.welcome_is_lost",
        ),
    ),
    Mutant(
        "resumes with a count of nothing taken",
        "protocol/sender.py",
        "[credential, self.numbered.taken]",
        "[credential, 0]",
        "LW-RESUME-2",
        ("sender.resume.its_credential",),
    ),
    Mutant(
        "opens another session in place of resuming",
        "protocol/sender.py",
        "self._make_hello(binding, self._secret if self.state is SessionState.LOST else None)",
        "self._make_hello(binding, None)",
        "LW-RESUME-2",
        (
            "sender.resume.its_credential",
            "sender.resume.its_own_loss",
            "sender.resume.unknown_session",
        ),
    ),
    Mutant(
        "does not send again what the state says is missing",
        "protocol/sender.py",
        "            self._segments.rewind(segment, received)\n",
        "",
        "LW-RESUME-9",
        (
            "sender.resume.samples_again",
            "sender.resume.of_several_segments",
        ),
    ),
    Mutant(
        "goes on one sample too late after a resume",
        "protocol/sender.py",
        "self._segments.rewind(segment, received)",
        "self._segments.rewind(segment, min(received + 1, segment.sent))",
        "LW-RESUME-9",
        ("sender.resume.samples_again",),
    ),
    Mutant(
        "takes reports of what it sends again as beyond what it sent",
        "protocol/sender_reports.py",
        "        if highest > segment.reached or",
        "        if highest > segment.sent or",
        "LW-PROGRESS-4",
        ("sender.resume.reports_of_the_first_sending",),
    ),
    Mutant(
        "takes no credit from the state",
        "protocol/sender.py",
        "            if consumed > segment.consumed:\n",
        "            if False:\n",
        "LW-RESUME-9",
        ("sender.resume.credit_from_the_state",),
    ),
    Mutant(
        "takes no played position from the state",
        "protocol/sender.py",
        "                segment.played = max(played, segment.heard)",
        "                pass",
        "LW-RESUME-9",
        ("sender.resume.played_from_the_state",),
    ),
    Mutant(
        "does not send its numbered messages again",
        "protocol/sender.py",
        "        for data in backlog:",
        "        for data in backlog[:0]:",
        "LW-RESUME-8",
        (
            "sender.resume.numbered_again",
            "sender.marks.resumed",
            "sender.custom.while_lost",
        ),
    ),
    Mutant(
        "sends again what was taken, too",
        "protocol/numbered.py",
        "        self.acknowledged(peer_taken)\n        return",
        "        return",
        "LW-RESUME-8",
        ("sender.resume.numbered_again",),
    ),
    Mutant(
        "sends samples before its numbered messages after a resume",
        "protocol/sender.py",
        "            self._outgoing.append((Channel.CONTROL, data))\n"
        "        if resuming and message.state is not None:\n"
        "            self._rewind(message.state[1])\n",
        "            pass\n"
        "        if resuming and message.state is not None:\n"
        "            self._rewind(message.state[1])\n"
        "            self._pump(now)\n"
        "        self._outgoing += [(Channel.CONTROL, data) for data in backlog]\n",
        "LW-RESUME-8",
        ("sender.resume.numbered_again",),
    ),
    Mutant(
        "believes any positions in the state",
        "protocol/sender.py",
        '            check_state(message.state[1], self._segments, int(limits["segments"]))\n',
        "",
        "LW-RESUME-10",
        (
            "sender.resume.received_beyond",
            "sender.resume.consumed_behind",
            "sender.resume.played_behind",
        ),
    ),
    Mutant(
        "takes a state that is behind what was received",
        "protocol/sender_handshake.py",
        "not segment.received <= received <= segment.reached",
        "not 0 <= received <= segment.reached",
        "LW-RESUME-10",
        ("sender.resume.received_behind",),
    ),
    Mutant(
        "takes a state that is behind what was heard",
        "protocol/sender_handshake.py",
        "segment.heard <= played <= consumed",
        "played <= consumed",
        "LW-RESUME-10",
        ("sender.resume.played_behind",),
    ),
    Mutant(
        "believes any count on a resume",
        "protocol/numbered.py",
        "            self._check_resumed(peer_taken)",
        "            pass",
        "LW-RESUME-10",
        (
            "sender.resume.taken_behind",
            "sender.resume.taken_beyond",
        ),
    ),
    Mutant(
        "waits half of the resume time",
        "protocol/connection.py",
        "self._resume_until = now + self._resume_time",
        "self._resume_until = now + self._resume_time / 2",
        "LW-RESUME-1",
        ("sender.resume.time_over",),
    ),
    Mutant(
        "waits for ever",
        "protocol/connection.py",
        "self._resume_until = now + self._resume_time",
        "self._resume_until = inf",
        "LW-RESUME-1",
        ("sender.resume.time_over",),
    ),
    Mutant(
        "counts the resume time from the first loss",
        "protocol/connection.py",
        "        self._resume_until = inf\n        self.liveness.attach(now)",
        "        if self.generation == 1:\n            self._resume_until = inf\n        self.liveness.attach(now)",
        "LW-RESUME-1",
        ("sender.resume.time_begins_anew",),
    ),
    Mutant(
        "a refusal for a while ends the session",
        "protocol/sender.py",
        "if self.state in HANDSHAKE and message.retry is not None:",
        "if False:",
        "LW-RESUME-2",
        ("sender.resume.come_again_later",),
    ),
    Mutant(
        "goes on with a welcome that chooses other features than before",
        "protocol/sender_handshake.py",
        "sorted(message.features) != sorted(before.features)",
        "False",
        "LW-OPEN-6",
        ("sender.resume.welcome_without_resume",),
    ),
    Mutant(
        "takes a resume's welcome without a secret",
        "protocol/sender_handshake.py",
        "    elif Feature.RESUME.value in message.features and message.secret is None:\n",
        "    elif False:\n",
        "LW-OPEN-6",
        (
            "sender.opening.resume_without_a_secret",
            "sender.resume.welcome_without_a_secret",
        ),
    ),
)
