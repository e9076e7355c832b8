"""The test vectors: held against their schema, against SPEC.md's statements, and the SDK against them."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from played import RELIABLE as LOSSLESS
from played import PlayedReceiver

from lipwire.conformance.requirements import REQUIREMENTS
from lipwire.protocol import version0
from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.messages import Message, Numbered
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.registry import BY_MESSAGE, REGISTRY, Feature
from lipwire.protocol.sender import SenderConnection, SenderSettings

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "conformance" / "vectors"
FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(VECTORS.glob("*.json"))
    if path.stem != "schema"
}
VERSION_1 = [vector for file in FILES.values() if file["wire"] == 1 for vector in file["vectors"]]
VERSION_0 = [vector for file in FILES.values() if file["wire"] == 0 for vector in file["vectors"]]
SESSION = bytes.fromhex("5f0d1c2b3a495867768594a3b2c1d0ef")

ABOUT_ONE_MESSAGE = frozenset(
    {f"LW-WIRE-{number}" for number in range(1, 15)} - {"LW-WIRE-13"}  # which channel it came on is not in its bytes
    | {f"LW-INVARIANT-{number}" for number in range(1, 6)}
    | {"LW-REGISTRY-2", "LW-OPEN-4", "LW-OPEN-6", "LW-OPEN-10", "LW-OPEN-13", "LW-FORMAT-1", "LW-FORMAT-2"}
    | {"LW-AUDIO-4", "LW-AUDIO-11", "LW-PROGRESS-4", "LW-STREAM-6", "LW-INTERRUPT-12", "LW-REPAIR-2"}
    | {"LW-CONTROL-1", "LW-CONTROL-7", "LW-LIMIT-1", "LW-LIMIT-2", "LW-CODE-1", "LW-CODE-2", "LW-BINDING-4"}
    | {"LW-FEATURE-1", "LW-FEATURE-2", "LW-FEATURE-3", "LW-GREASE-1", "LW-RESUME-4"}
    | {f"LW-V0-{number}" for number in (4, 6, 15, 16, 22, 23, 24, 26, 31, 32)}
)
"""Every statement that one message's bytes can keep or break: each is named by a vector at least."""


def named(vectors: list[dict[str, Any]], context: str, *, to: str | None = None) -> list[Any]:
    """The vectors of a context, as parameters."""
    found = [v for v in vectors if v["context"] == context and to in (None, v.get("to"))]
    assert found, context
    return [pytest.param(vector, id=vector["name"]) for vector in found]


def bytes_of(vector: dict[str, Any]) -> bytes | str:
    return vector["text"] if "text" in vector else bytes.fromhex(vector["hex"])


