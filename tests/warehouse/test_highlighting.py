"""Spans of SQL for an editor: exact, never over one another, and quick enough that typing does not wait."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.sql_strategies import SQL
from warehouse.highlighting import Highlighter, Open, open_after, spans

TABLES, COLUMNS = ["Store_Table"], ["store_id", "region"]


def told(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in spans(text, TABLES, COLUMNS)]


@given(SQL)
def test_spans_are_in_order_within_lines_and_leave_out_only_space_and_names(text: str) -> None:
    at, rest = 0, ""
    for span in spans(text, TABLES, COLUMNS):
        assert at <= span.start < span.end <= len(text)
        assert "\n" not in text[span.start : span.end]
        rest += text[at : span.start]
        at = span.end
    rest += text[at:]
    assert all(letter.isspace() or letter.isalnum() or letter in "_$" or ord(letter) > 127 for letter in rest)


@given(
    SQL, st.integers(0, 10), st.integers(0, 5), st.lists(st.sampled_from(["a", "/*", "*/", "'", "-- '"]), max_size=4)
)
def test_a_changed_text_is_told_as_if_it_were_new(text: str, first: int, removed: int, lines: list[str]) -> None:
    highlighter = Highlighter(TABLES, COLUMNS)
    highlighter.set_lines(text.split("\n"))
    before = [highlighter.line(index) for index in range(len(highlighter.lines))]
    first = min(first, len(before) - 1)
    removed = min(removed, len(before) - first)
    below_changed = highlighter.change(first, removed, lines)
    after = [highlighter.line(index) for index in range(len(highlighter.lines))]
    fresh = Highlighter(TABLES, COLUMNS)
    fresh.set_lines(highlighter.lines)
    assert after == [fresh.line(index) for index in range(len(after))]
    if not below_changed:
        assert after[first + len(lines) :] == before[first + removed :]


def test_each_kind_is_known() -> None:
    assert told("SELECT sum(s.store_id), x'0f', :day FROM Store_Table s WHERE \"region\" >= 1.5 -- €\n; §") == [
        ("keyword", "SELECT"), ("function", "sum"), ("operator", "("), ("operator", "."), ("column", "store_id"),
        ("operator", ")"), ("operator", ","), ("string", "x'0f'"), ("operator", ","), ("parameter", ":day"),
        ("keyword", "FROM"), ("table", "Store_Table"), ("keyword", "WHERE"), ("column", '"region"'),
        ("operator", ">="), ("number", "1.5"), ("comment", "-- €"), ("operator", ";"), ("error", "§"),
    ]  # fmt: skip


def test_comments_and_strings_go_on_over_lines() -> None:
    assert told("a /* b\nc */ 'd\ne''' [f\ng]") == [
        ("comment", "/* b"), ("comment", "c */"), ("string", "'d"), ("string", "e'''"), ("string", "[f"),
        ("string", "g]"),
    ]  # fmt: skip
    assert open_after("it''", Open.STRING) is Open.STRING
    assert open_after("it'", Open.STRING) is Open.NOTHING
    assert open_after("-- '", Open.NOTHING) is Open.NOTHING


def test_a_keyword_that_is_called_is_a_function_and_one_that_is_a_column_behind_a_dot_a_column() -> None:
    assert ("function", "replace") in told("replace(a, b, c)")
    assert ("keyword", "IN") in told("a IN (1)")
    assert ("column", "region") in told("s.region")


@pytest.mark.parametrize("line", ["SELECT a, 'x;y', sum(store_id) FROM t WHERE b = 1; -- c", "'", "/*"])
def test_a_megabyte_does_not_hold_up_typing(line: str) -> None:
    highlighter = Highlighter(TABLES, COLUMNS)
    lines = [line] * (1_000_000 // (len(line) + 1))
    highlighter.set_lines(lines)
    highlighter.line(len(lines) - 1)
    started = time.perf_counter()
    for number in range(100):  # keys pressed at the end, with the last screen in view
        highlighter.change(len(lines) - 1, 1, [line + "x" * number])
        for index in range(len(lines) - 40, len(lines)):
            highlighter.line(index)
    assert time.perf_counter() - started < 1.0
    started = time.perf_counter()
    spans(line.replace("\n", " ") * (1_000_000 // len(line)), TABLES, COLUMNS)  # in one line
    assert time.perf_counter() - started < 1.0
