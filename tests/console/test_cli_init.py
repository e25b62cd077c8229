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
