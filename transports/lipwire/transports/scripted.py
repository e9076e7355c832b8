"""A fake: a transport whose peer is a test. It says what it was sent and receives what it is fed.

It is in the package, and named as a fake, so that whoever builds on Lipwire can test with it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio.lowlevel import checkpoint

from lipwire.protocol.channels import Binding, Channel
from lipwire.transports._queues import ABORTED_HERE, CLOSED_HERE, End, Inbox, size_of
from lipwire.transports.base import (
    MessageTooLarge,
    Transport,
    TransportBroken,
    TransportEnded,
    TransportOverflow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lipwire.protocol.channels import Wire
    from lipwire.transports.base import Received

SCRIPTED_BINDING = Binding(name="scripted", separate_media=True)
"""Two reliable channels, so that a test sees on which one each message went."""


class ScriptedTransport(Transport):
    """A transport driven by a test.

    ``sent`` has all that was sent, in order; ``backlog`` is what ``buffered()`` answers; ``closed`` and
    ``aborted`` say how it was closed. ``feed``, ``end`` and ``break_off`` are what the imaginary peer does.
    """

    def __init__(
        self,
        fed: Iterable[Received] = (),
        *,
        binding: Binding = SCRIPTED_BINDING,
        peer: str = "scripted",
        max_buffered: int = 16 * 1024 * 1024,
    ) -> None:
        self.binding = binding
        self.peer = peer
        self.sent: list[Received] = []
        self.backlog = 0
        self.closed = False
        self.aborted = False
        self._max_buffered = max_buffered
        self._inbox = Inbox()
        for channel, message in fed:
            self._inbox.put(channel, message)

    def feed(self, *messages: Wire, channel: Channel = Channel.CONTROL) -> None:
        """Let messages arrive."""
        for message in messages:
            self._inbox.put(channel, message)

    def end(self, reason: str = "the script ended") -> None:
        """Let the peer close in an orderly way, after what was fed."""
        self._inbox.finish(End(TransportEnded, reason))

    def break_off(self, reason: str = "the script broke off") -> None:
        """Let the transport fail, after what was fed."""
        self._inbox.finish(End(TransportBroken, reason))

    def take_sent(self) -> list[Received]:
        """What was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent

    def send(self, channel: Channel, message: Wire) -> None:
        """See :meth:`Transport.send`; overflows when the test has set ``backlog`` so high."""
        if self._inbox.end is not None:
            raise self._inbox.end.error()
        most = self.binding.max_message if channel is Channel.CONTROL else self.binding.max_media_message
        size = size_of(message)
        if size > most:
            raise MessageTooLarge(f"{size} bytes on {channel.value}; the most is {most}")
        if self.backlog + size > self._max_buffered:
            raise TransportOverflow(f"{self.backlog} bytes wait; the most is {self._max_buffered}")
        self.sent.append((channel, message))

    def buffered(self) -> int:
        """Whatever the test has set as ``backlog``."""
        return self.backlog

    async def receive(self) -> list[Received]:
        """See :meth:`Transport.receive`."""
        return await self._inbox.take()

    async def aclose(self) -> None:
        """See :meth:`Transport.aclose`."""
        self.closed = True
        self._inbox.finish(CLOSED_HERE, discard=True)
        await checkpoint()

    def abort(self) -> None:
        """See :meth:`Transport.abort`."""
        if not self.closed:
            self.aborted = True
            self._inbox.finish(ABORTED_HERE, discard=True)
