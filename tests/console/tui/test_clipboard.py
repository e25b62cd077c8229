"""Copying: OSC 52, also through tmux, never more than terminals take."""

from __future__ import annotations

import base64
import threading
from typing import Any

import pytest
from textual.app import App

from console.tui.clipboard import MOST_BYTES, TooLongToCopy, clipboard_sequence, copy


def test_the_sequence_is_osc_52_with_the_text_in_base64() -> None:
    sequence = clipboard_sequence("weather-data/são_paulo.json", in_tmux=False)
    assert sequence.startswith("\x1b]52;c;")
    assert sequence.endswith("\a")
    assert base64.b64decode(sequence[7:-1]).decode() == "weather-data/são_paulo.json"


def test_no_text_can_end_the_sequence_early() -> None:
    inner = clipboard_sequence("\a\x1b\\\x1b]52;c;AAAA\a", in_tmux=False)[1:-1]
    assert "\x1b" not in inner
    assert "\a" not in inner


def test_in_tmux_it_is_also_sent_through_to_the_terminal_outside() -> None:
    plain = clipboard_sequence("key", in_tmux=False)
    both = clipboard_sequence("key", in_tmux=True)
    assert both.startswith(plain)
    passed = both.removeprefix(plain)
    assert passed.startswith("\x1bPtmux;")
    assert passed.endswith("\x1b\\")
    assert passed.removeprefix("\x1bPtmux;").removesuffix("\x1b\\").replace("\x1b\x1b", "\x1b") == plain


def test_a_text_longer_than_terminals_take_is_refused_whole() -> None:
    assert clipboard_sequence("x" * MOST_BYTES, in_tmux=False)
    with pytest.raises(TooLongToCopy, match=r"expected at most 74,994 bytes to copy, found 74,995"):
        clipboard_sequence("x" * (MOST_BYTES + 1), in_tmux=False)


def test_lone_surrogates_do_not_fail() -> None:
    assert clipboard_sequence("a\ud800b", in_tmux=False)


async def test_copying_returns_at_once_although_the_terminal_takes_nothing() -> None:
    app: App[Any] = App()
    async with app.run_test():
        taken, written = threading.Event(), []
        driver = app._driver
        assert driver is not None

        def stalled(data: str) -> None:
            taken.wait(30)
            written.append(data)

        driver.write = stalled  # type: ignore[method-assign] # a terminal whose peer does not read
        copy(app, "kept", environ={})
        assert app.clipboard == "kept"
        assert written == []
        taken.set()
        threads = [thread for thread in threading.enumerate() if thread.name == "clipboard"]
        for thread in threads:
            thread.join(30)
        assert written == [clipboard_sequence("kept", in_tmux=False)]
        del driver.write
