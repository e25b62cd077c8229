"""A history that is damaged, foreign, newer or empty: named, and left untouched unless it can be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import await_hour_with_room
from tests.e2e.faults import Workspace
from tests.simulators.weather_api import WeatherApiSimulator


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def overwritten_page(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[4096:] = b"\xa5" * (len(body) - 4096)
    path.write_bytes(bytes(body))


def foreign(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE somebody_elses (value TEXT)")
    connection.commit()
    connection.close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("harm", "code", "words"),
    [
        (noise, 74, "damaged"),
        (cut, 74, "damaged"),
        (overwritten_page, 74, "damaged"),
        (foreign, 74, "not a Lakewarden run history"),
        (newer, 78, "newer Lakewarden"),
    ],
)
def test_is_left_untouched_and_named(
    tmp_path: Path, api: WeatherApiSimulator, harm: Callable[[Path], None], code: int, words: str
) -> None:
    workspace = Workspace(tmp_path / "home", api.base_url)
    await_hour_with_room()
    assert workspace.once().code == 0
    history = workspace.home / "etl.db"
    loaded = sorted((workspace.home / "lake").rglob("*.json"))
    with closing(sqlite3.connect(history)) as connection:  # all of it into the file: a log beside it could mend harm
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    harm(history)
    before = history.read_bytes()
    for arguments in (("--run-once",), ("runs", "--json"), ("--run-once", "--now")):
        ended = workspace.call(*arguments)
        assert ended.code == code, (arguments, ended.err)
        assert words in ended.err
        assert str(history) in ended.err
        assert history.read_bytes() == before
    assert sorted((workspace.home / "lake").rglob("*.json")) == loaded
    history.unlink()
    assert workspace.once().code == 0, "moved away, a new history starts, and equal objects are kept"


def test_an_empty_file_becomes_a_history(tmp_path: Path, api: WeatherApiSimulator) -> None:
    workspace = Workspace(tmp_path / "home", api.base_url)
    assert workspace.call("init").code == 0
    (workspace.home / "etl.db").touch()
    await_hour_with_room()
    assert workspace.once().code == 0
