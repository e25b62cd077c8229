"""The session between two commands: a file for its owner alone, worth nothing elsewhere, later or changed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.actions.seat import Seat
from console.wiring.security_actions import sign_in_actions
from console.wiring.session_file import TokenFile, session_path
from security.identity.core import Source
from tests import practice
from tests.conftest import Lakewarden, SteppableClock
from tests.console.enrolling import lines_of, shown


@pytest.fixture
def kept(lakewarden: Lakewarden) -> Path:
    """The session file of the operator, who is signed in."""
    lakewarden.sign_in("operator")
    return session_path(lakewarden.home, lakewarden.environ)


def test_it_is_private_and_holds_a_token_that_is_nowhere_in_the_workspace(lakewarden: Lakewarden, kept: Path) -> None:
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    token = kept.read_bytes().strip()
    assert len(token) == 64
    files = [path for path in lakewarden.home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if token in path.read_bytes()]


def test_a_copy_is_worth_nothing_after_the_sign_out(lakewarden: Lakewarden, kept: Path, tmp_path: Path) -> None:
    stolen = tmp_path / "stolen"
    shutil.copy2(kept, stolen)
    env = {"LAKEWARDEN_SESSION": str(stolen)}
    assert lakewarden("whoami", env=env).code == 0
    assert lakewarden("sign-out").code == 0
    assert not kept.exists()
    ended = lakewarden("whoami", env=env)
    assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)


def test_a_copy_is_worth_nothing_to_another_account_of_the_host(lakewarden: Lakewarden, kept: Path) -> None:
    with closing(practice.opened(lakewarden.home, lakewarden.environ)) as security:
        theirs = Source("somebody-else", security.source.address)
        there = Seat(TokenFile(kept), theirs, lambda: security.sessions, security.now)
        assert there.session() is None
        assert there.touch() is None
        assert security.seat.session() is not None


def test_a_copy_is_worth_nothing_in_another_workspace(lakewarden: Lakewarden, kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    practice.prepare(other)
    assert lakewarden("whoami", env={"LAKEWARDEN_SESSION": str(kept)}).code == 0
    ended = lakewarden("whoami", env={"LAKEWARDEN_HOME": str(other), "LAKEWARDEN_SESSION": str(kept)})
    assert (ended.code, ended.out) == (77, "")


def test_another_sign_in_ends_the_session_that_was_there(lakewarden: Lakewarden, kept: Path, tmp_path: Path) -> None:
    stolen = tmp_path / "stolen"
    shutil.copy2(kept, stolen)
    assert lakewarden("sign-in", "auditor", "--stdin", stdin=lines_of(*shown(lakewarden, "auditor"))).code == 0
    assert lakewarden("whoami", "--json").json["user"] == "auditor"
    assert lakewarden("whoami", env={"LAKEWARDEN_SESSION": str(stolen)}).code == 77


def test_a_token_that_was_changed_is_none_and_a_sign_in_mends_it(lakewarden: Lakewarden, kept: Path) -> None:
    token = kept.read_bytes()
    changed = [
        (b"0" if token[:1] != b"0" else b"1") + token[1:], token[:-2], token.strip() + b"0\n", token.upper(), b"",
        b"\xff\x00\xfe" * 40, b"\n" * 1_000_000, "токен".encode(), token.strip() * 1_000,
    ]  # fmt: skip
    with closing(practice.opened(lakewarden.home, lakewarden.environ)) as security:
        assert security.seat.session() is not None
        for body in changed:
            kept.write_bytes(body)
            assert security.seat.session() is None, body[:80]
            assert security.seat.touch() is None, body[:80]
    ended = lakewarden("whoami")
    assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
    assert "sign-in" in ended.err
    assert lakewarden("sign-in", "auditor", "--stdin", stdin=lines_of(*shown(lakewarden, "auditor"))).code == 0
    assert lakewarden("whoami").code == 0


def _readable(path: Path) -> None:
    path.chmod(0o644)


def _linked(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


def _foreign(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 12_345, -1)


@pytest.mark.parametrize("spoil", [_readable, _linked, _pipe, _folder, _foreign])
def test_a_file_that_others_could_have_touched_is_refused_before_it_is_read(
    lakewarden: Lakewarden, kept: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(kept)
    for command in (["whoami"], ["sign-out"], ["sign-in", "auditor", "--stdin"]):
        ended = lakewarden(*command, stdin=lines_of("a password", "123456"))
        assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
        assert str(kept) in ended.err
        assert "0600" in ended.err
        assert "remove it" in ended.err


def test_a_place_that_cannot_hold_it_is_74_before_anything_is_asked(lakewarden: Lakewarden, tmp_path: Path) -> None:
    lakewarden("init")
    practice.prepare(lakewarden.home)
    closed, file = tmp_path / "closed", tmp_path / "file"
    closed.mkdir(mode=0o500)
    file.touch()
    given = lines_of(*shown(lakewarden, "operator"))
    for place in (closed / "session", file / "session"):
        env = {"LAKEWARDEN_SESSION": str(place)}
        ended = lakewarden("sign-in", "operator", "--stdin", stdin=given, env=env, ordinary=True)
        assert (ended.code, ended.out, ended.err.count("\n")) == (74, "", 1)
        assert "LAKEWARDEN_SESSION" in ended.err
    assert lakewarden("sign-in", "operator", "--stdin", stdin=given).code == 0, "the code was not used up"


def test_a_session_that_cannot_be_kept_is_ended(lakewarden: Lakewarden, tmp_path: Path) -> None:
    class Full(TokenFile):
        """A disk that is full when the token is written."""

        def keep(self, token: str, /) -> None:
            raise OSError(28, "No space left on device")

    with closing(practice.opened(lakewarden.home, {}, keeper=Full(tmp_path / "none"))) as security:
        account = practice.account_of(security, "operator")
        assert account.password is not None
        assert account.code is not None
        actions = sign_in_actions(security)
        challenge = actions.begin("operator", account.password)
        with pytest.raises(OSError, match="No space"):
            actions.answer(challenge, account.code)
        assert security.sessions.count("operator") == 0


def test_it_ends_when_it_is_not_used(lakewarden: Lakewarden) -> None:
    practice.prepare(lakewarden.home)
    a_minute_ago = SteppableClock(datetime.now(UTC) - timedelta(seconds=60))
    with closing(practice.opened(lakewarden.home, lakewarden.environ, clock=a_minute_ago)) as security:
        practice.sit_down(security, "operator")
    assert lakewarden("whoami").code == 0
    with closing(practice.opened(lakewarden.home, lakewarden.environ, clock=a_minute_ago)) as security:
        practice.sit_down(security, "auditor")
    ended = lakewarden("whoami", env={"LAKEWARDEN_ACCESS__IDLE_TIMEOUT_S": "30"})
    assert (ended.code, ended.out) == (77, "")
    assert lakewarden("whoami").code == 77, "what was over stays over, whatever the limit is later"


def test_it_ends_some_hours_after_the_sign_in_however_much_it_is_used(lakewarden: Lakewarden) -> None:
    earlier = SteppableClock(datetime.now(UTC) - timedelta(seconds=60))
    with closing(practice.opened(lakewarden.home, lakewarden.environ, clock=earlier)) as security:
        practice.sit_down(security, "operator")
    assert lakewarden("whoami").code == 0
    assert lakewarden("whoami", env={"LAKEWARDEN_ACCESS__ABSOLUTE_TIMEOUT_S": "45"}).code == 77


def test_by_default_it_lies_where_the_login_ends(lakewarden: Lakewarden, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    lakewarden.environ["XDG_RUNTIME_DIR"] = str(runtime)
    lakewarden.sign_in("operator")
    assert [path.parent for path in runtime.rglob("session-*")] == [runtime / "lakewarden"]
    assert lakewarden("whoami").code == 0


@pytest.mark.parametrize("unsafe", ["open to all", "another account's", "missing", "a file"])
def test_a_runtime_folder_that_is_not_ours_alone_is_left_alone(
    lakewarden: Lakewarden, tmp_path: Path, unsafe: str
) -> None:
    runtime = tmp_path / "runtime"
    if unsafe == "a file":
        runtime.touch()
    elif unsafe != "missing":
        runtime.mkdir()
        runtime.chmod(0o777 if unsafe == "open to all" else 0o700)
    if unsafe == "another account's":
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(runtime, 12_345, -1)
    lakewarden.environ["XDG_RUNTIME_DIR"] = str(runtime)
    lakewarden.sign_in("operator")
    assert session_path(lakewarden.home, lakewarden.environ).is_relative_to(tmp_path / ".cache")
    assert not runtime.is_dir() or not list(runtime.iterdir())
    assert lakewarden("whoami").code == 0


def test_each_workspace_has_its_own(lakewarden: Lakewarden, kept: Path, tmp_path: Path) -> None:
    other = {"LAKEWARDEN_HOME": str(tmp_path / "other")}
    assert lakewarden("init", env=other).code == 0
    assert lakewarden("whoami", env=other).code == 77
    assert lakewarden("whoami").code == 0
