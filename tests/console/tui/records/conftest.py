"""Desks for the tests of the Records section, closed when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.console.tui.records.records_app import Desk

Open = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Open]:
    """Opens the section for a user, or for nobody."""
    made: list[Desk] = []

    def opened(user: str | None, **how: object) -> Desk:
        made.append(Desk(tmp_path / "home", user, **how))  # type: ignore[arg-type] # as Desk takes them
        return made[-1]

    yield opened
    for one in made:
        one.close()
