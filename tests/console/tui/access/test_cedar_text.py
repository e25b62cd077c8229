"""Colouring Cedar: every character is kept; comments, strings, annotations, keywords, entities are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.tui.access.cedar_text import cedar_lines, policy_ids, tokens
from security.policy.engine import Engine
from security.policy.source import read_source

SOURCE = read_source()


def kinds(text: str) -> list[tuple[str, str]]:
    return [(token.text, token.kind) for token in tokens(text) if not token.text.isspace()]


@pytest.mark.parametrize(("name", "text"), [*SOURCE.files, ("schema", SOURCE.schema)])
def test_nothing_of_a_file_is_lost(name: str, text: str) -> None:
    assert "".join(token.text for token in tokens(text)) == text, name


@given(st.text())
def test_nothing_of_any_text_is_lost(text: str) -> None:
    assert "".join(token.text for token in tokens(text)) == text


def test_each_kind_is_told_apart() -> None:
    assert kinds('@id("a") permit ( principal in Role::"doctor" ) // permit "x"') == [
        ("@id", "annotation"),
        ("(", "sign"),
        ('"a"', "string"),
        (")", "sign"),
        ("permit", "keyword"),
        ("(", "sign"),
        ("principal", "keyword"),
        ("in", "keyword"),
        ('Role::"doctor"', "entity"),
        (")", "sign"),
        ('// permit "x"', "comment"),
    ]


def test_a_string_keeps_its_escaped_quotes_and_hides_what_looks_like_a_comment() -> None:
    assert kinds(r'"say \"when\" // no" when') == [(r'"say \"when\" // no"', "string"), ("when", "keyword")]


def test_the_policies_of_the_files_are_those_of_the_engine_in_its_order() -> None:
    found = [name for _, text in SOURCE.files for name in policy_ids(text)]
    assert found == [rule.id for rule in Engine(SOURCE).rules]


def test_a_line_of_the_file_is_a_paragraph_and_its_id_means_the_policy() -> None:
    for _, text in SOURCE.files:
        lines = cedar_lines(text)
        assert len(lines) == len(text.split("\n"))
        assert [line.target for line in lines if line.target] == policy_ids(text)


def test_what_a_terminal_would_act_upon_is_made_plain() -> None:
    shown = "".join(text for line in cedar_lines("// a\x1b[31mb\u202ec") for text, _ in line.parts)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
