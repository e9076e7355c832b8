"""The demo on the terminal: how far each segment has got while it runs, and the result."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .demo_run import DemoRun, SegmentRun

BAR = 40
_GOOD_WIDTH, _FAULTY_WIDTH, _LEAST_TEXT = 66, 82, 12
"""Of the table without the texts, and of a text that is worth its place."""
_WIDTH = 120
"""Of what is not a terminal."""


class Display:
    """Shows a demo; ``live``: while it runs, too."""

    def __init__(self, demo: DemoRun, transport: str, *, live: bool) -> None:
        self._demo = demo
        self._transport = transport
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, width=_WIDTH)
        self._live = Live(console=self.console, get_renderable=self._picture, transient=True) if live else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self) -> None:
        """Something has changed. The picture is drawn anew by time, not by change."""

    # -- while it runs -------------------------------------------------------------------------------------

    def _picture(self) -> Group:
        demo = self._demo
        table = Table(box=None, pad_edge=False, show_header=False)
        for segment in demo.segments.values():
            table.add_row(
                str(segment.number),
                self._bar(segment),
                f"{demo.format.seconds(segment.heard):5.2f} of {demo.format.seconds(segment.total):5.2f} s",
                self._state(segment),
                Text(segment.piece.text, overflow="ellipsis", no_wrap=True, style="dim"),
            )
        legend = Text.assemble(("━", "green"), " heard  ", ("━", "blue"), " sent  ", ("━", "bright_black"), " to come")
        head = Text.assemble((f"{self._transport}: {demo.status}   ", "bold"), legend)
        return Group(head, table, *(Text(note, style="yellow") for note in demo.notes))

    @staticmethod
    def _bar(segment: SegmentRun) -> Text:
        total = max(segment.total, 1)
        heard = min(segment.heard * BAR // total, BAR)
        sent = max(min(segment.sent * BAR // total, BAR) - heard, 0)
        rest = BAR - heard - sent
        cut = segment.interrupt_sent
        return Text.assemble(
            ("━" * heard, "green"),
            ("╳" if cut and rest + sent else "", "bold red"),
            ("━" * (sent - (1 if cut and sent else 0)), "red dim" if cut else "blue"),
            ("━" * (rest - (1 if cut and not sent and rest else 0)), "bright_black"),
        )

    @staticmethod
    def _state(segment: SegmentRun) -> Text:
        if segment.ended is not None:
            cause = segment.ended["cause"]
            return Text("heard", "green") if cause == "played" else Text(cause, "red")
        if segment.interrupt_sent:
            return Text("interrupting", "red")
        return Text("playing", "green") if segment.heard else Text("sending" if segment.sent else "", "blue")

    # -- at the end ----------------------------------------------------------------------------------------

    def result(self, out: Path, trace: Path | None) -> None:
        """Print the table of the segments and the verdict."""
        demo, console = self._demo, self.console
        console.print(self._table())
        console.print(self._statistics())
        for note in demo.notes:
            console.print(Text(note, style="yellow"))
        console.print()
        if demo.bit_exact:
            samples = sum(segment.ended["position"] for segment in demo.segments.values() if segment.ended)
            console.print(
                Text(
                    f"Bit-exact: all {samples:,} samples heard are the samples sent, "
                    "and the agent knows of each segment up to which sample.",
                    style="bold green",
                )
            )
        else:
            console.print(Text("NOT bit-exact: what was heard is not what was sent.", style="bold red"))
        for problem in demo.all_problems:
            console.print(Text(f"  {problem}", style="red"))
        console.print(Text(f"Sent and heard as WAV files: {out}", style="dim"))
        if trace is not None:
            console.print(Text(f"Look at the trace: lipwire trace view {trace}", style="dim"))

    def _table(self) -> Table:
        seconds, segments = self._demo.format.seconds, self._demo.segments.values()

        def again(segment: SegmentRun) -> int:
            return segment.ended["sent_again"] if segment.ended is not None else 0

        faulty = any(again(segment) or segment.concealed for segment in segments)
        table = Table(title=f"over {self._transport}", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        table.show_edge, table.padding = False, (0, 1, 0, 0)
        room = min(self.console.width - (_FAULTY_WIDTH if faulty else _GOOD_WIDTH), 48)
        wide = room >= _LEAST_TEXT
        table.caption = (
            "First sample: from the first write on; what is written while another segment plays waits for it."
        )
        table.caption_justify = "left"
        table.add_column("#", justify="right")
        if wide:
            table.add_column("text", no_wrap=True, overflow="ellipsis", max_width=room)
        for name in ("length\ns", "sent\ns", "heard\ns"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("ended", no_wrap=True)
        for name in ("first\nsample", "interrupt\ntook", *(("sent\nagain", "con-\ncealed") if faulty else ())):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("as\nsent", no_wrap=True)
        for segment in segments:
            ended = segment.ended
            cells: list[str | Text] = [
                str(segment.number),
                *([segment.piece.text] if wide else []),
                f"{seconds(segment.total):.3f}",
                f"{seconds(segment.sent):.3f}",
                "?" if ended is None else f"{seconds(ended['position']):.3f}",
                self._end_of(segment),
                _milliseconds(segment.first_sample_delay),
                _milliseconds(segment.interrupt_latency),
            ]
            if faulty:
                cells += [
                    _milliseconds(seconds(again(segment)) or None),
                    _milliseconds(seconds(segment.concealed) or None),
                ]
            cells.append(Text("yes", "green") if segment.bit_exact else Text("NO", "bold red"))
            table.add_row(*cells)
        return table

    @staticmethod
    def _end_of(segment: SegmentRun) -> Text:
        if segment.ended is None:
            return Text("no end", "bold red")
        if segment.ended["interrupted"]:
            return Text(segment.ended["cause"], "yellow")
        return Text(segment.ended["cause"], "green" if segment.ended["cause"] == "played" else "red")

    def _statistics(self) -> Text:
        sender, receiver = self._demo.statistics.get("sender"), self._demo.statistics.get("receiver")
        link = self._demo.statistics.get("link")
        parts = []
        if sender:
            parts.append(f"round trip {1000 * sender['round_trip']:.1f} ms, {sender['sent_chunks']} chunks sent")
        if receiver:
            parts.append(
                f"{receiver['repaired']:.2f} s repaired, {receiver['concealed']:.2f} s concealed, "
                f"{receiver['late_chunks']} chunks came too late"
            )
        if link:
            parts.append(
                f"of {link['pushed']} messages of the agent, {link['lost'] + link['dropped'] + link['cut']} were lost"
            )
        return Text("; ".join(parts), style="dim")


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{1000 * seconds:.1f} ms" if seconds < 0.1 else f"{1000 * seconds:.0f} ms"
