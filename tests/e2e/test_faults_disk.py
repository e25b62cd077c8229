"""No room and no permission to write: exit 74, words that help, no half file, and the next call completes.

Where this account may mount, the disk is a small one of its own; elsewhere the folder is made impossible instead.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import await_hour_with_room
from tests.e2e.faults import Workspace, assert_whole
from tests.simulators.weather_api import WeatherApiSimulator

SIZE_KIB = 2048


class Disk:
    """A folder that can be made full and, if it is a file system of its own, read-only."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder = folder
        self.mounted = mounted
        self._ballast = folder / "ballast" if mounted else folder.with_name("aside")

    def fill(self) -> None:
        """From now on nothing more can be written there."""
        if not self.mounted:
            self.folder.rename(self._ballast)
            self.folder.touch()
            return
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 1024)

    def free(self) -> None:
        if self.mounted:
            self._ballast.unlink()
        else:
            self.folder.unlink()
            self._ballast.rename(self.folder)

    def write_protect(self, *, on: bool) -> None:
        if self.mounted:
            options = f"remount,{'ro' if on else 'rw'}"
            subprocess.run(["mount", "-o", options, str(self.folder)], check=True, capture_output=True)
        elif on:
            self.fill()
        else:
            self.free()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = _mount(folder)
    try:
        yield Disk(folder, mounted=mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k,mode=0700", "lakewarden-test", str(folder)]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def assert_nothing_half(home: Path, lake: Path) -> None:
    for path in [*(home / "staging").rglob("[!.]*.json"), *lake.rglob("[!.]*.json")]:
        json.loads(path.read_bytes())


def assert_completes(workspace: Workspace, lake: Path) -> None:
    ended = workspace.once("--json")
    assert ended.code == 0, ended.err
    assert ended.states() == ["success"]
    assert_whole([(lake / city["object"]).read_bytes() for city in ended.run["cities"]])


def test_the_disk_of_the_workspace_is_full(tmp_path: Path, disk: Disk, api: WeatherApiSimulator) -> None:
    workspace = Workspace(disk.folder / "home", api.base_url)
    assert workspace.call("init").code == 0
    await_hour_with_room()
    disk.fill()
    ended = workspace.once()
    assert ended.code == 74, ended.err
    assert "disk" in ended.err or "writable" in ended.err or "workspace" in ended.err, ended.err
    disk.free()
    assert_nothing_half(workspace.home, workspace.home / "lake")
    assert_completes(workspace, workspace.home / "lake")


def test_the_disk_of_the_workspace_is_read_only(tmp_path: Path, disk: Disk, api: WeatherApiSimulator) -> None:
    workspace = Workspace(disk.folder / "home", api.base_url)
    assert workspace.call("init").code == 0
    await_hour_with_room()
    disk.write_protect(on=True)
    ended = workspace.once()
    disk.write_protect(on=False)
    assert ended.code == 74, ended.err
    assert "writable" in ended.err or "read-only" in ended.err.lower(), ended.err
    assert_completes(workspace, workspace.home / "lake")


def test_a_new_workspace_cannot_be_made(tmp_path: Path, disk: Disk, api: WeatherApiSimulator) -> None:
    disk.write_protect(on=True)
    ended = Workspace(disk.folder / "home", api.base_url).once()
    disk.write_protect(on=False)
    assert ended.code == 74, ended.err
    assert str(disk.folder) in ended.err


def test_the_workspace_below_a_file(tmp_path: Path, api: WeatherApiSimulator) -> None:
    (tmp_path / "file").touch()
    ended = Workspace(tmp_path / "file" / "home", api.base_url).once()
    assert ended.code == 74, ended.err
    assert str(tmp_path / "file") in ended.err


@pytest.mark.parametrize("what", ["staging", "lake"])
def test_only_the_disk_of_one_folder_is_full(tmp_path: Path, disk: Disk, api: WeatherApiSimulator, what: str) -> None:
    folder = disk.folder / what
    key = {"staging": "weather__staging_dir", "lake": "lake__url"}[what]
    workspace = Workspace(tmp_path / "home", api.base_url, {key: str(folder)})
    lake = folder if what == "lake" else workspace.home / "lake"
    await_hour_with_room()
    disk.fill()
    ended = workspace.once("--json")
    assert ended.code == 74, ended.err
    assert ended.states() == ["failed"]
    assert ended.run["cities"][0]["error"]["kind"] in ("staging_failed", "lake_unavailable", "lake_refused")
    assert str(folder) in ended.err
    disk.free()
    assert_nothing_half(workspace.home, lake)
    assert_completes(workspace, lake)
    assert api.count() == (2 if what == "lake" else 4), "a raw file that was kept is not fetched again"
