"""Structured log lines: text for people, and for machines the same fields in ``record.lipwire``."""

from __future__ import annotations

import logging
from typing import Any

from lipwire.protocol.errors import escaped


class Log:
    """Logs what happened, with fields: ``log.info("session opened", format=…)``.

    A record's text is the event and its fields; its attribute ``lipwire`` is a dict of them, ``event`` included. Every
    value is escaped, so that a peer's string can not forge a line (SPEC LW-CODE-2). Tokens are never given to it.
    """

    def __init__(self, name: str, **context: Any) -> None:
        self._logger = logging.getLogger(name)
        self._context = context

    def bind(self, **context: Any) -> Log:
        """A log that adds these fields to every line."""
        return Log(self._logger.name, **self._context, **context)

    def info(self, event: str, **fields: Any) -> None:
        """Something that belongs to the normal run of things."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something went wrong that is not this side's fault."""
        self._log(logging.WARNING, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Something failed here; to be called while the exception is handled."""
        self._log(logging.ERROR, event, fields, exc_info=True)

    def _log(self, level: int, event: str, fields: dict[str, Any], *, exc_info: bool = False) -> None:
        if not self._logger.isEnabledFor(level):
            return
        shown = {key: escaped(str(value)) for key, value in (self._context | fields).items() if value is not None}
        text = " ".join([event, *(f"{key}={value}" for key, value in shown.items())])
        self._logger.log(level, "%s", text, extra={"lipwire": {"event": event, **shown}}, exc_info=exc_info)
