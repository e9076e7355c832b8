"""All mutants, in the order of MUTANTS.md."""

from __future__ import annotations

from typing import Final

from . import (
    receiver_audio,
    receiver_credit,
    receiver_crossings,
    receiver_features,
    receiver_playback,
    receiver_resume,
    receiver_session,
    receiver_wire,
    sender_audio,
    sender_crossings,
    sender_features,
    sender_meanwhile,
    sender_playback,
    sender_reckoning,
    sender_resume,
    sender_session,
    sender_wire,
    version_0,
    version_0_sender,
)
from .mutant import Mutant

GROUPS: Final[dict[str, tuple[Mutant, ...]]] = {
    "Receiver: messages": receiver_wire.WIRE,
    "Receiver: opening": receiver_session.OPENING,
    "Receiver: liveness, closing, security": receiver_session.CLOSING,
    "Receiver: segments": receiver_audio.SEGMENTS,
    "Receiver: audio": receiver_audio.AUDIO,
    "Receiver: credit and progress": receiver_credit.CREDIT,
    "Receiver: interrupts": receiver_playback.INTERRUPT,
    "Receiver: cooldown": receiver_playback.COOLDOWN,
    "Receiver: playback": receiver_playback.PLAYBACK,
    "Receiver: pause, marks, data, custom": receiver_features.FEATURES,
    "Receiver: repair": receiver_features.REPAIR,
    "Receiver: numbered control": receiver_resume.NUMBERED,
    "Receiver: resume": receiver_resume.RESUME,
    "Receiver: what comes together": receiver_crossings.CROSSINGS,
    "Receiver: several sessions": receiver_crossings.SESSIONS,
    "Receiver: version 0": version_0.RECEIVER,
    "Sender: messages": sender_wire.WIRE,
    "Sender: opening, liveness, closing": sender_session.SESSION,
    "Sender: segments": sender_audio.SEGMENTS,
    "Sender: audio": sender_audio.AUDIO,
    "Sender: credit and progress": sender_audio.CREDIT,
    "Sender: interrupts": sender_playback.INTERRUPT,
    "Sender: playback": sender_playback.PLAYBACK,
    "Sender: pause, marks, data, custom": sender_features.FEATURES,
    "Sender: repair": sender_features.REPAIR,
    "Sender: numbered control": sender_resume.NUMBERED,
    "Sender: resume": sender_resume.RESUME,
    "Sender: what comes together": sender_crossings.CROSSINGS,
    "Sender: time for reports": sender_meanwhile.TIME,
    "Sender: reckoning": sender_reckoning.RECKONING,
    "Sender: lost transports, new sessions": sender_meanwhile.MEANWHILE,
    "Sender: version 0": version_0_sender.SENDER,
}
MUTANTS: Final = tuple(mutant for group in GROUPS.values() for mutant in group)
