"""`lakewarden secrets`: a secret comes from standard input, is sealed, and is never shown again."""

from __future__ import annotations

import stat

import pytest

from tests.conftest import API_KEY, Lakewarden


@pytest.fixture
def operated(lakewarden: Lakewarden) -> Lakewarden:
    """The command of an operator, who manages the secrets."""
    lakewarden.sign_in("operator")
    return lakewarden


def test_a_secret_is_sealed_listed_and_removed(operated: Lakewarden) -> None:
    put = operated("secrets", "set", "openweather_api_key", stdin=f"{API_KEY}\n".encode())
    assert (put.code, put.out, put.err.count("\n")) == (0, "", 1)
    assert operated("secrets", "list").out == "openweather_api_key\n"
    assert operated("secrets", "list", "--json").json == [{"name": "openweather_api_key", "set": True}]
    for path in operated.home.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        assert path.is_dir() or API_KEY.encode() not in path.read_bytes()
    assert operated("secrets", "remove", "openweather_api_key").code == 0
    assert operated("secrets", "list", "--json").json == []


def test_a_second_set_replaces_the_first(operated: Lakewarden) -> None:
    for value in (b"first-secret-value", b"second-secret-value"):
        assert operated("secrets", "set", "smtp_password", stdin=value).code == 0
    assert operated("secrets", "list").out == "smtp_password\n"


@pytest.mark.parametrize("value", [b"", b"\n", b"\xff\xfe\x00", b"x" * 20_000])
def test_what_cannot_be_a_secret_is_refused_in_one_line(operated: Lakewarden, value: bytes) -> None:
    ended = operated("secrets", "set", "openweather_api_key", stdin=value)
    assert ended.code not in (0, 70), ended
    assert (ended.out, ended.err.count("\n")) == ("", 1)
    assert len(ended.err) < 300
    assert operated("secrets", "list").out == ""


@pytest.mark.parametrize("key", ["two words", "sch\u00fcssel", "k" * 257])
def test_what_cannot_be_an_api_key_is_64_and_not_shown(operated: Lakewarden, key: str) -> None:
    ended = operated("secrets", "set", "openweather_api_key", stdin=key.encode())
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert "at most 256 printable ASCII characters" in ended.err
    assert key not in ended.err
    assert operated("secrets", "list").out == ""
    assert operated("secrets", "set", "smtp_password", stdin=key.encode()).code == 0


def test_with_standard_input_closed_there_is_no_secret_and_no_traceback(operated: Lakewarden) -> None:
    ended = operated.shell("lakewarden secrets set openweather_api_key <&-")
    assert ended.code not in (0, 70)
    assert ended.err.count("\n") == 1


def test_removing_what_is_not_set_is_64(operated: Lakewarden) -> None:
    assert operated("secrets", "remove", "openweather_api_key").code == 64


@pytest.mark.parametrize("arguments", [["secrets"], ["secrets", "set"], ["secrets", "show", "x"]])
def test_an_incomplete_command_is_64(lakewarden: Lakewarden, arguments: list[str]) -> None:
    ended = lakewarden(*arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
