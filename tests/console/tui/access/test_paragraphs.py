"""Breaking paragraphs: no line is wider than the view, no word is lost, and what goes on hangs where it should."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.tui.access.condition_words import CONDITIONS, condition
from console.tui.access.paragraphs import Line, Paragraph, broken, words
from console.tui.text import plain
from security.policy.engine import Engine
from security.policy.source import read_source


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line.parts)


@given(st.text(), st.integers(min_value=12, max_value=90), st.integers(0, 6), st.integers(0, 6))
def test_no_line_is_too_wide_and_no_character_is_lost(text: str, width: int, indent: int, hang: int) -> None:
    lines = broken([words(text, indent=indent, hang=hang)], width)
    assert all(cell_len(text_of(line)) <= width for line in lines)
    assert "".join(text_of(line) for line in lines).replace(" ", "") == plain(text).replace(" ", "")


def test_lines_break_at_words_and_hang() -> None:
    lines = broken([words("one two three four", indent=1, hang=3)], 12)
    assert [text_of(line).rstrip() for line in lines] == [" one two", "   three", "   four"]


def test_a_word_that_no_line_holds_is_broken_where_the_line_ends() -> None:
    assert [text_of(line) for line in broken([words("abcdefghijkl")], 10)] == ["abcdefghij", "kl"]


def test_only_the_first_line_of_a_paragraph_means_its_policy() -> None:
    lines = broken([Paragraph((("one two three four", "text"),), target="p")], 8)
    assert [line.target for line in lines] == ["p", "", ""]


def test_every_clause_of_the_policies_has_words() -> None:
    clauses = [clause for rule in Engine(read_source()).rules for clause in rule.clauses]
    assert {clause.text for clause in clauses} == set(CONDITIONS)
    assert all(condition(clause) == CONDITIONS[clause.text] for clause in clauses)
