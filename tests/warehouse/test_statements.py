"""An editor's text as statements: where they begin and end, and which one the cursor is in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.sql_strategies import SQL
from warehouse.errors import QueryRefused
from warehouse.sql_text import readable_tokens, tokens
from warehouse.statements import around, at, split


@given(SQL)
def test_statements_are_in_order_and_no_token_is_lost(text: str) -> None:
    found = split(text)
    end = 0
    for statement in found:
        assert end <= statement.start < statement.end <= len(text)
        assert text[statement.start : statement.end] == statement.text == statement.text.strip()
        end = statement.end
    try:
        expected = [token.text for token in tokens(text) if token.text != ";"]
    except QueryRefused:
        return
    assert [token.text for s in found for token in readable_tokens(s.text)] == expected


@given(SQL, st.integers(0, 200))
def test_a_cursor_is_in_the_statement_whose_text_it_stands_in(text: str, offset: int) -> None:
    offset = min(offset, len(text))
    found = split(text)
    statement = at(text, offset)
    assert (statement is None) == (not found)
    for each in found:
        if each.start < offset < each.end:
            assert statement == each


@given(SQL, st.integers(0, 200))
def test_what_is_read_around_a_cursor_holds_it_and_no_foreign_semicolon(text: str, offset: int) -> None:
    offset = min(offset, len(text))
    region = around(text, offset, 1_000)
    if region is not None:
        assert region[0] <= offset <= region[1] <= len(text)
        assert ";" not in [token.text for token in readable_tokens(text[region[0] : offset])]


def test_semicolons_in_strings_names_and_comments_end_nothing() -> None:
    text = "SELECT ';', \"a;\", [b;], `c;` -- d;\n/* e; */ FROM t; SELECT 2"
    assert [statement.text for statement in split(text)] == [text[: text.index("; SELECT 2")], "SELECT 2"]


def test_comments_belong_to_the_statement_after_them_but_in_the_line_of_the_one_before() -> None:
    text = "SELECT 1; -- the first\n-- the second\nSELECT 2;\n-- nothing\n"
    assert [statement.text for statement in split(text)] == ["SELECT 1", "-- the second\nSELECT 2"]
    assert split(" -- alone\n/* too */ ; ;") == []


@pytest.mark.parametrize("unended", ["SELECT 'a; b", 'SELECT "a; b', "SELECT [a; b", "SELECT 1 /* a; b"])
def test_what_has_no_end_yet_ends_with_the_text(unended: str) -> None:
    assert [s.text for s in split("SELECT 0; " + unended)] == ["SELECT 0", unended]
    assert around(unended, len(unended), 1_000) is None


def test_between_statements_the_line_of_the_cursor_decides() -> None:
    text = "SELECT 1;\n\n  SELECT 2; SELECT 3;  \n"
    first, second, third = split(text)
    assert at(text, 9) == at(text, 10) == first
    assert at(text, text.index("  SELECT 2")) == second
    assert at(text, second.end + 1) == second
    assert at(text, len(text)) == third
    assert at("  \n SELECT 1", 0) == split("  \n SELECT 1")[0]


@pytest.mark.parametrize("part", ["'", "/*", "-", "[", "a'b'", "--\n", ";", '"', "SELECT 'x;y' FROM t; -- c\n"])
def test_a_megabyte_of_anything_is_split_at_once(part: str) -> None:
    text = part * (1_000_000 // len(part))
    started = time.perf_counter()
    split(text)
    around(text, len(text) - 1, 2_000)
    assert time.perf_counter() - started < 5
