"""Links for the tests that need one; they skip, and say why, where there is none to be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from links import Faults, Link, Unavailable


@pytest.fixture(scope="session", autouse=True)
def namespaces() -> None:
    try:
        with Link(Faults()):
            pass
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def link() -> Iterator[Link]:
    """A perfect one, to be changed."""
    with Link(Faults()) as link:
        yield link
