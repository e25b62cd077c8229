"""The sparkline: heights between the least and the greatest value, gaps where there is none."""

from __future__ import annotations

from console.tui.widgets.sparkline import sparkline

BARS = "▁▂▃▄▅▆▇█"


def test_values_rise_from_the_lowest_to_the_highest_bar() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], width=8, bars=BARS, gap=" ") == BARS


def test_a_missing_hour_is_a_gap_and_an_even_line_is_in_the_middle() -> None:
    assert sparkline([5.0, None, 5.0], width=3, bars=BARS, gap=" ") == "▄ ▄"
    assert sparkline([None] * 24, width=12, bars=BARS, gap=".") == "." * 12


def test_fewer_signs_than_hours_show_means() -> None:
    assert sparkline([0, 2, 6, None], width=2, bars=BARS, gap=" ") == "▁█"
