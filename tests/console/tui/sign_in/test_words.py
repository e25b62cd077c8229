"""What is said about sessions, in the room there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.actions.permissions import NotSignedIn, PermissionDenied
from console.actions.sign_in import Who
from console.query_history import kept_for
from console.tui.sign_in.words import CLOCK_TOLERANCE_S, ended_words, left_words, refusal_words, who_words
from security.identity.sessions import CLOCK_TOLERANCE

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def who(user: str = "operator", role: str = "operator", *, left_s: float = 840.0) -> Who:
    return Who(user, role, "totp", 0, NOW, NOW + timedelta(seconds=left_s))


@pytest.mark.parametrize(
    ("sitting", "room", "words"),
    [
        (who(), 60, "operator · 14 min"),
        (who(), 17, "operator · 14 min"),
        (who(), 16, "operator 14m"),
        (who("anna", "data_scientist"), 60, "anna (data scientist) · 14 min"),
        (who("anna", "data_scientist"), 18, "anna · 14 min"),
        (who("data-scientist", "data_scientist"), 60, "data-scientist · 14 min"),
        (who("data-scientist", "data_scientist"), 18, "data-scientist 14m"),
        (who("data-scientist", "data_scientist"), 17, "data-scientist"),
        (who("data-scientist-cardiology", "data_scientist"), 25, "data-scientist-cardiology"),
        (who("data-scientist-cardiology", "data_scientist"), 18, "data-scientis… 14m"),
        (who(left_s=20), 60, "operator · 20 s"),
        (who(left_s=20), 14, "operator 20s"),
        (None, 60, "not signed in [u]"),
        (None, 16, "not signed in"),
        (None, 10, "nobody"),
    ],
)
def test_who_is_told_in_the_room_there_is(sitting: Who | None, room: int, words: str) -> None:
    assert who_words(sitting, NOW, room, key="u") == words
    assert len(words) <= room


def test_where_no_key_signs_in_none_is_told() -> None:
    assert who_words(None, NOW, 60) == "not signed in"


@pytest.mark.parametrize(
    ("left_s", "words"),
    [
        (900, "15 min"), (841, "15 min"), (840, "14 min"), (61, "2 min"), (60, "1 min"), (59.2, "1 min"),
        (59, "59 s"), (20, "20 s"), (0.5, "1 s"), (0, "0 s"), (-5, "0 s"),
    ],
)  # fmt: skip
def test_begun_minutes_count_and_the_last_is_told_in_seconds(left_s: float, words: str) -> None:
    assert left_words(who(left_s=left_s), NOW) == words


def test_why_a_session_ended() -> None:
    limits = {"idle_s": 900.0, "absolute_s": 43_200.0}
    sitting = who(left_s=900)
    later = NOW + timedelta(seconds=900)
    assert ended_words(sitting, later, **limits) == "operator was signed out after 15 minutes without a key."
    assert "elsewhere" in ended_words(sitting, later - timedelta(seconds=5), **limits)
    at_last = Who("operator", "operator", "totp", 0, NOW, NOW + timedelta(hours=12))
    words = ended_words(at_last, NOW + timedelta(hours=12), **limits)
    assert words == "operator was signed out: a session lasts 12 hours at most."


def test_a_session_that_the_clock_ended_says_so() -> None:
    limits = {"idle_s": 900.0, "absolute_s": 43_200.0}
    sitting = who(left_s=900)
    back = NOW - timedelta(seconds=CLOCK_TOLERANCE_S + 1)
    assert "the clock was set back" in ended_words(sitting, back, **limits)
    assert "elsewhere" in ended_words(sitting, NOW - timedelta(seconds=CLOCK_TOLERANCE_S), **limits)
    assert timedelta(seconds=CLOCK_TOLERANCE_S) == CLOCK_TOLERANCE


def test_a_refusal_is_told_without_the_advice_for_the_command_line_and_without_controls() -> None:
    told = refusal_words(NotSignedIn("not signed in: x is for y\x1b[2J; `lakewarden sign-in USER` signs in"))
    assert told == "Not signed in: x is for y\N{REPLACEMENT CHARACTER}[2J"


def test_a_refusal_names_roles_as_everything_else_on_the_screen_does() -> None:
    told = refusal_words(PermissionDenied("not permitted to anna: read_all – it is for guest or data_scientist or x"))
    assert told == "Not permitted to anna: read_all – it is for guest, data scientist or x"


def test_each_user_of_a_workspace_has_files_of_their_own_that_name_nobody(tmp_path: Path) -> None:
    path = tmp_path / "query_history.jsonl"
    kept = {kept_for(path, user) for user in (None, "anna", "bert")}
    assert len(kept) == 3
    assert kept_for(path, None) == path
    assert kept_for(path, "anna") == kept_for(path, "anna") != kept_for(tmp_path / "other" / path.name, "anna")
    assert not any("anna" in one.name or one.suffix != ".jsonl" or one.parent != tmp_path for one in kept)
