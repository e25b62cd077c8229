"""A text with a character of which nothing is seen is refused, and which and where it is is told."""

from __future__ import annotations

import pytest

from security.errors import RecordRefused
from security.records.admission import check_text
from security.records.identifying import first_unseen

LEFT = "expected a text without control or invisible characters, found "


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ab\u200bcd", "U+200B as character 3"),
        ("  ab\x1b[31m", "U+001B as character 5"),
        ("one\r\ntwo\u202e", "U+202E as character 4 of line 2"),
        ("one\n\n\tx\x07y\u200b", "U+0007 as character 3 of line 3"),
    ],
)
def test_the_character_and_its_place_are_told(text: str, found: str) -> None:
    with pytest.raises(RecordRefused) as refused:
        check_text(text)
    assert str(refused.value) == LEFT + found


def test_lines_tabs_and_joiners_of_letters_are_no_such_characters() -> None:
    assert check_text("a\n\tb\u200dc ") == "a\n\tb\u200dc"
    assert first_unseen("a\tb", but="\n") == "U+0009 as character 2"
