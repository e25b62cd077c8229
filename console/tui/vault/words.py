"""What the vault says to a reader: ages, the state of the keys, what a rotation or a check did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from console.tui.text import plain
from security.vault.rotation import Rotation
from security.vault.status import VaultStatus

Told = tuple[str, str]  # text, tone
EMPTY = (
    "The vault is empty: no patient is stored yet, so there is nothing to rotate or check. `lakewarden records load "
    "FILE` takes patients in, on the command line; each gets a data key of its own."
)


def age_of(age: timedelta) -> str:
    """How old a key is, in its largest unit."""
    seconds = max(int(age.total_seconds()), 0)
    if seconds < 3_600:
        return f"{seconds // 60} min"
    hours = seconds // 3_600
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"


def count_words(count: int, one: str) -> str:
    """`1 data key`, `200 data keys`."""
    return f"{count:,} {one}" + ("" if count == 1 else "s")


def left_of(status: VaultStatus) -> int:
    """How many data keys the open rotation has still to wrap."""
    return sum(kek.data_keys for kek in status.keks if kek.id != status.rotating)


def state_words(status: VaultStatus) -> Told:
    """What the keys wrap, and whether a rotation is open."""
    if not status.data_keys and status.rotating is None:
        return EMPTY, "text"
    keys = f"{count_words(status.data_keys, 'data key')}, one a patient"
    if status.rotating is not None:
        left = left_of(status)
        return (
            f"{keys}. A rotation to {plain(status.rotating)} is OPEN: {left:,} of {status.data_keys:,} are still to be "
            "wrapped. All records open meanwhile; r goes on with it.",
            "wait",
        )
    if status.rotated_at is None:
        return f"{keys}. The key was never rotated; r rotates it.", "muted"
    return f"{keys}. Last rotated {status.rotated_at:%Y-%m-%d %H:%M} UTC; r rotates it.", "muted"


def question(status: VaultStatus) -> tuple[str, str, str]:
    """Title, text and button of what is asked before a rotation."""
    while_it = (
        "What they seal is not touched and readers work meanwhile. It may be stopped, or killed, at any time: "
        "what is left is gone on with later."
    )
    if status.rotating is not None:
        left = count_words(left_of(status), "data key")
        return "Go on with the rotation?", f"{left} of {status.data_keys:,} left to wrap. {while_it}", "Go on"
    keys = count_words(status.data_keys, "data key")
    return "Rotate the key?", f"A new key is made, and {keys} wrapped anew under it. {while_it}", "Rotate"


def rotated_words(found: Rotation, status: VaultStatus) -> Told:
    """What a rotation did, and what is left."""
    done = f"{count_words(found.rewrapped, 'data key')} wrapped anew under {plain(found.kek_id)}"
    if status.rotating is not None:
        return f"Stopped: {done}, {left_of(status):,} left. r goes on with it; all records open meanwhile.", "wait"
    if found.broken:
        broken = count_words(len(found.broken), "data key")
        return f"Ended: {done}. {broken} did not open and stay as they were; the audit log names them.", "bad"
    return f"Done: {done}.", "good"


def checked_words(problems: Sequence[str], done: int, total: int) -> Told:
    """The result of the check of every sealed value, of which `done` of `total` patients were looked at."""
    found = count_words(len(problems), "problem")
    broken = f"{found}: something does NOT open, or is not as the audit log tells it; c shows it again."
    if done < total:
        said = broken if problems else "All of theirs opens."
        return f"Stopped after {done:,} of {total:,} patients. {said}", "bad" if problems else "wait"
    if not problems:
        return (
            "Every sealed value of every patient opens in its place, under its key. Edits, assignments and accounts "
            "are as the audit log tells them.",
            "good",
        )
    return broken, "bad"
