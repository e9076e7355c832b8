"""A blocking face of AudioIn, for renderers that run in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import RunFinishedError, from_thread
from anyio.lowlevel import current_token

from lipwire.protocol.errors import Close, CloseCode, SessionClosed, SessionError, session_error
from lipwire.protocol.items import Item

if TYPE_CHECKING:
    from .audio_in import AudioIn

T = TypeVar("T")


class BlockingAudioIn:
    """AudioIn for one thread that is not the event loop's. Each call runs in the loop and waits for its result.

    When the loop has ended, each raises a ``SessionError``.
    """

    def __init__(self, audio: AudioIn) -> None:
        self._audio = audio
        self._token = current_token()

    def __iter__(self) -> Iterator[Item]:
        """Yield items until the session is closed; raises ``SessionError`` when it broke."""
        while True:
            try:
                item = self.receive()
            except SessionClosed:
                return
            if item is not None:
                yield item

    def receive(self, timeout: float | None = None) -> Item | None:
        """Wait for the next item, at most ``timeout`` seconds; None: there was none in that time.

        Raises:
            SessionError: the session is over; ``SessionClosed`` when that was orderly.
        """
        return self._in_loop(lambda: from_thread.run(self._receive, timeout, token=self._token))

    def notify_stream_started(self, segment: int) -> None:
        """As of AudioIn."""
        self._call(lambda: self._audio.notify_stream_started(segment))

    def notify_played(self, segment: int, position: int) -> None:
        """As of AudioIn."""
        self._call(lambda: self._audio.notify_played(segment, position))

    def notify_stream_ended(
        self,
        segment: int | Iterable[int],
        position: int | None = None,
        *,
        interrupted: bool = False,
        failed: bool = False,
    ) -> None:
        """As of AudioIn."""
        self._call(lambda: self._audio.notify_stream_ended(segment, position, interrupted=interrupted, failed=failed))

    def notify_reset(self) -> None:
        """As of AudioIn."""
        self._call(self._audio.notify_reset)

    def _call(self, function: Callable[[], None]) -> None:
        self._in_loop(lambda: from_thread.run_sync(function, token=self._token))

    def _in_loop(self, call: Callable[[], T]) -> T:
        """Make a call into the loop.

        Raises:
            SessionError: the session is over, or the loop is.
        """
        try:
            return call()
        except RunFinishedError as error:
            raise self._loop_ended() from error
        except BaseException as error:
            # However the event loop says that it cancels its tasks: nothing else of the kind comes to a thread.
            if type(error).__name__ in ("CancelledError", "Cancelled"):
                raise self._loop_ended() from error
            raise

    def _loop_ended(self) -> SessionError:
        closed = self._audio.closed
        if closed is None:
            closed = Close(code=CloseCode.PEER_GONE, reason="the event loop of this side has ended", by_peer=None)
        return session_error(closed)

    async def _receive(self, timeout: float | None) -> Item | None:
        with anyio.move_on_after(timeout):
            return await self._audio.receive()
        return None
