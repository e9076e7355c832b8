"""What is proved where others hear everything: HMACs under a key that both peers were given (LW-ROOM-2)."""

from __future__ import annotations

import hmac


def room_token(key: bytes, session: bytes) -> bytes:
    """Make the token of a first hello."""
    return hmac.digest(key, session, "sha256")


def room_credential(key: bytes, session: bytes, nonce: bytes, generation: int) -> bytes:
    """Make the credential of a hello that resumes; ``nonce``: the secret of the newest welcome."""
    return hmac.digest(key, session + nonce + generation.to_bytes(8, "big"), "sha256")
