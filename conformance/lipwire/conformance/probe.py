"""What can be learnt of a receiver that is reached by the wire alone: one session that offers everything."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import decode
from lipwire.protocol.errors import ProtocolError
from lipwire.protocol.messages import Welcome
from lipwire.protocol.registry import Feature
from lipwire.transports import TransportError

from . import messages as m
from .driver import Declaration, HarnessError
from .links import connect_to

WAIT = 10.0
"""Seconds for the welcome, before patience is multiplied."""


async def probe(url: str, patience: float = 1.0) -> Declaration:
    """Open a session with the receiver, and take what it chooses for what it can do.

    Raises:
        HarnessError: it is not reached, or does not welcome.
    """
    try:
        transport = await connect_to(url)
    except TransportError as error:
        raise HarnessError(f"the receiver is not reached: {error}") from error
    try:
        offered = [feature.value for feature in Feature]
        transport.send(Channel.CONTROL, m.pack(m.hello(os.urandom(16), features=offered)))
        async with asyncio.timeout(WAIT * patience):
            for _, data in await transport.receive():
                welcome = decode(data)
                if isinstance(welcome, Welcome):
                    transport.send(Channel.CONTROL, m.pack(m.close(0)))
                    info = welcome.info or {}
                    return Declaration(
                        name=str(info.get("software", url)),
                        version=str(info.get("version", "")),
                        language="",
                        capabilities=frozenset({"receiver", "websocket", *welcome.features}),
                    )
        raise HarnessError(f"{url} answers hello with something else than welcome")
    except TimeoutError:
        raise HarnessError(f"{url} does not answer hello within {WAIT * patience:g} s") from None
    except (TransportError, ProtocolError) as error:
        raise HarnessError(f"{url} does not welcome: {error}") from error
    finally:
        with suppress(TransportError):
            await transport.aclose()
