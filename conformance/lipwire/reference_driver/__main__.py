"""``python -m lipwire.reference_driver``: the SDK, both roles, as the conformance kit drives it."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lipwire.conformance.driver import VERSION, schema
from lipwire.protocol import LipwireError

from .lines import CannotDo, Lines
from .receiver_end import ReceiverEnd
from .sender_end import SenderEnd
from .settings import CAPABILITIES, read


class ReferenceDriver:
    """Does the commands, one endpoint at a time."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._end: ReceiverEnd | SenderEnd | None = None

    async def run(self) -> None:
        """Until the input ends."""
        async for command in self._lines.commands():
            try:
                self._lines.answer(command, await self._do(command))
            except CannotDo as error:
                self._lines.refuse(command, "unsupported", str(error))
            except LipwireError as error:
                self._lines.refuse(command, "refused", str(error))
            except Exception as error:
                self._lines.refuse(command, "error", repr(error))
        await self._stop()

    async def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        match command["do"]:
            case "hello":
                return {
                    "protocol": VERSION,
                    "name": "lipwire (Python SDK)",
                    "version": _version(),
                    "language": f"Python {sys.version.split()[0]}",
                    "capabilities": sorted(CAPABILITIES),
                }
            case "start":
                if unknown := sorted(set(command["needs"]) - CAPABILITIES):
                    raise CannotDo(", ".join(unknown))
                await self._stop()
                settings = read(command["options"], command["version"])
                kind = ReceiverEnd if command["role"] == "receiver" else SenderEnd
                self._end = kind(self._lines, settings, command["transport"])
                return await self._end.start(command.get("url"))
            case "stop":
                await self._stop()
            case "fence":
                for _ in range(20):  # whatever is ready runs, and tells
                    await asyncio.sleep(0)
            case name if f"command.{name}" not in schema()["$defs"]:
                raise CannotDo(name)
            case name if self._end is not None:
                arguments = {key: value for key, value in command.items() if key not in ("id", "do")}
                return await self._end.do(name, arguments)
            case name:
                raise ValueError(f"{name} before start")
        return {}

    async def _stop(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            await end.stop()


def _version() -> str:
    try:
        return version("lipwire")
    except PackageNotFoundError:
        return "of a source tree"


asyncio.run(ReferenceDriver().run())
