"""`lakewarden init`: makes a private workspace once and never changes one that is there."""

from __future__ import annotations

import sqlite3
import stat
import tomllib
from contextlib import closing

import pytest

from security.identity.account import Role
from tests.conftest import Lakewarden
from tests.console.enrolling import PASSWORD, enrol


@pytest.mark.parametrize(("arguments", "mode"), [([], "practice"), (["--production"], "production")])
def test_a_workspace_is_made_private_with_a_readable_configuration(
    lakewarden: Lakewarden, arguments: list[str], mode: str
) -> None:
    ended = lakewarden("init", *arguments)
    assert (ended.code, ended.out) == (0, "")
    assert stat.S_IMODE(lakewarden.home.stat().st_mode) == 0o700
    settings = tomllib.loads((lakewarden.home / "config.toml").read_text())
    assert settings["workspace"]["mode"] == mode


def test_a_second_init_changes_nothing(lakewarden: Lakewarden) -> None:
    lakewarden("init")
    config = lakewarden.home / "config.toml"
    config.write_text('[weather]\ncities = ["Oslo"]  # ours\n')
    assert lakewarden("init").code == 0
    assert config.read_text() == '[weather]\ncities = ["Oslo"]  # ours\n'


def test_a_practice_workspace_does_not_become_one_for_production(lakewarden: Lakewarden) -> None:
    lakewarden("init")
    ended = lakewarden("init", "--production")
    assert ended.code == 78
    assert "workspace.mode" in ended.err


def test_lost_settings_of_a_production_workspace_come_back_as_production_or_not_at_all(lakewarden: Lakewarden) -> None:
    done = enrol(lakewarden, "init", "--production", lines=[PASSWORD])
    assert done.ended.code == 0, done.ended.err
    (lakewarden.home / "config.toml").unlink()
    for command in (["--run-once"], ["whoami"], ["init"]):
        ended = lakewarden(*command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)
        assert "`lakewarden init --production`" in ended.err
        assert "`lakewarden init`" not in ended.err
    assert not (lakewarden.home / "config.toml").exists()
    again = lakewarden("init", "--production")
    assert (again.code, again.out) == (0, "")
    assert "made the production workspace" in again.err
    assert (
        "settings were lost and are the defaults now: set vault.keys_dir, audit.checkpoint_file and lake.url"
        in again.err
    )
    assert "an officer is enrolled already (officer)" in again.err
    assert lakewarden("whoami").code == 0, "who was signed in still is"


@pytest.mark.parametrize("accounts_say", ["production", "practice"])
def test_practice_weather_never_comes_into_a_production_workspace(lakewarden: Lakewarden, accounts_say: str) -> None:
    lakewarden.enrol("operator", Role.OPERATOR)
    with closing(sqlite3.connect(lakewarden.home / "identity.db")) as connection, connection:
        connection.execute("DROP TRIGGER workspace_is_final")
        connection.execute("UPDATE workspace SET practice = ?", (accounts_say == "practice",))
    config = lakewarden.home / "config.toml"
    config.write_text(config.read_text().replace('mode = "production"', 'mode = "practice"'))
    for command in (["--run-once"], ["init"], ["init", "--production"]):
        ended = lakewarden(*command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1), command
        assert f'{config}: workspace.mode: expected "production"' in ended.err
        assert "found the text 'practice'" in ended.err
    assert not list((lakewarden.home / "lake").rglob("*.json"))


def test_settings_that_cannot_be_read_are_78_and_tell_whose_they_are_and_what_helps(lakewarden: Lakewarden) -> None:
    lakewarden("init")
    config = lakewarden.home / "config.toml"
    config.chmod(0)
    ended = lakewarden("runs", ordinary=True)
    assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)
    found = f"found Permission denied (mode 0000, of the user {config.stat().st_uid})"
    assert f"{config}: file: expected a readable file (`chmod 600 {config}`), {found}" in ended.err


def test_a_folder_that_the_enrolment_cannot_write_is_named_with_what_to_do(lakewarden: Lakewarden) -> None:
    lakewarden("init", "--production")
    keys = lakewarden.home / "keys"
    keys.chmod(0o500)
    ended = lakewarden("init", "--production", "--stdin", stdin=b"walrus tandem quilt 91\n", ordinary=True)
    assert (ended.code, ended.out, ended.err.count("\n")) == (74, "", 2)
    told = ended.err.splitlines()[-1]
    assert str(keys) in told
    assert told.endswith("make it writable, then repeat `lakewarden init --production`")


def test_a_place_that_is_a_file_is_78(lakewarden: Lakewarden) -> None:
    lakewarden.home.touch()
    for command in (["init"], ["--run-once"]):
        ended = lakewarden(*command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)


def test_a_place_that_cannot_be_made_is_74(lakewarden: Lakewarden) -> None:
    lakewarden.home.mkdir(mode=0o500)
    ended = lakewarden("init", ordinary=True, env={"LAKEWARDEN_HOME": str(lakewarden.home / "inner")})
    assert (ended.code, ended.out, ended.err.count("\n")) == (74, "", 1)
    assert "LAKEWARDEN_HOME" in ended.err


@pytest.mark.parametrize("command", [["runs"], ["doctor"], ["--run-once"]])
def test_a_workspace_that_others_can_read_is_made_private_when_it_is_opened(
    lakewarden: Lakewarden, command: list[str]
) -> None:
    lakewarden("init")
    lakewarden.home.chmod(0o755)
    assert lakewarden(*command).code == 0
    assert stat.S_IMODE(lakewarden.home.stat().st_mode) == 0o700


def test_a_workspace_that_others_can_write_is_not_opened(lakewarden: Lakewarden) -> None:
    lakewarden("init")
    lakewarden.home.chmod(0o770)
    ended = lakewarden("runs")
    assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)
    assert f"chmod 700 {lakewarden.home}" in ended.err


@pytest.mark.parametrize("left", ["etl.db", "secrets.json", "keys/kek-0001-9f3a2c44.key"])
def test_a_workspace_that_lost_its_settings_does_not_go_on_as_practice(lakewarden: Lakewarden, left: str) -> None:
    lakewarden("init", "--production")
    (lakewarden.home / left).touch(0o600)
    (lakewarden.home / "config.toml").unlink()
    for command in (["--run-once"], ["runs"]):
        ended = lakewarden(*command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)
        assert "config.toml" in ended.err
        assert "lakewarden init --production" in ended.err
    assert not (lakewarden.home / "config.toml").exists()
    assert lakewarden("init", "--production").code == 0
    assert tomllib.loads((lakewarden.home / "config.toml").read_text())["workspace"]["mode"] == "production"


def test_a_folder_without_anything_of_a_workspace_becomes_one(lakewarden: Lakewarden) -> None:
    (lakewarden.home / "keys").mkdir(mode=0o700, parents=True)
    (lakewarden.home / "notes.txt").touch()
    lakewarden.home.chmod(0o700)
    assert lakewarden("runs").code == 0
