"""`lakewarden init`: makes a private workspace once and never changes one that is there."""

from __future__ import annotations

import stat
import tomllib

import pytest

from tests.conftest import Lakewarden


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
