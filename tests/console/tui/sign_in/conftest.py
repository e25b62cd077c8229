"""Consoles that are closed after the test, whatever happened in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etl.ports import Clock
from tests.console.tui.sign_in.people import practice
from tests.console.tui.workspaces import Opened

Open = Callable[..., Opened]


@pytest.fixture
def consoles() -> Iterator[list[Opened]]:
    """What a test opens; closed afterwards."""
    made: list[Opened] = []
    yield made
    for one in made:
        one.close()


@pytest.fixture
def console(tmp_path: Path, consoles: list[Opened]) -> Open:
    """Opens the console on a practice workspace whose policies decide; `overrides` are variables."""

    def open_console(*, clock: Clock | None = None, **overrides: str) -> Opened:
        settings, environ = practice(tmp_path / "home", **overrides)
        consoles.append(Opened(settings, environ, permissions=None, clock=clock))
        return consoles[-1]

    return open_console
