"""Copies of checkpoints in a file: made for the first note of a place, and never begun anew where one was kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from security.audit.file_keeper import FileKeeper, Places

NOTE, NEWER = "a\n\nb\n", "c\n\nd\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "audit.copied")


def test_the_first_note_of_a_place_makes_its_file(tmp_path: Path, places: Places) -> None:
    for name in ("one", "two", 'odd "name"\n\udcff'):
        keeper = FileKeeper(tmp_path / name, places=places)
        assert not keeper.is_lost
        keeper.keep(NOTE)
        keeper.keep(NEWER)
        assert (keeper.kept(), keeper.is_lost) == ([NOTE, NEWER], False)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "audit.copied").read_text().splitlines()) == 3
    assert (tmp_path / "audit.copied").stat().st_mode & 0o777 == 0o600


def test_the_newest_notes_come_first_and_all_of_them_however_far_back(tmp_path: Path) -> None:
    keeper = FileKeeper(tmp_path / "copies")
    assert list(keeper.newest()) == []
    notes = [f"{number}\n{'x' * 900}\n\nb\n" for number in range(400)]
    (tmp_path / "copies").write_text("".join(f"{note}\n" for note in notes))
    newest = [note for note in keeper.newest() if note in set(notes)]
    assert newest[:5] == notes[:-6:-1]
    assert newest[-400:] == notes[::-1]


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_a_file_that_is_gone_is_missed_and_not_begun_anew_until_it_is_back(
    tmp_path: Path, places: Places, how: str
) -> None:
    path = tmp_path / "copies"
    FileKeeper(path, places=places).keep(NOTE)
    body = path.read_bytes()
    if how == "removed":
        path.unlink()
    else:
        path.write_bytes(b"")
    keeper = FileKeeper(path, places=places)
    assert keeper.is_lost
    with pytest.raises(OSError, match="expected the copies of checkpoints kept there before, found none; mount"):
        keeper.keep(NEWER)
    assert path.exists() is (how == "emptied")
    assert keeper.kept() == []
    path.write_bytes(body)
    keeper.keep(NEWER)
    assert (keeper.kept(), keeper.is_lost) == ([NOTE, NEWER], False)


def test_a_place_that_could_not_take_its_first_note_is_begun_once_it_can(tmp_path: Path, places: Places) -> None:
    path = tmp_path / "share" / "copies"
    keeper = FileKeeper(path, places=places)
    with pytest.raises(OSError, match="expected a file for copies of checkpoints, found: No such file"):
        keeper.keep(NOTE)
    assert not keeper.is_lost
    path.parent.mkdir()
    keeper.keep(NOTE)
    assert keeper.kept() == [NOTE]


def test_a_file_from_before_places_were_remembered_is_remembered_with_its_next_note(
    tmp_path: Path, places: Places
) -> None:
    path = tmp_path / "copies"
    FileKeeper(path).keep(NOTE)
    FileKeeper(path, create=False, places=places).keep(NEWER)
    path.unlink()
    assert FileKeeper(path, places=places).is_lost


FULL = """
import resource, sys
from pathlib import Path
from security.audit.file_keeper import FileKeeper

keeper = FileKeeper(Path(sys.argv[1]))
keeper.keep("a\\n\\nb\\n")
free = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1]).stat().st_size + 4, free[1]))
try:
    keeper.keep("c\\n\\nd\\n")
except OSError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, free)
keeper.keep("e\\n\\nf\\n")
"""


def test_a_note_that_a_full_disk_cut_off_does_not_spoil_those_after_it(tmp_path: Path) -> None:
    """In a process of its own, whose file may not grow for a while."""
    path = tmp_path / "copies"
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "No space left on device" in ended.stdout
    assert FileKeeper(path).kept() == ["a\n\nb\n", "e\n\nf\n"]
