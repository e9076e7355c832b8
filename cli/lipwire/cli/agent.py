"""The agent's side of the demo: speaks the pieces as a TTS would hand them out, and breaks in on itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anyio

from lipwire.protocol.events import Event, InterruptConfirmed, SessionOpened, TransportDropped
from lipwire.sender import AudioOut, Segment

from .speech import Piece
from .traces import pcm_bytes

if TYPE_CHECKING:
    from lipwire.protocol.formats import PcmFormat
    from lipwire.protocol.trace import TraceHook
    from lipwire.transports.base import Connector

Report = Callable[[dict[str, Any]], None]
PACE = 3.0
"""How many times faster than playout the pieces are written, as a TTS service delivers them."""
CHUNK = 0.06
MIDDLE = "middle"
_TOLD_EVERY = 0.05


class WireTally:
    """A trace hook that counts what of each segment went over the wire, and passes the records on."""

    def __init__(self, frame_bytes: int, report: Report, then: TraceHook | None) -> None:
        self.sent: dict[int, int] = {}
        """The position up to which each segment was sent."""
        self.again: dict[int, int] = {}
        """Samples that were sent more than once."""
        self._frame = frame_bytes
        self._report = report
        self._then = then
        self._told = 0.0

    def __call__(self, record: dict[str, Any]) -> None:
        """Take one record of the trace."""
        if self._then is not None:
            self._then(record)
        if record.get("name") != "audio" or record["kind"] != "out":
            return
        fields = record["fields"]
        segment, begin = fields["segment"], fields["position"]
        end = begin + pcm_bytes(fields["pcm"]) // self._frame
        known = self.sent.get(segment, 0)
        self.again[segment] = self.again.get(segment, 0) + max(0, min(end, known) - begin)
        self.sent[segment] = max(known, end)
        if record["t"] - self._told >= _TOLD_EVERY or begin == 0:
            self._told = record["t"]
            self._report({"report": "sent", "segment": segment, "position": self.sent[segment]})


async def speak(
    connector: Connector,
    pieces: Sequence[Piece],
    form: PcmFormat,
    *,
    speed: float,
    report: Report,
    trace: TraceHook | None = None,
    connect_timeout: float = 30.0,
) -> None:
    """Speak every piece as a segment of one session, and report how each ended.

    A piece that is to be interrupted is cut when half of it has been heard; the next one follows at once.

    Raises:
        SessionError: the session did not come to be.
    """
    tally = WireTally(form.frame_bytes, report, trace)

    def on_event(event: Event) -> None:
        match event:
            case SessionOpened():
                report({"report": "open", "generation": event.generation, "resumed": event.resumed})
            case TransportDropped():
                report({"report": "dropped", "reason": event.reason})
            case InterruptConfirmed():
                report({"report": "cut", "first": event.first, "last": event.last, "latency": event.latency})
            case _:
                pass

    async def tell(segment: Segment, piece: Piece) -> None:
        if await segment.started():
            report({"report": "first sample", "segment": segment.number, "delay": first_sample_delay(segment)})
        ended = await segment.ended()
        report(
            {
                "report": "ended",
                "segment": ended.segment,
                "text": piece.text,
                "written": segment.position,
                "sent": tally.sent.get(ended.segment, 0),
                "sent_again": tally.again.get(ended.segment, 0),
                "position": ended.position,
                "interrupted": ended.interrupted,
                "cause": ended.cause.value,
                "exact": ended.exact,
            }
        )

    async with AudioOut(
        connector,
        format=form,
        connect_timeout=connect_timeout,
        on_event=on_event,
        trace=tally,
        info={"software": "lipwire demo"},
    ) as out:
        async with anyio.create_task_group() as tasks:
            for piece in pieces:
                async with out.segment(text=piece.text) as segment:
                    tasks.start_soon(tell, segment, piece)
                    if piece.interrupt:
                        segment.mark(MIDDLE, len(piece.pcm) // form.frame_bytes // 2)
                    await _write_paced(segment, piece.pcm, form, PACE * speed)
                if piece.interrupt and await segment.mark_reached(MIDDLE):
                    report({"report": "interrupt", "segment": segment.number})
                    out.interrupt_nowait()
        report({"report": "done", "statistics": asdict(out.statistics())})


def first_sample_delay(segment: Segment) -> float | None:
    """Seconds from the first write until the first sample was reported as heard, if it was."""
    if segment.started_at is None or segment.first_write_at is None:
        return None
    return segment.started_at - segment.first_write_at


async def _write_paced(segment: Segment, pcm: bytes, form: PcmFormat, pace: float) -> None:
    """Write a piece in chunks, ``pace`` times faster than it plays; stops when the segment was cut."""
    size = form.samples(CHUNK) * form.frame_bytes
    began = anyio.current_time()
    for at in range(0, len(pcm), size):
        if not await segment.write(pcm[at : at + size]):
            return
        await anyio.sleep_until(began + (at / size + 1) * CHUNK / pace)
