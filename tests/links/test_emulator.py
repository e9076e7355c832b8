"""The link is as it is said to be. Bounds are wide upwards: another program may have the processor for a while."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from links import Faults, Host, Link
from links.emulator import Direction

pytestmark = pytest.mark.real_time

ROOT = Path(__file__).parents[2]


def send(link: Link, host: Host, count: int, size: int = 100, interval: float = 0.0) -> None:
    target = link.addresses[1 - host]
    link.start(host, "links.probe", str(count), str(size), str(interval), target).until("sent")


def across(link: Link, count: int, size: int, interval: float) -> dict[int, float]:
    """Send packets from host 0 to host 1: by number, the seconds that each took."""
    taker = link.start(1, "links.probe")
    taker.until("listening")
    send(link, 0, count, size, interval)
    return dict(taker.until("got")[1])


def test_a_perfect_link_loses_nothing_and_takes_no_time(link: Link) -> None:
    took = across(link, 200, 500, 0.001)
    assert len(took) == 200
    assert min(took.values()) < 0.005
    assert link.counts()[0].delivered == 200


def test_delay_and_the_time_that_a_packet_itself_takes(link: Link) -> None:
    link.change(Faults(delay=0.050, rate=125_000))
    took = sorted(across(link, 100, 1_000, 0.020).values())
    assert 0.058 <= took[0] < 0.065
    assert median(took) < 0.080


def test_each_way_has_its_own_settings(link: Link) -> None:
    link.change(Faults(loss=1.0), Faults())
    send(link, 0, 10)
    send(link, 1, 10)
    there, back = link.counts()
    # The hosts' kernels answer what nobody listens for.
    assert there.lost >= 10 > there.delivered == 0
    assert back.delivered >= 10 > back.lost == 0


def test_a_queue_of_bytes_drops_what_does_not_fit(link: Link) -> None:
    link.change(Faults(delay=0.010, rate=125_000, queue=20_000))
    took = across(link, 200, 1_000, 0.0)
    counts = link.counts()[0]
    assert counts.dropped == 200 - len(took) > 0
    # The last of a full queue has waited for all of it.
    assert 0.150 <= max(took.values()) < 0.200


def test_random_loss_is_seeded(link: Link) -> None:
    lost: list[set[int]] = []
    for _ in range(2):
        with Link(Faults(loss=0.1, seed=3)) as same:
            lost.append(set(range(1_000)) - set(across(same, 1_000, 100, 0.0005)))
    assert lost[0] == lost[1]
    assert 60 <= len(lost[0]) <= 140
    assert link.counts()[0].lost == 0


def test_jitter_keeps_the_order_and_holding_back_does_not(link: Link) -> None:
    link.change(Faults(jitter=0.020))
    assert list(across(link, 200, 100, 0.001)) == list(range(200))
    assert link.counts()[0].reordered == 0
    link.change(Faults(reorder=0.1, reorder_delay=0.020))
    held_back = list(across(link, 200, 100, 0.001))
    assert held_back != sorted(held_back)
    assert sorted(held_back) == list(range(200))


def test_a_cut_takes_what_is_under_way(link: Link) -> None:
    link.change(Faults(delay=0.300))
    taker = link.start(1, "links.probe")
    taker.until("listening")
    send(link, 0, 10)
    link.cut()
    send(link, 0, 10)
    counts = link.counts()[0]
    assert (counts.cut, counts.delivered) == (20, 0)
    link.restore()
    send(link, 0, 10)
    assert len(taker.until("got")[1]) == 10


def test_bursts_lose_in_a_row() -> None:
    direction = Direction("there")
    direction.change(Faults(loss=0.1, burst=5.0, seed=1))
    kept = []
    for number in range(20_000):
        direction.push(number.to_bytes(4, "big"), float(number))
        kept += direction.pop_due(float(number))
    gaps = [int.from_bytes(b, "big") - int.from_bytes(a, "big") - 1 for a, b in pairwise(kept)]
    bursts = [gap for gap in gaps if gap]
    assert 0.08 < 1 - len(kept) / 20_000 < 0.12
    assert 4 < sum(bursts) / len(bursts) < 6


def test_nothing_is_left_behind_when_it_is_killed() -> None:
    program = (
        "import time; from links import Faults, Link\n"
        "with Link(Faults()) as link:\n"
        "    taker = link.start(1, 'links.probe'); taker.until('listening')\n"
        "    print(link._pid, taker._process.pid, flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2
    assert not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_root_is_not_needed_where_user_namespaces_are_to_be_had() -> None:
    program = (
        "from links import Faults, Link\n"
        "with Link(Faults()) as link:\n"
        "    link.start(0, 'links.probe', '5', '100', '0', link.addresses[1]).until('sent')\n"
        "    print(link.counts()[0].pushed)\n"
    )
    somebody = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*somebody, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespaces here")
    command = [*somebody, sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "5\n", done.stderr


def test_it_says_why_where_it_may_make_no_namespaces() -> None:
    forbidden = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
    program = "from links import *\ntry:\n  Link(Faults()).__enter__()\nexcept Unavailable as error:\n  print(error)"
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", forbidden, "sh", sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        pytest.skip(f"no user namespace to forbid it in: {done.stderr}")
    assert "no network namespace with a TUN device may be made here" in done.stdout
