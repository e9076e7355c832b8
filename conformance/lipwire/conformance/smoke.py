"""Is the driver itself sound? Each step says what to do about a fault."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from rich.console import Console
from rich.text import Text

from lipwire.protocol.registry import Feature, Role

from .case import CASES, TRANSPORTS, load_cases
from .driver import LEAVE, Declaration, Driver, HarnessError, Refused, Unsupported
from .honesty import check_command, check_needs
from .links import listening
from .run import Target, working
from .verdicts import Verdict

_KNOWN = {
    *(role.value for role in Role), *TRANSPORTS, *(feature.value for feature in Feature),
    "version0", "f32le", "stereo", "rates", "token", "sessions", "hold", "reset", "drop", "finish",
    "interrupt_one", "conceal",
    *(f"limit.{name}" for name in (
        "window", "message", "cooldown", "resume", "keepalive", "segments", "handshake", "grace", "repair_timeout",
    )),
}  # fmt: skip


class Fault(Exception):
    """A step failed; the text says what to do."""


async def smoke(command: str, out: Console, *, patience: float = 1.0) -> bool:
    """Try a driver, and print what is found; gives whether it is sound. Cancelling ends the driver."""
    load_cases()
    driver = Driver(command, patience=patience, on_event=lambda _: None)
    try:
        async for words in _steps(driver):
            out.print(Text.assemble(("ok     ", "green"), words), soft_wrap=True)
    except (Fault, HarnessError) as fault:
        out.print(Text.assemble(("fault  ", "bold red"), str(fault)), soft_wrap=True)
        out.print("The driver protocol is described in conformance/DRIVER.md.")
        return False
    finally:
        await driver.end()
    out.print("The driver is sound. What its implementation does is for `lipwire conformance run` to find out.")
    return True


async def _steps(driver: Driver) -> AsyncIterator[str]:
    declared = await driver.begin()
    yield f"hello: {declared.name} {declared.version} ({declared.language})"
    able = declared.capabilities
    if strange := sorted(able - _KNOWN):
        raise Fault(
            f"it declares {', '.join(strange)}, which DRIVER.md does not have: leave that out, or mend the name"
        )
    roles = [role for role in ("receiver", "sender") if role in able]
    transports = [transport for transport in TRANSPORTS if transport in able]
    if not roles or not transports:
        raise Fault("it has to declare `receiver` or `sender`, and `websocket` or `webrtc`, to be of any use")
    yield f"declares {', '.join(sorted(able))}"
    await check_needs(driver, transports[0])
    yield "answers `unsupported` to a start that needs what nobody has"
    await check_command(driver)
    yield "answers `unsupported` to an unknown command"
    for role in roles:
        for transport in transports:
            for round_ in ("", " again"):  # what is left over of the first may be in the way of the second
                await _start_and_stop(driver, role, transport)
                yield f"start and stop of a {role} over {transport}{round_}"
    for role in roles:
        for transport in transports:
            yield await _speak(driver, declared, role, transport)
    yield await _leaves(driver)


async def _start_and_stop(driver: Driver, role: str, transport: str) -> None:
    async with listening() as server:
        arguments: dict[str, Any] = {"url": server.address} if (role, transport) == ("sender", "websocket") else {}
        told = await _do(
            driver, f"start of a {role}", "start", role=role, transport=transport, version=1, needs=[role, transport],
            options={}, **arguments,
        )  # fmt: skip
        if (role, transport) == ("receiver", "websocket") and not str(told.get("url", "")).startswith("ws"):
            raise Fault(f"the answer to the start of a receiver has to tell its `url`, ws://…; it is {told}")
        await _do(driver, f"fence of a {role}", "fence")
        await _do(driver, f"stop of a {role}", "stop")


async def _speak(driver: Driver, declared: Declaration, role: str, transport: str) -> str:
    """One segment, in a process of its own: what the driver tells of it is held against the schema."""
    case = CASES[f"{role}.segments.one"]
    async with working(Target(command=driver.command, transport=transport), driver.patience) as worker:
        result = await worker.play(case, declared)
    if result.verdict is Verdict.HARNESS_ERROR:
        raise Fault(f"one segment with a {role} over {transport}: {result.reason}")
    wrong = "" if result.verdict is Verdict.PASS else f"; {case.name} does not pass, see `lipwire conformance run`"
    return f"one segment with a {role} over {transport}, told as DRIVER.md says{wrong}"


async def _do(driver: Driver, what: str, command: str, **arguments: Any) -> dict[str, Any]:
    try:
        return await driver.do(command, **arguments)
    except Unsupported as answer:
        raise Fault(f"the {what} is answered `unsupported` ({answer}), though it was declared") from None
    except Refused as answer:
        raise Fault(f"the {what} is refused: {answer}") from None


async def _leaves(driver: Driver) -> str:
    began = time.monotonic()
    left = await driver.leave()
    if not left:
        raise Fault(f"it did not end within {LEAVE:g} s of the end of its input: end the program when reading ends")
    return f"ends when its input does, after {time.monotonic() - began:.1f} s"
