"""Cells are shown by the kind of their column, on one safe line, and copied whole."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.tui.warehouse.results.result_cells import Look, as_json, as_tsv, blob, exact, look_of, shown, visible
from warehouse.models import MASK, Cell
from warehouse.opened import Kind


@pytest.mark.parametrize(
    ("name", "kind", "value", "text"),
    [
        ("sales", Kind.INTEGER, 1234567, "1,234,567"),
        ("store_id", Kind.INTEGER, 1234567, "1234567"),
        ("time_id", Kind.INTEGER, 20260101, "20260101"),
        ("year", Kind.INTEGER, 2026, "2026"),
        ("paid", Kind.INTEGER, 12345, "12,345"),
        ("total_sales_amount", Kind.MONEY, 1234.5, "1,234.50"),
        ("total_sales_amount", Kind.MONEY, -7, "-7.00"),
        ("mean", Kind.NUMBER, 1234.5678, "1,234.5678"),
        ("share", Kind.NUMBER, 0.25, "0.25"),
        ("share", Kind.NUMBER, 0.0000123, "1.23e-05"),
        ("big", Kind.NUMBER, 1e300, "1e+300"),
        ("far", Kind.NUMBER, float("inf"), "inf"),
        ("name", Kind.TEXT, "Oslo", "Oslo"),
        ("name", Kind.TEXT, "", '""'),
        ("name", Kind.TEXT, "null", '"null"'),
        ("name", Kind.TEXT, None, "null"),
        ("body", Kind.BLOB, bytes(range(12)), "x'0001020304050607…' 12 bytes"),
        ("body", Kind.BLOB, b"\x1b", "x'1B' 1 byte"),
        ("name", Kind.TEXT, "\x1b[31mred\tand\nmore\u202e", "\\x1b[31mred\\tand\\nmore\\u202e"),
        ("name", Kind.TEXT, "[red]x[/]", "[red]x[/]"),
        ("name", Kind.TEXT, "\r\nNULL\x85\u2028", '"\\r\\nNULL\\x85\\u2028"'),
    ],
)
def test_a_cell_is_shown_by_its_kind(name: str, kind: Kind, value: Cell, text: str) -> None:
    assert shown(value, look_of(name, kind, [value]))[0] == text


def test_null_and_masks_differ_from_text_by_their_tone_and_numbers_stand_to_the_right() -> None:
    text = look_of("name", Kind.TEXT, [])
    assert shown(None, text)[1] != shown("x", text)[1]
    assert shown(MASK, text) == (MASK, "muted")
    assert [look_of("x", kind, []).align for kind in (Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.DATE)] == [
        "right",
        "right",
        "left",
        "left",
    ]


def test_the_numbers_of_a_column_have_as_many_decimals_as_its_values_need() -> None:
    look = look_of("mean", Kind.NUMBER, [1.5, 2.0, 2.25, None])
    assert [shown(value, look)[0] for value in (1.5, 2.0, 2.25)] == ["1.50", "2.00", "2.25"]


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.NUMBER, Kind.NONE, Kind.TEXT])
def test_a_number_that_comes_later_is_never_rounded_to_the_decimals_of_the_first(kind: Kind) -> None:
    look = look_of("n", kind, [1, None])
    assert [shown(value, look)[0] for value in (1.0, 2.75, -0.125)] == ["1", "2.75", "-0.125"]


@given(st.text(), st.integers(1, 50))
def test_no_text_reaches_the_terminal_with_anything_to_act_upon(text: str, most: int) -> None:
    found = visible(text, most)
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in found)


@given(st.floats() | st.integers(-(2**63), 2**63 - 1), st.sampled_from([Kind.INTEGER, Kind.NUMBER, Kind.MONEY]))
def test_any_number_of_any_column_is_shown(value: float, kind: Kind) -> None:
    text, _tone = shown(value, Look(kind, grouped=True, decimals=2))
    assert text
    assert text.isprintable()


def test_what_is_copied_is_the_value_itself() -> None:
    assert [exact(value) for value in (None, 1234567, 0.5, "a\nb", b"\x00\xff")] == [
        "", "1234567", "0.5", "a\nb", "x'00FF'",
    ]  # fmt: skip
    assert exact(20.0, Kind.MONEY) == "20.00"
    assert exact(float("nan"), Kind.MONEY) == "nan"
    kinds = (Kind.INTEGER, Kind.TEXT, Kind.MONEY)
    assert as_tsv(("a", "b", "c"), (1, "x\ty\nz", 7.5), kinds) == "a\tb\tc\n1\tx y z\t7.50"
    assert json.loads(as_json(("a", "a", "c"), (1, None, b"\x01"))) == {"a": 1, "a_2": None, "c": "x'01'"}
    assert json.loads(as_json(("x",), (float("nan"),))) == {"x": "nan"}


def test_only_the_start_of_a_blob_is_written_out() -> None:
    assert len(blob(bytes(1_000_000), 8)) < 40
