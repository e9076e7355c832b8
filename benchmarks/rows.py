"""What a figure gives: rows, each a ratio of ours to something measured or stated beside it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

SHORT_SLACK = 2.0
"""By how much a bar that is a matter of timing is relaxed in a short run."""


class Spread(NamedTuple):
    """The median of several rounds, with the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Of at least one value."""
        every = list(values)
        return cls(statistics.median(every), min(every), max(every))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. ``ours`` and ``theirs`` are in ``unit``; the bar is about ``ratio``, ours to theirs."""

    name: str
    unit: str = ""
    ours: float = math.nan
    peer: str = ""
    """What ``theirs`` is: a floor, a peer, or a limit."""
    theirs: float = math.nan
    ratio: Spread | None = None
    at_most: float | None = None
    at_least: float | None = None
    timing: bool = False
    """Whether the machine's speed and load bear on it: then a short run relaxes the bar by ``SHORT_SLACK``."""
    note: str = ""
    skipped: str = ""
    """Why it was not measured."""

    def met(self, *, short: bool = False) -> bool | None:
        """Whether the median keeps to the bar; None without a bar, or when it was not measured."""
        slack = SHORT_SLACK if short and self.timing else 1.0
        if self.ratio is None or (self.at_most is None and self.at_least is None):
            return None
        if self.at_most is not None and not self.ratio.median <= self.at_most * slack:
            return False
        return self.at_least is None or self.ratio.median >= self.at_least / slack

    def to_json(self) -> dict[str, Any]:
        """As plain values; those that were not measured are None."""
        plain = asdict(self) | {"ratio": None if self.ratio is None else self.ratio._asdict()}
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in plain.items()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """The reverse of :meth:`to_json`."""
        values = dict(plain)
        values["ratio"] = None if plain["ratio"] is None else Spread(**plain["ratio"])
        for name in ("ours", "theirs"):
            values[name] = math.nan if plain[name] is None else plain[name]
        return cls(**values)


def compare(
    name: str, unit: str, ours: Iterable[float], peer: str, theirs: Iterable[float], **more: Any
) -> Row:  # ``more``: bar and note, as of Row
    """A row of measured pairs: ``ours`` and ``theirs`` have one value a round, taken beside each other."""
    pairs = list(zip(ours, theirs, strict=True))
    return Row(
        name=name,
        unit=unit,
        ours=statistics.median(a for a, _ in pairs),
        peer=peer,
        theirs=statistics.median(b for _, b in pairs),
        ratio=Spread.of(a / b for a, b in pairs),
        **more,
    )


def against_limit(name: str, unit: str, ours: Iterable[float], peer: str, limit: float, **more: Any) -> Row:
    """A row of measured values against a stated limit; one value a round."""
    values = list(ours)
    return compare(name, unit, values, peer, [limit] * len(values), **more)
