"""What the tests of the console share: keys that follow each other as fast as somebody's who types well."""

from __future__ import annotations

import asyncio
import time

import pytest
import textual.app
from textual._wait import wait_for_idle
from textual.pilot import Pilot

BETWEEN_KEYS_S = 1 / 200
_press = Pilot.press


async def _between_keys(_min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Wait until the process has been idle for a moment: Textual's 20 ms, twice a key, make a test that types."""
    end = time.monotonic() + max_sleep
    while time.monotonic() < end:
        spent = time.process_time()
        await asyncio.sleep(BETWEEN_KEYS_S)
        if time.process_time() - spent < BETWEEN_KEYS_S / 10:
            return


async def _press_and_wait(self: Pilot[object], *keys: str) -> None:
    """After the last key it is Textual's own wait."""
    await _press(self, *keys)
    await wait_for_idle(0)


@pytest.fixture(autouse=True)
def fast_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textual.app, "wait_for_idle", _between_keys)
    monkeypatch.setattr(Pilot, "press", _press_and_wait)
