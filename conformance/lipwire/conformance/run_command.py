"""``lipwire conformance run``: cases against an implementation, and reports of what came of them."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

from rich.console import Console

from lipwire.protocol.registry import Role

from . import document, expected, output
from .case import Case, load_cases
from .command import Misuse
from .driver import Declaration, HarnessError
from .manual import PATIENCE, Manual
from .run import Run, Target, declare, run
from .selection import select
from .terminal import Live, console, summary
from .verdicts import Result
from .words import counted


def run_cases(arguments: argparse.Namespace) -> int:
    """Do it; gives the exit code. Who breaks it off is told what is known by then.

    Raises:
        HarnessError: the driver, or the receiver, is not of use at all.
        Misuse: wrong usage.
        OSError: a file can not be read or written.
    """
    cases = load_cases()
    target = _target(arguments)
    roles = _roles(arguments)
    entries = _expectations(arguments)
    chosen = select(arguments.cases, cases, roles)
    manual = Manual(console()) if arguments.manual else None
    out = console(stderr=arguments.json is not None and str(arguments.json) == "-")
    done, broken_off = Run(target=target), 0
    try:
        asyncio.run(_run(done, chosen, roles, arguments, out, manual))
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        broken_off = 128 + (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
        if not done.results:
            return broken_off
    whole = len(chosen) == sum(case.role in roles for case in cases.values())
    if arguments.update and not broken_off:
        made = expected.updated(entries, done.results, cases, target.transport, whole=whole)
        expected.save(arguments.expected, made)
        words = counted(len(made), "failure") if made else "no failure"
        out.print(f"{arguments.expected}: written, {words} expected", soft_wrap=True)
        entries = [replace(entry, reason=entry.reason or "(no reason yet)") for entry in made]
        if missing := [str(entry) for entry in made if not entry.reason]:
            out.print(f"{arguments.expected}: say why in the entries of {', '.join(missing)}", soft_wrap=True)
    outcome = expected.compare(entries, done.results, cases, target.transport, whole=whole)
    made_of = document.make(done, cases, roles, outcome, expected_file=str(arguments.expected or ""))
    written = output.write(made_of, arguments)  # before what whoever reads the terminal may cut short
    summary(made_of, out)
    for line in written:
        out.print(line, soft_wrap=True)
    if broken_off:
        out.print(f"Broken off after {len(done.results)} of {counted(len(chosen), 'case')}.")
    code: int = made_of["exit_code"]
    return broken_off or code


async def _run(
    done: Run, cases: Sequence[Case], roles: Sequence[Role], arguments: argparse.Namespace, out: Console,
    manual: Manual | None,
) -> None:  # fmt: skip
    """Run them into ``done``, which has what is known when this is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    with suppress(NotImplementedError):  # somebody ends the kit: its drivers are to end too
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    patience = PATIENCE if manual else arguments.patience
    target, began = done.target, time.monotonic()
    done.declaration = declaration = await declare(target, arguments.patience)
    _check_declared(declaration, target, roles if arguments.role in ("sender", "receiver") else ())
    who = f"{declaration.name} {declaration.version}".rstrip()
    out.print(f"{who}: {counted(len(cases), 'case')} over {target.transport}")
    with Live(out, len(cases), plain=manual is not None) as live:

        def take(result: Result) -> None:
            done.results.append(result)
            done.seconds = time.monotonic() - began
            live.take(result)

        found = await run(
            cases, target, jobs=1 if manual else arguments.jobs, patience=patience, on_result=take, watch=manual,
            declaration=declaration,
        )  # fmt: skip
    done.results, done.seconds = found.results, found.seconds


def _check_declared(declaration: Declaration, target: Target, roles: Sequence[Role]) -> None:
    wanted = [target.transport, *(role.value for role in roles)]
    if missing := [name for name in wanted if name not in declaration.capabilities]:
        raise HarnessError(
            f"the driver does not declare {' and '.join(missing)}, which is to be tested; it declares "
            f"{', '.join(sorted(declaration.capabilities)) or 'nothing'}"
        )
    if not declaration.capabilities & {role.value for role in Role}:
        raise HarnessError("the driver declares neither `sender` nor `receiver`: there is nothing to test")


def _target(arguments: argparse.Namespace) -> Target:
    if arguments.url is not None and arguments.transport == "webrtc":
        raise Misuse("--url is of a WebSocket; over WebRTC offer and answer have to go through a driver")
    if arguments.url is not None and not _is_websocket(arguments.url):
        raise Misuse(f"--url {arguments.url}: it has to be ws://HOST:PORT/… or wss://…")
    if arguments.url is not None and arguments.role not in (None, "receiver"):
        raise Misuse("--url is of a receiver; a sender that is to be tested needs a driver")
    return Target(command=arguments.driver, url=arguments.url, transport=arguments.transport)


def _is_websocket(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0  # raises beyond 65535
    except ValueError:
        return False


def _roles(arguments: argparse.Namespace) -> list[Role]:
    if arguments.url is not None:
        return [Role.RECEIVER]
    return list(Role) if arguments.role in (None, "both") else [Role(arguments.role)]


def _expectations(arguments: argparse.Namespace) -> list[expected.Entry]:
    if arguments.expected is None:
        if arguments.update:
            raise Misuse("--update rewrites the file that --expected names: give that too")
        return []
    if arguments.update and not arguments.expected.exists():
        return []
    return expected.load(arguments.expected, unexplained=arguments.update)
