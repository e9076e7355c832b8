"""Bare UDP across a link, to see that the link is as it is said to be.

``python -m links.probe COUNT SIZE INTERVAL ADDRESS`` sends; without arguments it takes what comes on port 9 until
nothing has come for a second, and prints for each packet its number and the seconds that it took. Both hosts have the
same clock.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time

PORT = 9
_HEAD = struct.Struct("!Id")
_IP_AND_UDP = 28


def send(count: int, size: int, interval: float, address: str) -> None:
    """Send so many packets of so many bytes (with their headers), one every ``interval`` seconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number * interval - time.monotonic()))
            packet = _HEAD.pack(number, time.monotonic()).ljust(size - _IP_AND_UDP, b"\0")
            sock.sendto(packet, (address, PORT))
    print(json.dumps(["sent", count]), flush=True)


def receive() -> None:
    """Print what comes, as lists of number and seconds on the way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        sock.bind(("0.0.0.0", PORT))
        print(json.dumps(["listening"]), flush=True)
        got: list[tuple[int, float]] = []
        sock.settimeout(30.0)
        try:
            while True:
                packet = sock.recv(65_536)
                now = time.monotonic()
                number, sent = _HEAD.unpack_from(packet)
                got.append((number, now - sent))
                sock.settimeout(1.0)
        except TimeoutError:
            print(json.dumps(["got", got]), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        send(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
    else:
        receive()
