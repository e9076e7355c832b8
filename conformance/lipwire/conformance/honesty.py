"""Whether a driver's "unsupported" is honest: it is asked for what nobody has, under a name that was just made up."""

from __future__ import annotations

import secrets

from .driver import Driver, HarnessError, Refused, Unsupported

NOWHERE = "ws://127.0.0.1:9/"
"""Where a sender would connect if it were started after all."""


async def check_needs(driver: Driver, transport: str) -> None:
    """Ask for a start that needs an unknown capability; its ``needs`` decide, before anything else is looked at.

    Raises:
        HarnessError: it is answered with anything but ``unsupported``.
    """
    assert driver.declared is not None, "begin() comes first"
    name = f"made-up-{secrets.token_hex(4)}"
    role = "receiver" if "receiver" in driver.declared.capabilities else "sender"
    url = {"url": NOWHERE} if (role, transport) == ("sender", "websocket") else {}
    try:
        await driver.do(
            "start", role=role, transport=transport, version=1, needs=[role, transport, name], options={}, **url
        )
        said = "ok"
    except Unsupported:
        return
    except Refused as answer:
        said = f"refused: {answer}"
    raise HarnessError(
        f"the driver answers a start that needs {name!r}, a capability made up just now, with {said!r}. When `needs` "
        f'holds a name that the driver does not know, it answers {{"id": …, "unsupported": "{name}"}}: what it can '
        f"not do would be tested otherwise, or be taken for kept"
    )


async def check_command(driver: Driver) -> None:
    """Give an unknown command.

    Raises:
        HarnessError: it is answered with anything but ``unsupported``.
    """
    name = f"made_up_{secrets.token_hex(4)}"
    try:
        await driver.do_unknown(name)
    except Unsupported:
        return
    except Refused as answer:
        raise HarnessError(
            f"the driver answers the unknown command {name!r} with 'refused: {answer}': that is for what the "
            f'implementation itself refuses. Answer {{"id": …, "unsupported": "{name}"}}'
        ) from None
    raise AssertionError("an unknown command has no answer but a refusal")
