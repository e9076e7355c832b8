"""What comes next in a run: a message of some kind, a wait, or something that the machine's user does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.states import SessionState

from .floods import FLOODS
from .machines import Machine, Setup
from .speaker import Speaker
from .steps import Do, Greeting, Message, Step, Wait
from .traffic import recorded
from .wild import CRAFTED, TEXTS, mutate, noise

_WAITS = (0.0, 0.001, 0.02, 0.021, 0.05, 0.2, 0.5, 1.1, 2.5)
_AFTER_CLOSE = 3
"""Messages that are sent to a session that was closed."""
_END_0 = json.dumps({"type": "segment_end"})


class Generator:
    """Makes the steps of one run. ``wrong``: how much of what it says breaks a rule."""

    def __init__(self, machine: Machine, peer: Speaker, random: Random) -> None:
        self.machine = machine
        self.peer = peer
        self.random = random
        self.wrong = random.choice((0.0, 0.0, 0.01, 0.05, 0.3, 1.0))
        self.flooding = random.choice((0.0, 0.0, 0.02, 0.1))
        self.users = list(machine.users)
        kind = machine.setup.kind
        self.version = 0 if kind.endswith("0") else 1
        setup = machine.setup if self.version else Setup("receiver", "memory", features=True)
        self.recorded = recorded(setup)["sender" if kind.startswith("receiver") else "receiver"]

    def steps(self, messages: int) -> Iterator[Step]:
        """Steps with so many messages among them, or a few more."""
        random = self.random
        floods = FLOODS[self.machine.setup.kind]
        count, closed = 0, 0
        while count < messages and closed <= _AFTER_CLOSE:
            closed += self.machine.core.closed is not None
            yield from self._come_back()
            if floods and random.random() < self.flooding:
                for step in random.choice(floods)(self.peer, random):
                    count += isinstance(step, Message | Greeting)
                    yield step
                    if self.machine.core.closed is not None:
                        break
            elif self.machine.setup.kind == "receiver" and random.random() < 0.02:
                count += 1
                yield Greeting(self._greeting())
            else:
                count += 1
                channel = Channel.MEDIA if random.random() < 0.3 else Channel.CONTROL
                yield Message(self._message() if self.version else self._message_0(), channel)
            if random.random() < 0.2:
                yield Do(random.choice(self.users) if random.random() < 0.9 else self.users[0])
            if random.random() < 0.1:
                yield Wait(random.choice(_WAITS))

    def _come_back(self) -> Iterator[Step]:
        """Where there is no transport, and so nothing to be sent, mostly begin one."""
        if self.machine.core.state in (SessionState.IDLE, SessionState.LOST) and self.random.random() < 0.7:
            yield Greeting(self._greeting()) if self.machine.setup.kind == "receiver" else Do("attach")

    def _greeting(self) -> Wire:
        if self.random.random() < self.wrong:
            return self._bad()
        return self.peer.greeting(self.random)

    def _message(self) -> Wire:
        random = self.random
        if random.random() < self.wrong:
            return self._bad()
        kind = random.random()
        if kind < 0.7:
            return self.peer.right(random)
        if kind < 0.9:
            return self.peer.grammar(random, 0.0)
        return random.choice(self.recorded)

    def _bad(self) -> Wire:
        random = self.random
        match random.randrange(8):
            case 0 | 1:
                return mutate(random.choice(self.recorded), random.choice(self.recorded), random)
            case 2 | 3:
                return mutate(self.peer.right(random), random.choice(self.recorded), random)
            case 4:
                return random.choice(CRAFTED)
            case 5:
                return noise(random)
            case 6:
                return random.choice(TEXTS) if random.random() < 0.1 else self.peer.grammar(random, 1.0)
        return self.peer.grammar(random, 0.3)

    def _message_0(self) -> Wire:
        random = self.random
        right: Wire
        match random.randrange(6):
            case 0 | 1:
                right = bytes(random.choice((1, 2, 3, 960, 961, 15_000)))
            case 2:
                right = b"INTERRUPT" if random.random() < 0.3 else _END_0
            case 3:
                position = random.choice((0, 0.02, 0.5, 1e9, 3))
                data = {"playback_position": position, "interrupted": random.random() < 0.5}
                right = json.dumps({"type": "stream_ended", "data": data})
            case 4:
                right = random.choice(TEXTS)
            case _:
                right = _END_0
        if random.random() < self.wrong:
            match random.randrange(4):
                case 0:
                    return random.choice(CRAFTED)
                case 1:
                    return noise(random)
                case 2:
                    return random.choice(self.recorded)
            return mutate(right, random.choice(TEXTS), random)
        return right
