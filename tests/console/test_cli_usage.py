"""The command line's grammar: help, version, unknown options, and the script that the package installs."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from console.cli.exits import exit_of_run
from etl.cities import city_of
from etl.errors import (
    Cancelled,
    DataRejected,
    DeadlineExceeded,
    EtlError,
    HistoryDamaged,
    InvalidKey,
    LakeUnavailable,
    SensorTimeout,
    StagingError,
)
from etl.run import RunOutcome
from tests.conftest import Lakewarden

COMMANDS = ["runs", "runs show", "scheduler", "doctor", "init", "secrets", "secrets set", "secrets list"]


def test_the_version_is_the_packages(lakewarden: Lakewarden) -> None:
    ended = lakewarden("--version")
    assert (ended.code, ended.out, ended.err) == (0, f"lakewarden {version('lakewarden')}\n", "")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help_and_makes_no_workspace_for_it(lakewarden: Lakewarden, command: str) -> None:
    ended = lakewarden(*command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert "usage: lakewarden" in ended.out
    assert not lakewarden.home.exists()


def test_the_help_names_what_the_contract_names(lakewarden: Lakewarden) -> None:
    text = lakewarden("--help").out
    for name in ("--run-once", "--city", "--at", "--now", "--force", "--json", "--version", "-v"):
        assert name in text


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_64_in_one_line_with_nothing_done(lakewarden: Lakewarden, command: str) -> None:
    ended = lakewarden(*command.split(), "--unknown")
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert "--help" in ended.err
    assert not lakewarden.home.exists()


def test_options_are_not_guessed_from_their_beginnings(lakewarden: Lakewarden) -> None:
    assert lakewarden("--run").code == 64


def test_the_installed_script_is_the_same_program(lakewarden: Lakewarden) -> None:
    script = Path(sys.executable).with_name("lakewarden")
    process = lakewarden.spawn([str(script), "--version"], env=None, stdin=-3)
    out, _ = process.communicate(timeout=20)
    assert out.decode() == lakewarden("--version").out


DATA, DOWN, DISK, KEY, FAULT = (
    DataRejected("data"), SensorTimeout("down"), StagingError("disk"), InvalidKey("key"), EtlError("fault"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([], 0),
        ([DATA], 65),
        ([DATA, DOWN], 69),
        ([DATA, DOWN, KEY], 78),
        ([DATA, KEY, DISK, DOWN], 74),
        ([DATA, LakeUnavailable("slow")], 74),
        ([HistoryDamaged("damaged")], 74),
        ([DATA, DISK, FAULT, KEY], 70),
        ([FAULT], 70),
        ([Cancelled("by the operator"), DATA], 65),
        ([Cancelled("by the operator")], 75),
        ([DeadlineExceeded("late")], 75),
    ],
)
def test_where_everything_failed_the_first_of_the_contracts_order_counts(failures: list[EtlError], code: int) -> None:
    assert exit_of_run(RunOutcome("run", failures=failures)) == code
    if failures:
        assert exit_of_run(RunOutcome("run", failures=failures, loaded=1)) == 1
        assert exit_of_run(RunOutcome("run", failures=failures, already_loaded=1)) == 1


def test_cities_that_another_process_holds_are_75_unless_something_failed() -> None:
    assert exit_of_run(RunOutcome("run", busy=[city_of("Oslo")])) == 75
    assert exit_of_run(RunOutcome("run", busy=[city_of("Oslo")], failures=[DATA])) == 65
