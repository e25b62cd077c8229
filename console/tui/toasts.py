"""The short messages over a screen: how long they are and stay, and what they say of a run that ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from textual.notifications import Notification

from console.tui.text import plain

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from etl.run import RunOutcome

MOST = 2  # at once; an older one makes room
SUCCESS_S = 2.0
FAILURE_S = 5.0
LINES = 2
WIDTH = 60  # as in app.tcss


def shortened(text: str, *, width: int, ellipsis: str = "…") -> str:
    """The first two lines of `text` on a screen of `width` cells; the whole stands elsewhere."""
    room = min(WIDTH, width * 9 // 10) - 5  # border, padding, scrollbar
    return "\n".join(wrap(text, room, max_lines=LINES, placeholder=f" {ellipsis}"))


def in_the_way(shown: Sequence[Notification], new: Notification) -> list[Notification]:
    """Those shown that make room for a new one: all of its kind, and the oldest beyond `MOST`."""
    same = [old for old in shown if old.identity != new.identity and _kind(old) == _kind(new)]
    rest = [old for old in shown if old.identity != new.identity and old not in same]
    return [*same, *rest[: max(len(rest) - MOST + 1, 0)]]


def _kind(told: Notification) -> tuple[str, str]:
    """Messages that differ in a number, or in what stands behind a colon, tell of the same."""
    return told.severity, re.split(r"[:\d]", told.message)[0]


def ended_words(outcome: RunOutcome, *, what: str = "Run") -> tuple[str, str]:
    """What became of a run that was started here, and how severe that is."""
    cancelled = sum(error.kind == "cancelled" for error in outcome.failures)
    failed = [error for error in outcome.failures if error.kind != "cancelled"]
    left_out = f", {cancelled} cancelled" if cancelled else ""
    if failed:
        told = f"{what} ended: {len(failed)} failed{left_out}, {outcome.loaded} loaded. {failed[0]}"
        return plain(told), "error"
    if cancelled:
        return f"{what} cancelled: {outcome.loaded} loaded{left_out}.", "warning"
    if nothing_done(outcome):
        return "Nothing was done: another process works on this run.", "warning"
    return f"{what} ended: {outcome.loaded} loaded.", "information"


def nothing_done(outcome: RunOutcome) -> bool:
    """Whether another process had the run already."""
    return bool(outcome.busy) and not outcome.loaded and not outcome.failures
