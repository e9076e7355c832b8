"""Rules for each message by itself, and for what it may be in its session (SPEC §2, §5, §6)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.registry import BY_MESSAGE, Feature, Role
from lipwire.protocol.registry import Entry as Registered

from .. import messages as m
from ..requirements import REQUIREMENTS
from ..trace import Entry
from .faults import fault_of, is_hidden
from .ledger import Ledger
from .rule import Look, rule

LARGEST_MEDIA: Final = 1_150
"""Of WebRTC, the one binding with a media channel of its own that is in use."""


def _sound(requirement: str, _: Ledger, entry: Entry) -> Iterator[Look]:
    if not is_hidden(entry):
        fault = fault_of(entry)
        yield fault is None or fault.broken != requirement, fault.why if fault else ""


REFUSED: Final = ("LW-WIRE-4", "LW-WIRE-9", "LW-LIMIT-2")
"""What the words of these name has to be refused."""

for _id, _says in {
    "LW-WIRE-1": "A peer MUST send each message as exactly one MessagePack array in one binary message",
    "LW-WIRE-3": "A peer MUST NOT send an integer below 0 or above 2^53 − 1 in a field that the registry types as int",
    "LW-WIRE-4": "a field is absent that may not be, or has another type than its registry entry says, or is out of "
    "the range that it says",
    "LW-WIRE-9": "nests deeper than 8 levels (its own array is the first) or one of its arrays or maps has more than "
    "1,024 entries",
    "LW-WIRE-12": "A peer MUST NOT send MessagePack extensions (timestamps among them) or maps with keys that are not "
    "strings",
    "LW-INVARIANT-2": "A close MUST be a MessagePack array that begins with the integer 3, an integer code and a "
    "string.",
    "LW-LIMIT-2": "is larger than 16,384 bytes in its shortest encoding",
}.items():
    rule(_id, _says, arriving=True, refused=_id in REFUSED)(partial(_sound, _id))


def registered(entry: Entry) -> Registered | None:
    """The row of the registry of a message; of a numbered one, of what is in it."""
    return None if entry.message is None else BY_MESSAGE[type(entry.message)]


@rule("LW-REGISTRY-1", "A peer MUST send a message only in its direction", arriving=True)
def direction(_: Ledger, entry: Entry) -> Iterator[Look]:
    row, fault = registered(entry), fault_of(entry)
    if row is not None:
        yield entry.by in row.sent_by, f"{entry.name} from the {entry.by.value}"
    elif fault is not None and fault.code is CloseCode.UNKNOWN_MESSAGE:
        yield False, fault.why


@rule("LW-REGISTRY-1", "one that belongs to a feature only when welcome chose it", arriving=True)
def chosen(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    row = registered(entry)
    if row is None or ledger.link_of(entry).welcome is None:
        return
    needed = {row.feature, Feature.RESUME if entry.number is not None else None} - {None}
    for feature in needed:
        assert feature is not None
        what = f"{entry.name}, and {feature.value} was not chosen"
        yield feature.value in ledger.features, what


@rule("LW-REGISTRY-1", "its states as the registry says", of="hello welcome", arriving=True)
def state(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if entry.name == "hello":
        # A repeat of the hello that opened the transport may have crossed welcome, where control may lose messages.
        repeat = link.hello is not None and link.hello.data == entry.data
        yield link.welcome is None or repeat, "another hello after welcome"
    elif entry.name == "welcome":
        yield link.first.get(Role.SENDER) is not None, "a welcome without a hello"


@rule("LW-BINDING-3", "A peer MUST send each message on the channel that the registry names", arriving=True)
def channel(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    row, link = registered(entry), ledger.link_of(entry)
    if row is None or not link.two_channels:
        return
    copy = entry.number is not None and entry.by is Role.SENDER  # LW-INTERRUPT-2; the interrupt may be lost
    last_words = entry.name == "progress"  # LW-STREAM-3 wants it on control, and that is only known later
    if not copy and not last_words:
        yield entry.channel in row.channels, f"{entry.name} on {entry.channel.value}"


@rule("LW-BINDING-4", "A peer MUST NOT send a media message larger than the binding's largest media message",
      arriving=True)  # fmt: skip
def media_size(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.channel is Channel.MEDIA and ledger.link_of(entry).two_channels:
        yield len(entry.data) <= LARGEST_MEDIA, f"{len(entry.data)} bytes on media"


@rule("LW-BINDING-4", "nor any message larger than the `message` limit of the other peer", arriving=True)
def size(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    most = ledger.most_bytes(entry, ledger.link_of(entry))
    yield len(entry.data) <= most, f"{len(entry.data)} bytes; the other peer takes {most}"


@rule("LW-BINDING-1", "a sender MUST offer them in hello", of="hello", arriving=True)
def repair_offered(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if ledger.link_of(entry).two_channels and entry.message is not None:
        offered = entry.message.features
        yield "repair" in offered, f"media is a channel of its own, and hello offers {m.shown(offered)}"


@rule("LW-BINDING-2", "MUST choose them when it does", of="welcome", arriving=True)
def repair_chosen(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if link.two_channels and entry.message is not None and link.greeting and "repair" in link.greeting.features:
        yield "repair" in entry.message.features, "media is a channel of its own, and welcome does not choose repair"


# -- what has to be refused, and is not ---------------------------------------------------------------------------


def _not_passed_over(requirement: str, ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if (ping := link.proved(entry)) is None:
        return
    for index, answered in link.faults[entry.by.other]:
        if answered == requirement and index < ping.index:
            yield False, f"it goes on after message {index}"


for _id in ("LW-WIRE-3", "LW-WIRE-4", "LW-WIRE-7", "LW-WIRE-8", "LW-WIRE-9", "LW-WIRE-10", "LW-WIRE-11", "LW-WIRE-12",
            "LW-LIMIT-2"):  # fmt: skip
    _found = REQUIREMENTS[_id]
    _says = next(word for word in (f"close with `{code}`" for code in _found.codes) if word in _found.text)
    rule(_id, _says, of="pong", arriving=True, regardless=True)(partial(_not_passed_over, _id))
