"""Tests here run on asyncio and on trio, in virtual time, unless they say otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.world import backend, backends


@pytest.fixture(params=backends())
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return backend(request.param)
