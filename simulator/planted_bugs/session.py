"""Bugs of either side: resume, numbered control, liveness and closing."""

from __future__ import annotations

from typing import Final

from .bug import Bug

BUGS: Final = (
    # -- resume --------------------------------------------------------------------------------------------
    Bug(
        "a resume replays a whole chunk",
        "outgoing.py",
        "            if chunk.start < received:\n",
        "            if chunk.start < received - 10**9:\n",
        "garbled speech after a resume",
    ),
    Bug(
        "a resume does not go back",
        "sender.py",
        "            self._segments.rewind(segment, received)\n",
        "            self._segments.release(segment, min(received, segment.sent), received)\n",
        "what was under way when the transport broke is lost, or late",
    ),
    Bug(
        "a resume forgets unacknowledged control",
        "numbered.py",
        "        return [self._encoded(kept.number, kept.message) for kept in self._unacknowledged]\n",
        "        return []\n",
        "starts, ends and marks are lost with a transport",
    ),
    Bug(
        "a resume claims to have taken nothing",
        "sender.py",
        "resume = None if credential is None else [credential, self.numbered.taken]",
        "resume = None if credential is None else [credential, 0]",
        "the second resume is refused",
    ),
    Bug(
        "a resume uses the first secret",
        "sender.py",
        "        self._secret = message.secret\n",
        "        self._secret = self._secret or message.secret\n",
        "the second resume is refused",
    ),
    Bug(
        "the secret before is not accepted",
        "receiver.py",
        "self._secrets = list(dict.fromkeys((secret, self._secrets[0], held)))",
        "self._secrets = [secret]",
        "a resume whose welcome was lost can not be tried again",
    ),
    Bug(
        "the resume time goes on after the resume",
        "connection.py",
        "        self._was_open = True\n        self._resume_until = inf\n",
        "        self._was_open = True\n",
        "a later loss of the transport ends the session too soon",
    ),
    Bug(
        "the state in welcome counts what lies beyond a gap",
        "receiver.py",
        "rows = [[one.id, one.audio.received, one.audio.consumed, one.played] for one in live]",
        "rows = [[one.id, one.audio.high, one.audio.consumed, one.played] for one in live]",
        "a gap is never filled after a resume",
    ),
    Bug(
        "what is missing is forgotten with the transport",
        "receiver.py",
        "            if audio.known > audio.received and",
        "            if audio.known > audio.received + 10**9 and",
        "silence after a resume",
    ),
    # -- numbered control, liveness ------------------------------------------------------------------------
    Bug(
        "a repeated number is taken twice",
        "numbered.py",
        "        if number <= self.taken:\n",
        "        if number < self.taken:\n",
        "control is doubled in rooms and after a resume",
    ),
    Bug(
        "what was held is not taken",
        "numbered.py",
        "        while (message := self._held.pop(self.taken + 1, None)) is not None:\n",
        "        while (message := self._held.get(-1)) is not None:\n",
        "control comes a repeat late",
    ),
    Bug(
        "one number too many is let go of",
        "numbered.py",
        "        while waiting and waiting[0].number <= taken:\n",
        "        while waiting and waiting[0].number <= taken + 1:\n",
        "the message in flight when a transport breaks is lost",
    ),
    Bug(
        "numbers are not acknowledged",
        "numbered.py",
        "        self._acknowledge_at = min(self._acknowledge_at, now + ACKNOWLEDGE_DELAY)\n",
        "",
        "memory grows, until the session is closed",
    ),
    Bug(
        "a repeat is not acknowledged",
        "numbered.py",
        "            self._acknowledge_at = now\n            return []\n",
        "            return []\n",
        "a lost acknowledgement is never repeated",
    ),
    Bug(
        "numbers are never sent again",
        "numbered.py",
        "            self._resend_at = min(self._resend_at, now + after)\n",
        "            pass\n",
        "control that a room drops is lost",
    ),
    Bug(
        "hello is not repeated",
        "sender.py",
        "                self._hello_at = now + HELLO_REPEAT\n",
        "                self._hello_at = inf\n",
        "no session in a room that drops two messages",
    ),
    Bug(
        "a ping is not answered",
        "connection.py",
        "        if pong is not None:\n",
        "        if pong is not None and not message.t1 % 2:\n",
        "the round trip is never learnt",
    ),
    Bug(
        "silence is noticed late",
        "limits.py",
        "SILENT_KEEPALIVES: Final = 3\n",
        "SILENT_KEEPALIVES: Final = 6\n",
        "a dead connection is held twice as long",
    ),
    # -- closing -------------------------------------------------------------------------------------------
    Bug(
        "a close is not said",
        "connection.py",
        "            self._outgoing += unrepeated(encode_close(close), self.binding)\n",
        "            pass\n",
        "the other side waits for the resume time",
    ),
    Bug(
        "the consumer is not told to stop",
        "receiver.py",
        "            self._events.append(ConsumerReset(interrupted=interrupted))\n        self._quiet()\n",
        "        self._quiet()\n",
        "the avatar talks on after the session",
    ),
    Bug(
        "a closed session keeps its audio",
        "receiver.py",
        "        self._quiet()\n        self._incoming.clear()\n",
        "        self._quiet()\n",
        "memory is held until the session object goes",
    ),
    Bug(
        "the resume time is not looked at",
        "connection.py",
        "                self._resume_until = now + self._resume_time\n",
        "                self._resume_until = now + self._resume_time + 60\n",
        "a session whose peer is gone stays",
    ),
    Bug(
        "the session ends twice",
        "connection.py",
        "        self._change(SessionInput.CLOSE)\n        self.closed = close\n",
        "        self._change(SessionInput.CLOSE)\n"
        "        self._events.append(SessionEnded(close=close, opened=False))\n"
        "        self.closed = close\n",
        "the agent's handler runs twice",
    ),
)
