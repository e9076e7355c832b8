"""Where the CPU goes: the innermost Python frame, sampled every millisecond of CPU time, by whose code it is.

What C code does, and the kernel for it, counts for the Python code that called it: reading and writing sockets is the
event loop's.
"""

from __future__ import annotations

import signal
from collections import Counter
from types import FrameType

PERIOD = 0.001
GROUPS = {
    "/lipwire/protocol/": "Lipwire's core",
    "/lipwire/transports/": "Lipwire's transport and shell",
    "/lipwire/receiver/": "AudioIn and Acceptor",
    "/websockets/": "websockets",
    "/asyncio/": "asyncio and sockets",
    "selectors.py": "asyncio and sockets",
    "/anyio/": "anyio",
    "/benchmarks/": "the consumer",
}


class Profile:
    """Samples between ``start`` and ``stop``; to be used in the main thread."""

    def __init__(self) -> None:
        self.samples: Counter[tuple[str, str]] = Counter()
        """By file and function."""

    def start(self) -> None:
        """Begin to sample."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, PERIOD, PERIOD)

    def stop(self) -> None:
        """Stop sampling."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def functions(self, most: int = 25) -> list[tuple[str, float]]:
        """The functions that took most, as file:function, and their shares."""
        total = self.samples.total() or 1
        return [
            (f"{'/'.join(file.split('/')[-2:])}:{name}", count / total)
            for (file, name), count in self.samples.most_common(most)
        ]

    def groups(self) -> dict[str, float]:
        """The share of each group, the largest first."""
        total = self.samples.total() or 1
        shares: Counter[str] = Counter()
        for (file, _), count in self.samples.items():
            shares[group_of(file)] += count
        return {group: count / total for group, count in shares.most_common()}

    def _sample(self, _: int, frame: FrameType | None) -> None:
        if frame is not None:
            self.samples[frame.f_code.co_filename, frame.f_code.co_qualname] += 1


def group_of(file: str) -> str:
    """Whose code a file is."""
    return next((group for part, group in GROUPS.items() if part in file), "other")
