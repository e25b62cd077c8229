"""Console and command line take an instant in the same ways."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.typed_instants import read_instant
from tests.console.desk import Desk, desk_at

NOW = datetime(2026, 11, 28, 15, 0, 7, tzinfo=UTC)


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


@pytest.mark.parametrize(
    ("typed", "instant"),
    [
        ("14:30", datetime(2026, 11, 28, 14, 30, tzinfo=UTC)),
        ("2h", NOW - timedelta(hours=2)),
        ("2h ago", NOW - timedelta(hours=2)),
        (" 3d ago ", NOW - timedelta(days=3)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2026-11-27", datetime(2026, 11, 27, tzinfo=UTC)),
        ("2026-11-27T14:30+01:00", datetime(2026, 11, 27, 13, 30, tzinfo=UTC)),
        ("2026-11-27T14:30:05Z", datetime(2026, 11, 27, 14, 30, 5, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read(typed: str, instant: datetime) -> None:
    assert read_instant(typed, NOW) == instant


@pytest.mark.parametrize("typed", ["", "h", "ago", "yesterday", "2 weeks", "25:00", "99999999999d", "²h", "2026-13-01"])
def test_what_is_none_is_refused_with_what_is_one(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^expected an instant \(in UTC 2026-11-28, .* 30m, 2h or 3d ago\), found"):
        read_instant(typed, NOW)


def test_a_search_of_the_log_takes_them_by_its_own_clock(desk: Desk) -> None:
    desk.sit_down("auditor")
    assert desk("audit", "tail").code == 0
    desk.pass_time(3_000)

    def found(*words: str) -> int:
        return len(desk("audit", "search", "--user", "auditor", *words, "--json").json)

    assert found("--since", "10m") < found("--since", "2h ago") == found("--since", "11:00")
    assert found("--until", "10m") > 0
    for option in ("--since", "--until"):
        refused = desk("audit", "search", option, "yesterday")
        assert (refused.code, refused.out) == (64, "")
        assert refused.err.startswith(f"lakewarden: {option}: expected an instant (in UTC 2026-11-28")