def as_written(value: Any) -> Any:
    """A decoded value as the vectors write it."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if abs(value) < 2**53 else {"$int": str(value)}
        case float():
            return {"$float": "nan" if math.isnan(value) else repr(value)}
        case bytes():
            return {"$bin": value.hex()}
        case dict():
            return {key: as_written(inner) for key, inner in value.items()}
        case _:
            return [as_written(inner) for inner in value]


def fields_of(message: Message) -> dict[str, Any]:
    if isinstance(message, Numbered):
        inner = {"name": BY_MESSAGE[type(message.message)].name, "fields": fields_of(message.message)}
        return {"number": message.number, "taken": message.taken, "message": inner}
    return {name: as_written(value) for name, value in message._asdict().items()}


# -- the files ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("ormsgpack") is None, reason="ormsgpack is not installed, which makes the vectors")
def test_the_files_are_what_the_table_makes():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_vectors.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sdk_has_no_part_in_the_table():
    for path in (ROOT / "scripts" / "make_vectors.py", *(ROOT / "scripts" / "vector_table").glob("*.py")):
        assert not re.search(r"^\s*(from|import) (lipwire|msgpack)\b", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
def test_schema(name):
    schema = json.loads((VECTORS / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(FILES[name])


@pytest.mark.parametrize("vectors", [VERSION_0, VERSION_1], ids=["version 0", "version 1"])
def test_names_are_unique(vectors):
    names = [vector["name"] for vector in vectors]
    assert len(names) == len(set(names))


def test_every_message_is_there_minimal_typical_and_at_its_limits():
    names = {vector["name"] for vector in FILES["messages"]["vectors"]}
    for entry in REGISTRY:
        wanted = ("minimal", "typical", "limits") if entry.fields else ("minimal",)
        assert {f"{entry.name}.{which}" for which in wanted} <= names


def test_every_field_is_made_wrong():
    broken = {vector["name"].rsplit(".", 1)[0] for vector in FILES["fields"]["vectors"]}
    wanted = {f"{entry.name}.{field}" for entry in REGISTRY if entry.name != "close" for field in entry.fields}
    assert wanted <= broken  # a close is never answered, whatever is wrong with it (LW-INVARIANT-5)


def test_at_least_a_hundred_are_invalid():
    assert sum(vector["verdict"] == "invalid" for vector in VERSION_1) >= 100


def test_codes_have_their_numbers():
    for vector in VERSION_1:
        for name, number in vector.get("codes", {}).items():
            assert CloseCode[name.upper()] == number


def test_every_statement_about_one_message_is_named():
    vectors = VERSION_0 + VERSION_1
    ids = {requirement for vector in vectors for requirement in vector["requirements"]}
    assert ids <= set(REQUIREMENTS)
    assert set(REQUIREMENTS) >= ABOUT_ONE_MESSAGE
    assert sorted(ABOUT_ONE_MESSAGE - ids) == []


def test_readme_names_every_file():
    readme = (VECTORS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)\.json` \|", readme, re.MULTILINE)) == set(FILES)


# -- the SDK -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", named(VERSION_1, "message"))
def test_codec(vector):
    data, limit = bytes_of(vector), vector.get("limit", 65_536)
    if vector["verdict"] == "invalid":
        with pytest.raises(RemoteProtocolError) as refused:
            decode(data, limit)
        assert refused.value.code.name.lower() in vector["codes"]
        return
    message = decode(data, limit)
    if vector["verdict"] == "ignored":
        assert message is None
        return
    assert message is not None
    assert BY_MESSAGE[type(message)].name == vector["message"]
    assert fields_of(message) == vector["fields"]
    again = encode(message)
    assert fields_of(decode(again, 1 << 20)) == vector["fields"]
    if vector["canonical"]:
        assert again == data


def outcome(closed: Any) -> str:
    """What became of the message: a code, or that the session goes on."""
    return "valid" if closed is None else str(closed.code.name.lower())


def expected(vector: dict[str, Any]) -> set[str]:
    return set(vector["codes"]) if vector["verdict"] == "invalid" else {"valid"}


@pytest.mark.parametrize("vector", named(VERSION_1, "first"))
def test_first_message_of_a_receiver(vector):
    core = ReceiverConnection(ReceiverSettings())
    if vector["verdict"] == "valid":
        hello = read_hello(bytes_of(vector))
        core.open(hello, LOSSLESS, b"secret of 16 or.", 0.0)
        assert fields_of(hello) == vector["fields"]
        return
    with pytest.raises(RemoteProtocolError) as refused:
        core.open(read_hello(bytes_of(vector)), LOSSLESS, b"secret of 16 or.", 0.0)
    assert refused.value.code.name.lower() in vector["codes"]


@pytest.mark.parametrize("vector", named(VERSION_1, "answer"))
def test_answer_to_a_sender(vector):
    core = SenderConnection(SenderSettings(features=frozenset()), SESSION, 0.0)
    core.attach(LOSSLESS, 0.0)
    core.take_outgoing(0.0)
    core.receive(Channel.CONTROL, bytes_of(vector), 0.0)
    assert outcome(core.closed) in expected(vector)
    assert (core.state.name == "OPEN") is (vector["verdict"] == "valid")


@pytest.mark.parametrize("vector", named(VERSION_1, "session", to="receiver"))
def test_session_of_a_receiver(vector):
    features = frozenset(map(Feature, vector.get("features", ())))
    core = ReceiverConnection(ReceiverSettings(features=features))
    hello = next(v for v in FILES["messages"]["vectors"] if v["name"] == "hello.minimal")
    opening = read_hello(bytes_of(hello))._replace(features=[feature.value for feature in features])
    core.open(opening, LOSSLESS, b"secret of 16 or.", 0.0)
    for before in vector.get("before", ()):
        core.receive(Channel.CONTROL, bytes.fromhex(before), 0.0)
    assert core.closed is None
    core.receive(Channel.CONTROL, bytes_of(vector), 0.0)
    assert outcome(core.closed) in expected(vector)


@pytest.mark.parametrize("vector", named(VERSION_1, "session", to="sender"))
def test_session_of_a_sender(vector):
    peer = PlayedReceiver(*vector.get("features", ()))
    assert peer.core.closed is None
    peer.core.receive(Channel.CONTROL, bytes_of(vector), peer.now)
    assert outcome(peer.core.closed) in expected(vector)


KINDS = {
    version0.Interrupt0: "interrupt",
    version0.SegmentEnd0: "segment_end",
    version0.StreamEnded0: "stream_ended",
    version0.Probe: "probe",
    version0.ProbeAnswer: "answer",
}


@pytest.mark.parametrize("vector", named(VERSION_0, "version0"))
def test_version_0(vector):
    message = bytes_of(vector)
    read = version0.parse if vector["to"] == "receiver" else version0.parse_ack
    control = read(message)
    others = (version0.StreamEnded0, version0.ProbeAnswer) if vector["to"] == "receiver" else (version0.Probe,)
    if vector["verdict"] == "ignored":
        # None is audio to a receiver, and nothing known to a sender.
        assert isinstance(control, (version0.Unknown, *others)) or (control is None and vector["to"] == "sender")
    elif vector["message"] == "audio":
        assert control is None
        pcm = version0.audio_bytes(message)
        assert pcm is not None
        assert {"pcm": {"$bin": pcm.hex()}} == vector["fields"]
    else:
        assert KINDS[type(control)] == vector["message"]
        assert as_written(vars(control)) == vector["fields"]
