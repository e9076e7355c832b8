"""What measuring needs beside the base install."""

from __future__ import annotations

import sys
from importlib.util import find_spec

PACKAGES = ("aiohttp", "aiortc", "websockets")
INSTALL = "pip install -e '.[dev]'"


def require_packages() -> None:
    """Exit, and say how to install it, where a package is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; {INSTALL} brings what is measured here")
