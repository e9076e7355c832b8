"""Rules for the opening of a session, and for what is announced there (SPEC §4, §7, §17)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.limits import BOUNDS
from lipwire.protocol.messages import MAGIC, Hello, Welcome
from lipwire.protocol.registry import Role

from .. import messages as m
from ..trace import Entry
from .faults import is_hidden, unpacked
from .ledger import Ledger
from .rule import Look, rule

_IN_MS = ("cooldown", "resume", "keepalive")


@rule("LW-INVARIANT-1", "The first message of a connection MUST be a hello", arriving=True)
def first_is_hello(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.by is Role.SENDER and Role.SENDER not in ledger.link_of(entry).first and not is_hidden(entry):
        read = unpacked(entry.data)
        right = isinstance(read, list) and read[:2] == [1, MAGIC] and type(read[0]) is int
        yield right and len(read) > 2 and isinstance(read[2], list), f"{entry.name} {entry.fault}".strip()


@rule("LW-OPEN-1", "MUST NOT send anything but a close before welcome", arriving=True)
def nothing_before_welcome(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if entry.by is Role.SENDER and link.first.get(Role.SENDER) is not None and entry.name not in ("hello", "close"):
        yield link.welcome is not None, f"{entry.name} before welcome"


@rule("LW-OPEN-8", "over others it MUST send it once", of="hello", arriving=True)
def hello_once(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    yield ledger.link_of(entry).hello is None, "hello again on the same transport"


@rule("LW-OPEN-2", "A receiver MUST NOT send anything but welcome or close before it has sent welcome.", arriving=True)
def welcome_first(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    # What is on media may have overtaken welcome.
    if entry.by is Role.RECEIVER and entry.channel is Channel.CONTROL and entry.name != "close":
        welcomed = ledger.link_of(entry).welcome is not None
        yield welcomed or entry.name == "welcome", f"{entry.name} before welcome"


def greeted(ledger: Ledger, entry: Entry) -> tuple[Hello, Welcome] | None:
    """The hello that a welcome answers, and the welcome."""
    hello = ledger.link_of(entry).greeting
    if entry.name != "welcome" or entry.message is None or hello is None:
        return None
    return hello, entry.message


@rule("LW-OPEN-3", "A receiver MUST choose the highest version that both speak", of="welcome", arriving=True)
def version(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if both := greeted(ledger, entry):
        hello, welcome = both
        yield welcome.version in hello.versions, f"version {welcome.version} of {m.shown(hello.versions)}"


@rule("LW-OPEN-3", "one of the formats offered", of="welcome", arriving=True)
def one_format(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if both := greeted(ledger, entry):
        hello, welcome = both
        yield welcome.format in hello.formats, f"{welcome.format}; offered: {m.shown(hello.formats)}"


@rule("LW-OPEN-3", "only features that were offered and that it knows", of="welcome", arriving=True)
def features(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if both := greeted(ledger, entry):
        hello, welcome = both
        strange = [name for name in welcome.features if name not in hello.features or name.startswith("grease.")]
        yield not strange, f"chosen: {m.shown(strange)}; offered: {m.shown(hello.features)}"


def _unlike(hello: Hello, welcome: Welcome) -> list[str]:
    """What of a welcome a sender has to refuse."""
    return [
        what
        for what, right in {
            f"version {welcome.version}": welcome.version in hello.versions,
            f"format {welcome.format}": welcome.format in hello.formats,
            f"features {m.shown(welcome.features)}": set(welcome.features) <= set(hello.features),
            "another session": welcome.session == hello.session,
            f"generation {welcome.generation}": welcome.generation == hello.generation,
        }.items()
        if not right
    ]


@rule("LW-WIRE-4", "is out of the range that it says", of="welcome", arriving=True)
def same_session(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if both := greeted(ledger, entry):
        hello, welcome = both
        same = (welcome.session, welcome.generation) == (hello.session, hello.generation)
        yield same, f"generation {welcome.generation}, hello's {hello.generation}; sessions are to be the same"


@rule("LW-OPEN-6", "MUST close with `invalid_field`", arriving=True, regardless=True)
def strange_welcome(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if entry.by is not Role.SENDER or link.welcome is None or link.greeting is None:
        return
    if entry.name != "close" and (wrong := _unlike(link.greeting, link.welcome.message)):
        yield False, f"{entry.name} after a welcome with {', '.join(wrong)}"


# -- limits --------------------------------------------------------------------------------------------------------


def _out_of_bounds(limits: Mapping[str, Any], names: tuple[str, ...], rate: int) -> Iterator[Look]:
    for name in names:
        value, bound = limits.get(name), BOUNDS[name]
        if type(value) is int:
            scale = rate if name == "window" else 1_000 if name in _IN_MS else 1
            low, high = ceil(bound.floor * scale), round(bound.cap * scale)
            yield low <= value <= high, f"{name} {value}; it may be {low} to {high}"


@rule("LW-LIMIT-1", "A peer MUST NOT announce a limit under its floor or above its cap.", of="hello welcome",
      arriving=True)  # fmt: skip
def in_bounds(_: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.message is None:
        return
    if entry.name == "hello":
        yield from _out_of_bounds(entry.message.limits, ("message",), 1)
    else:
        names = ("window", "message", "cooldown", "resume", "keepalive", "segments")
        yield from _out_of_bounds(entry.message.limits, names, entry.message.format[1])


@rule("LW-OPEN-10", "for one under its floor it MUST close with `invalid_field`", arriving=True, regardless=True)
def refuses_under_floor(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if entry.name == "welcome" and link.greeting is not None:
        least, value = BOUNDS["message"].floor, link.greeting.limits.get("message")
        if type(value) is int and value < least:
            yield False, f"welcome after a hello whose message limit is {value}"
    elif entry.by is Role.SENDER and entry.name != "close" and link.welcome is not None:
        limits, rate = link.welcome.message.limits, link.welcome.message.format[1]
        for name in ("message", "segments", "keepalive", "window"):
            scale = rate if name == "window" else 1_000 if name in _IN_MS else 1
            value = limits.get(name)
            if type(value) is int and value < BOUNDS[name].floor * scale:
                yield False, f"{entry.name} after a welcome whose {name} is {value}"


# -- refusals ------------------------------------------------------------------------------------------------------


def _refusal(entry: Entry, code: CloseCode) -> bool:
    return entry.message is not None and entry.by is Role.RECEIVER and entry.message.code == code


@rule(
    "LW-INVARIANT-3",
    "whose details list, under `versions`, those that it does",
    of="close",
    arriving=True,
    regardless=True,
)
def versions_listed(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if _refusal(entry, CloseCode.UNSUPPORTED_VERSION):
        listed = (entry.message.details or {}).get("versions")
        first = ledger.link_of(entry).first.get(Role.SENDER)
        read = unpacked(first.data) if first is not None and not is_hidden(first) else None
        offered = read[2] if isinstance(read, list) and len(read) > 2 and isinstance(read[2], list) else []
        right = isinstance(listed, list) and bool(listed) and not any(one in offered for one in listed)
        yield right, f"versions {m.shown(listed)}; offered: {m.shown(offered)}"


@rule(
    "LW-OPEN-4",
    "its details listing under `formats` those that it does support",
    of="close",
    arriving=True,
    regardless=True,
)
def formats_listed(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if _refusal(entry, CloseCode.UNSUPPORTED_FORMAT):
        listed = (entry.message.details or {}).get("formats")
        hello = ledger.link_of(entry).greeting
        offered = hello.formats if hello is not None and hello.resume is None else []
        right = isinstance(listed, list) and bool(listed) and not any(one in offered for one in listed)
        yield right, f"formats {m.shown(listed)}; offered: {m.shown(offered)}"


@rule(
    "LW-OPEN-11", "SHOULD say in `retry` when to try again", of="close", arriving=True, regardless=True, level="SHOULD"
)
def says_when(_: Ledger, entry: Entry) -> Iterator[Look]:
    if _refusal(entry, CloseCode.BUSY):
        yield entry.message.retry is not None, "busy, and no retry"


@rule("LW-INVARIANT-4", "MUST answer a first message that is not a hello", arriving=True, regardless=True)
def not_lipwire(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    first = ledger.link_of(entry).first.get(Role.SENDER)
    if entry.by is not Role.RECEIVER or first is None or is_hidden(first):
        return
    read = unpacked(first.data)
    hello = isinstance(read, list) and read[:2] == [1, MAGIC] and len(read) > 2 and isinstance(read[2], list)
    if entry.name == "welcome":
        yield hello, "welcome, and the first message was no hello"
    elif entry.name == "close" and _refusal(entry, CloseCode.NOT_LIPWIRE):
        yield not hello, "not_lipwire, and the first message was a hello"
