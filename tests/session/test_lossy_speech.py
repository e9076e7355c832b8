"""A minute of speech over a link that loses a fifth of all media, whole in every seed.

``LIPWIRE_SEEDS=100 pytest tests/session/test_lossy_speech.py`` runs a hundred seeds instead of a few.
"""

from __future__ import annotations

import os

import pytest
from wired import WEBRTC, Player, Wired

from lipwire.protocol.formats import PcmFormat
from lipwire.transports.link import Faults

SECONDS = 60
SEEDS = int(os.environ.get("LIPWIRE_SEEDS", "2"))
SPEECH = PcmFormat(24_000, 1)


def speech(seed: int, *, real_time: bool) -> Wired:
    """Both ways at 20 % loss, 20 % reordering, 5 % duplication of media, 50 ms; the player buffers 1 s."""
    faults = Faults(seed=seed, loss=0.2, reorder=0.2, duplicate=0.05, delay=0.05)
    wired = Wired(WEBRTC, faults, player=Player(ahead=1.0), format=SPEECH, repair_timeout=1.0)
    wired.keep_wire = False
    if real_time:
        number = wired.speak(SPEECH.samples(SECONDS), piece=480)
    else:
        number = wired.say(SPEECH.samples(SECONDS), piece=24_000)
    wired.run_until_ended(number, within=SECONDS + 10)
    wired.heard_whole(number)
    assert not wired.player.concealed
    assert wired.core.counters.repaired_samples > 0.1 * SPEECH.samples(SECONDS)
    return wired


@pytest.mark.parametrize("real_time", [False, True], ids=["at hand", "real time"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_it_is_whole_and_nothing_is_concealed(seed: int, real_time: bool) -> None:
    speech(seed, real_time=real_time)
