"""Two hosts on one machine, with a bad link between them: a real kernel's TCP and UDP meet a real bottleneck.

:class:`Link` makes two network namespaces, each with a TUN device, and a process that passes packets between the
two: at a rate, with a queue of so many bytes, delayed, lost, or not at all. Programs are started on either side.
``figures`` measures Lipwire across it; ``python -m links`` prints that.

It needs Linux, and root or user namespaces; where they are not to be had :class:`Unavailable` says why.
"""

from __future__ import annotations

from lipwire.transports import Faults

from .link import Host, Link, Program
from .namespaces import Unavailable

LINK = Faults(rate=125_000, delay=0.050, queue=65_536)
"""The link of the figures: 1 Mbit/s, 50 ms one way, a queue of 64 KiB, no loss."""

__all__ = ["Faults", "Host", "LINK", "Link", "Program", "Unavailable"]
