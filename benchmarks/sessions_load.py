"""The load of ``sessions``: ``KIND ADDRESS SESSIONS CORE``. One thread, plain sockets, frames made beforehand.

It says just enough of WebSocket and Lipwire: the request, hello, segment_start, and then an audio message every 20 ms a
session, with the position and the time of sending written into the frame. What comes back is read and dropped.
"""

from __future__ import annotations

import gc
import select
import socket
import struct
import sys
import time
from random import Random
from urllib.parse import urlsplit

from lipwire.protocol.codec import decode, encode
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.messages import Numbered, SegmentStart, Welcome
from lipwire.protocol.sender_handshake import SenderSettings, make_hello
from lipwire.transports.urls import SUBPROTOCOL

from .processes import go_first, say_to_parent

PERIOD = 0.020
PCM = 960
SAMPLES = PCM // 2
_AUDIO = struct.pack("!BBBBIBBH", 0x95, 17, 1, 0xCE, 0, 0, 0xC5, PCM)
"""An audio message up to its PCM: segment 1, the position in four bytes, cut_through 0."""
_HEAD = bytes((0x82, 0x80 | 126)) + struct.pack("!H", len(_AUDIO) + PCM) + bytes(4)
"""A binary frame, masked with zeros: it costs the receiver what any mask does, and the load nothing."""
_POSITION_AT = len(_HEAD) + 4
PCM_AT = len(_AUDIO)
"""Where the PCM begins in an audio message; its first eight bytes are the time of sending, in nanoseconds."""


class Session:
    """One connection, and its frame."""

    def __init__(self, address: str, number: int, phase: float, *, greet: bool) -> None:
        url = urlsplit(address)
        self.socket = socket.create_connection((url.hostname, url.port), timeout=20.0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.phase = phase
        self.position = 0
        self.frame = bytearray(_HEAD + _AUDIO + Random(number).randbytes(PCM))
        self.unsent = b""
        protocol = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n" if greet else ""
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{protocol}"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        if greet:
            self._greet(number, answer.partition(b"\r\n\r\n")[2])
        self.socket.setblocking(False)

    def send(self) -> bool:
        """Send the next chunk; False: the connection is lost."""
        frame = self.frame
        struct.pack_into("!I", frame, _POSITION_AT, self.position)
        struct.pack_into("<Q", frame, len(_HEAD) + PCM_AT, time.monotonic_ns())
        self.position += SAMPLES
        try:
            if not self.unsent:
                sent = self.socket.send(frame)
                if sent < len(frame):
                    self.unsent = bytes(frame[sent:])
            else:  # the receiver is far behind: nothing is thinned out
                self.unsent += frame
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            if not self.unsent:
                self.unsent = bytes(frame)
        except OSError:
            return False
        return True

    def _greet(self, number: int, rest: bytes) -> None:
        hello = make_hello(SenderSettings(formats=(PcmFormat(24_000, 1),)), number.to_bytes(16, "big"), 1)
        self.socket.sendall(_masked(encode(hello)))
        while len(rest) < 4 or len(rest) < _end(rest):
            rest += self._more()
        welcome = decode(rest[2 if rest[1] < 126 else 4 : _end(rest)])
        assert isinstance(welcome, Welcome), welcome
        self.socket.sendall(_masked(encode(Numbered(1, 0, SegmentStart(1)))))

    def _more(self) -> bytes:
        more = self.socket.recv(4_096)
        assert more, "the receiver hung up"
        return more


def _masked(payload: bytes) -> bytes:
    size = len(payload)
    head = struct.pack("!BB", 0x82, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x82, 0x80 | 126, size)
    return head + bytes(4) + payload


def _end(frame: bytes) -> int:
    """Where the first frame ends."""
    return 2 + frame[1] if frame[1] < 126 else 4 + int.from_bytes(frame[2:4], "big")


class Load:
    """All the sessions, sent to in the order of their phases."""

    def __init__(self, kind: str, address: str, count: int) -> None:
        random = Random(1)
        phases = sorted(random.random() * PERIOD for _ in range(count))
        self.sessions = [Session(address, n + 1, phase, greet=kind == "lipwire") for n, phase in enumerate(phases)]
        self.poll = select.epoll()
        self.sockets = {session.socket.fileno(): session.socket for session in self.sessions}
        for number in self.sockets:
            self.poll.register(number, select.EPOLLIN)
        self.lost = 0
        self.lags: list[float] = []

    def run(self, seconds: float) -> None:
        """Send for so long."""
        self.lags = []
        began = time.monotonic() + PERIOD
        for turn in range(round(seconds / PERIOD)):
            for session in self.sessions:
                due = began + turn * PERIOD + session.phase
                now = time.monotonic()
                if now < due:
                    time.sleep(due - now)
                    now = time.monotonic()
                self.lags.append(now - due)
                if not session.send():
                    self.lost += 1
            self._drain()

    def _drain(self) -> None:
        for number, _ in self.poll.poll(0):
            try:
                gone = not self.sockets[number].recv(65_536)
            except BlockingIOError:
                continue
            except OSError:
                gone = True
            if gone:
                self.poll.unregister(number)


def main() -> None:
    """Connect, send for a second to warm up, and then for as long as the parent says."""
    kind, address, count, core = sys.argv[1:]
    load = Load(kind, address, int(count))
    say_to_parent(connected=len(load.sessions))
    go_first(int(core))
    gc.disable()
    load.run(1.0)
    say_to_parent(warm=True)
    # Not a moment without load: sessions go on while the receiver is told to begin.
    while not select.select([0], [], [], 0)[0]:
        load.run(0.1)
    load.run(float(sys.stdin.readline()))
    ordered = sorted(load.lags)
    say_to_parent(lag_p99=ordered[int(len(ordered) * 0.99)], lost=load.lost)
    sys.stdin.read()  # the connections stay until the parent has what it wants


if __name__ == "__main__":
    main()
