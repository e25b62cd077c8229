"""What is said about sessions: who is signed in and for how long, why a session ended, why something was refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

from console.tui.text import plain

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import Who

MINUTE_S = 60
NOBODY = "not signed in"
ANOTHER_HERE = "If the authenticator is lost: u, then n sets up another."
CLOCK_TOLERANCE_S = 300  # by which a clock may be put back, as `security.identity.sessions` has it
_FOR_ROLES = re.compile(r"(?<= is for )\w+(?: or \w+)*")


def left_words(who: Who, now: datetime) -> str:
    """How long until the session ends if it is not used: `14 min`, in the last minute `20 s`; what has begun counts."""
    seconds = max(ceil((who.expires - now).total_seconds()), 0)
    return f"{seconds} s" if seconds < MINUTE_S else f"{ceil(seconds / MINUTE_S)} min"


def role_name(role: str) -> str:
    """A role in words, as it stands everywhere but where it is typed: `data scientist`; alone or in a sentence."""
    return role.replace("_", " ")


def who_width(who: Who | None, now: datetime) -> int:
    """The cells in which `who_words` has the whole name and the time."""
    return len(NOBODY) if who is None else len(f"{who.user} {_short(left_words(who, now))}")


def who_words(who: Who | None, now: datetime, room: int, *, key: str = "") -> str:
    """Who is signed in and for how long, in at most `room` cells; `key` is what signs in where nobody is.

    The role goes first, then the time where the name is whole without it; a name that is cut has its time.
    """
    if who is None:
        forms = (f"{NOBODY} [{key}]" if key else NOBODY, NOBODY, "nobody")
        return next((words for words in forms if len(words) <= room), "")
    left = left_words(who, now)
    short = _short(left)
    role = role_name(who.role)
    named = f"{who.user} ({role})" if role != who.user.replace("-", " ") else who.user
    for words in (f"{named} · {left}", f"{who.user} · {left}", f"{who.user} {short}", who.user):
        if len(words) <= room:
            return words
    time = f" {short}"
    return f"{who.user[: max(room - len(time) - 1, 0)]}…{time}"[:room]


def ended_words(who: Who, now: datetime, *, idle_s: float, absolute_s: float) -> str:
    """Why a session ended, for the line that says so."""
    last_use_s = (who.expires - now).total_seconds() - idle_s
    if last_use_s > CLOCK_TOLERANCE_S:
        return f"{who.user} was signed out: the clock was set back, so how long the session lasted cannot be told."
    if now < who.expires:
        return f"{who.user} was signed out elsewhere, or the account was reset or disabled."
    if (now - who.signed_in_at).total_seconds() >= absolute_s:
        return f"{who.user} was signed out: a session lasts {_time_words(absolute_s)} at most."
    return f"{who.user} was signed out after {_time_words(idle_s)} without a key."


def recovered_words(who: Who) -> str:
    """What is asked after a sign-in by a recovery code."""
    left = f"{who.recovery_codes} recovery code{' is' if who.recovery_codes == 1 else 's are'} left."
    return (
        f"A recovery code signed you in; {left} What wants a fresh code stays shut. If your authenticator is lost, set "
        "up another now; later, u and then n do it."
    )


def _either(roles: Sequence[str]) -> str:
    *others, last = map(role_name, roles)
    return f"{', '.join(others)} or {last}" if others else last


def _short(left: str) -> str:
    return left.replace(" min", "m").replace(" ", "")


def _time_words(seconds: float) -> str:
    for unit, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= unit:
            count = round(seconds / unit)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "a moment"


def refusal_words(error: Exception) -> str:
    """A refusal in words for the console: without the command line's advice, each line safe for a terminal."""
    text = (str(error) or type(error).__name__).partition("; `lakewarden sign-in")[0]
    text = _FOR_ROLES.sub(lambda found: _either(found[0].split(" or ")), text)
    text = text[:1].upper() + text[1:]
    return "\n".join(plain(line) for line in text.splitlines())
