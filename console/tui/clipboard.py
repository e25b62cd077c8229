"""Copies text to the clipboard of the terminal that the operator sits at, through SSH and tmux (OSC 52)."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Mapping
from typing import Any

from textual.app import App

MOST_BYTES = 74_994  # what fits, as base64, into the 100,000 bytes that terminals take


class TooLongToCopy(ValueError):
    """The text is longer than terminals take; nothing was copied."""


def copy(app: App[Any], text: str, *, environ: Mapping[str, str] = os.environ) -> None:
    """Hand `text` to the terminal's clipboard, and keep it for pasting inside of the console. Returns at once.

    Whether the terminal heeds it cannot be known. Raises `TooLongToCopy`.
    """
    sequence = clipboard_sequence(text, in_tmux=bool(environ.get("TMUX")))
    app._clipboard = text
    driver = app._driver
    if driver is not None:
        # A peer that reads slowly keeps a writer waiting; never the loop.
        threading.Thread(target=driver.write, args=(sequence,), name="clipboard", daemon=True).start()


def clipboard_sequence(text: str, *, in_tmux: bool) -> str:
    """OSC 52 for the clipboard; in tmux also wrapped, for a tmux that passes it on but sets nothing itself."""
    raw = text.encode("utf-8", "replace")
    if len(raw) > MOST_BYTES:
        raise TooLongToCopy(f"expected at most {MOST_BYTES:,} bytes to copy, found {len(raw):,}; nothing was copied")
    plain = f"\x1b]52;c;{base64.b64encode(raw).decode()}\a"
    escaped = plain.replace("\x1b", "\x1b\x1b")
    return plain + f"\x1bPtmux;{escaped}\x1b\\" if in_tmux else plain
