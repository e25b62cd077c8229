"""Nothing that a terminal would obey reaches one: not from a query, a question, a file, its name or an argument."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable

import pytest

from console.cli.answers import print_answer_csv, print_answer_json, print_answer_table
from console.cli.output import print_table
from tests.conftest import Ended, Lakewarden
from warehouse.models import Answer

TITLE = "\x1b]0;PWNED\x07"
TURNED = "\u202e\x9b2J"
ROWS = f"a{TITLE},b{TURNED}"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")  # all but tab and line feed
# What rich itself puts around a header, and a terminal's own carriage returns.
STYLES = re.compile(r"\x1b\[[0-9;]*m|\r")


def answer(*columns: str, cell: str = "x") -> Answer:
    return Answer(columns, [(cell,) * len(columns)], False, (), "", "", 1.0)


def on_a_terminal(work: Callable[[], None]) -> str:
    """What `work` puts on a stdout that is a terminal, without the styles of its headers."""
    reading, writing = os.openpty()
    with os.fdopen(reading, "rb", buffering=0) as shown, os.fdopen(writing, "w") as stream:
        with contextlib.redirect_stdout(stream):
            work()
            stream.flush()
        return STYLES.sub("", shown.read(65536).decode())


@pytest.fixture
def shop(lakewarden: Lakewarden) -> Lakewarden:
    assert lakewarden("warehouse", "build", "--rows", "500", "--until", "2026-10-31").code == 0
    folder = lakewarden.home / "questions"
    folder.mkdir()
    (folder / "escol.sql").write_text(f'-- title: q{TITLE}\nSELECT 1 AS "a{TITLE}b"\n')
    (folder / f"bad{TITLE}.sql").write_text("SELECT 1")
    return lakewarden


def harmless(ended: Ended) -> bool:
    return not OBEYED.search(ended.out + ended.err)


@pytest.mark.parametrize("show", [print_answer_table, print_answer_csv, lambda a: print_answer_json(a, explain=True)])
def test_names_and_cells_of_an_answer_are_escaped_on_a_terminal(show: Callable[[Answer], None]) -> None:
    text = on_a_terminal(lambda: show(answer(f"a{TITLE}", f"b{TURNED}", "c\nd", cell=TITLE)))
    assert "PWNED" in text
    assert not OBEYED.search(text)


def test_the_names_of_a_table_are_escaped_in_a_pipe_and_stay_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([f"a{TITLE}", "c\nd"], [["1", "2"]])
    head, row = capsys.readouterr().out.splitlines()
    assert head == r"a\x1b]0;PWNED\x07  c\nd"
    assert row.split() == ["1", "2"]


def test_numbers_stand_under_the_end_of_a_name_that_was_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer_table(Answer(("a\n",), [(1,), (22,)], False, (), "", "", 1.0))
    assert capsys.readouterr().out.splitlines() == [r"a\n", "  1", " 22"]


def test_a_name_in_brackets_is_no_markup() -> None:
    assert on_a_terminal(lambda: print_table(["[red]a"], [["1"]])).splitlines()[0].rstrip() == "[red]a"


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("warehouse", "ask", "escol"),
    ("warehouse", "ask", "escol", "--explain"),
    ("warehouse", "ask", "escol", "--json"),
    ("warehouse", "ask", "escol", "--engine", "duckdb"),
    ("warehouse", "ask", "escol", "--set", f"{TITLE}=1"),
    ("warehouse", "ask"),
    ("warehouse", "ask", TITLE),
    ("warehouse", "sql", f'SELECT 1 AS "{TITLE}", 2 AS "c\nd"'),
    ("warehouse", "sql", f"SELECT '{TITLE}{TURNED}'"),
    ("warehouse", "sql", f"SELECT 1 {TITLE}"),
    ("warehouse", "sql", f'SELECT 1 FROM "{TITLE}"'),
    ("warehouse", "sql", f"SELECT CAST('{TITLE}' AS INTEGER)", "--engine", "duckdb"),
    ("warehouse", "sql", f'SELECT 1 FROM "{TITLE}"', "--engine", "duckdb"),
    ("warehouse", TITLE),
    ("runs", "show", TITLE),
    ("--run-once", "--city", TITLE),
    ("--run-once", "--at", TITLE),
    ("access", "check", "--user", TITLE, "--action", TITLE, "--resource", TITLE),
    (f"--{TITLE}",),
)


def test_no_command_says_anything_that_a_terminal_obeys(shop: Lakewarden) -> None:
    for arguments in COMMANDS:
        ended = shop(*arguments)
        assert ended.out or ended.err, arguments
        assert harmless(ended), arguments


def test_files_and_their_headers_are_told_without_what_a_terminal_obeys(shop: Lakewarden) -> None:
    shop.sign_in("operator")
    file = shop.folder / f"stores{TITLE}.csv"
    file.write_text(f"{ROWS}\n1,2\n")
    ended = shop("warehouse", "load", "--table", "Store_Table", str(file))
    assert ended.code == 65
    assert "PWNED" in ended.err
    assert harmless(ended)


@pytest.mark.parametrize("arguments", [("runs",), ("--run-once", "-v"), ("doctor",)])
def test_cities_of_the_settings_are_told_without_what_a_terminal_obeys(
    lakewarden: Lakewarden, arguments: tuple[str, ...]
) -> None:
    ended = lakewarden(*arguments, env={"LAKEWARDEN_WEATHER__CITIES": json.dumps([f"Oslo{TITLE}"])})
    assert ended.code == 78
    assert harmless(ended)


def test_a_folder_of_any_name_is_told_without_what_a_terminal_obeys(lakewarden: Lakewarden) -> None:
    ended = lakewarden("doctor", env={"LAKEWARDEN_HOME": str(lakewarden.folder / f"home{TITLE}")})
    assert "PWNED" in ended.out
    assert harmless(ended)
