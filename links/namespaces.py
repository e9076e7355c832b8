"""Linux network namespaces and TUN devices, without a tool or a library: a few system calls.

A namespace here has no name. It lives as long as a process is in it or holds its file, so nothing is left behind
however the processes end.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

_NEW_USER = 0x1000_0000
_NEW_NET = 0x4000_0000
_DIE_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG``."""

_TUN_SET_INTERFACE = 0x4004_54CA
_TUN = 0x0001
_NO_PACKET_INFO = 0x1000
_GET_FLAGS, _SET_FLAGS = 0x8913, 0x8914
_SET_ADDRESS, _SET_NETMASK = 0x8916, 0x891C
_UP = 0x1

DEVICE = "link"
_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(RuntimeError):
    """This machine, or this user, may not make network namespaces or TUN devices; says why."""


def make_host(address: str) -> tuple[int, int]:
    """Move this process into a new network namespace with a TUN device of that address (a /24).

    Gives the file of the device, where each read and write is one IP packet, and the file of the namespace.

    Raises:
        Unavailable: it may not be done here.
    """
    if not sys.platform.startswith("linux"):
        raise Unavailable("network namespaces are Linux's")
    try:
        _check(_libc.unshare(_NEW_NET), "unshare")
        _set_up("lo")
        _without_ipv6()
        _with_usual_tcp()
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUN_SET_INTERFACE, struct.pack("16sH22x", DEVICE.encode(), _TUN | _NO_PACKET_INFO))
        _set_up(DEVICE, address)
        return device, os.open("/proc/self/ns/net", os.O_RDONLY)
    except OSError as error:
        raise Unavailable(f"no network namespace with a TUN device may be made here: {error}") from error


def become_root() -> None:
    """Where this process is not root, become so in a user namespace of its own.

    Raises:
        Unavailable: it may not be done here.
    """
    user, group = os.getuid(), os.getgid()
    if user == 0:
        return
    try:
        _check(_libc.unshare(_NEW_USER), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:
        raise Unavailable(f"not root, and no user namespace may be made here: {error}") from error


def enter(pid: int, namespace: int) -> None:
    """Move this process into a network namespace that ``pid`` holds as the file ``namespace``; die with the parent.

    Raises:
        OSError: there is no such process, or no such file.
    """
    _check(_libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0), "prctl")
    user = f"/proc/{pid}/ns/user"
    spaces = [f"/proc/{pid}/fd/{namespace}"]
    if not Path(user).samefile("/proc/self/ns/user"):
        spaces.insert(0, user)
    for path in spaces:
        file = os.open(path, os.O_RDONLY)
        _check(_libc.setns(file, 0), "setns")
        os.close(file)


def go_first(priority: int) -> None:
    """Run before the machine's other work where that is allowed, so that it is not the machine that is measured.

    For what sleeps nearly always; not for a program that still starts up.
    """
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))


def _set_up(device: str, address: str | None = None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = device.encode()
        if address is not None:
            for request, value in ((_SET_ADDRESS, address), (_SET_NETMASK, "255.255.255.0")):
                parts = struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(control, request, parts)
        flags = struct.unpack("16sH22x", fcntl.ioctl(control, _GET_FLAGS, struct.pack("16sH22x", name, 0)))[1]
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH22x", name, flags | _UP))


def _without_ipv6() -> None:
    """Keep the kernel from sending packets of its own: router solicitations and the like."""
    for kind in ("all", "default"):
        path = Path(f"/proc/sys/net/ipv6/conf/{kind}/disable_ipv6")
        if path.exists() and os.access(path, os.W_OK):
            path.write_text("1")


def _with_usual_tcp() -> None:
    """Give TCP the congestion control that Linux has unless told otherwise (or Reno), whatever this machine was told.

    BBR, say, sends next to nothing for 200 ms every 10 s, to measure the round trip: that would be in the figures.
    """
    for name in ("cubic", "reno"):
        with suppress(OSError):
            Path("/proc/sys/net/ipv4/tcp_congestion_control").write_text(name)
            return


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def main() -> None:
    """Run a program in a namespace: the process that holds it, its file there, and the command."""
    pid, namespace, *program = sys.argv[1:]
    enter(int(pid), int(namespace))
    os.execvp(program[0], program)
