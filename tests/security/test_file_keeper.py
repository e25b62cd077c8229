"""Copies of checkpoints in a file: made for the first note of a place, and never begun anew where one was kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from security.audit import file_keeper
from security.audit.checkpoint import Checkpoint
from security.audit.file_keeper import FileKeeper, Places
from security.audit.keys import AuditKeys
from security.vault.keys import Key

NOTE, NEWER = "a\n\n— b\n", "c\n\n— d\n"
LOG = AuditKeys.of(Key("0001-ffffffff", b"\xff" * 32))
FIRST, TORN, NEXT, LAST = (Checkpoint(LOG.origin, size, bytes(32)).sign(LOG.signer) for size in (7, 80, 900, 1000))


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
    notes = [f"{number}\n{'x' * 900}\n\n— b\n" for number in range(400)]
    (tmp_path / "copies").write_text("".join(f"{note}\n" for note in notes))
    newest = [note for note in keeper.newest() if note in set(notes)]
    assert newest[:5] == notes[:-6:-1]
    assert newest[-400:] == notes[::-1]


@pytest.mark.parametrize("rest", [b"", b"\x00" * 50], ids=["cut", "zeros"])
def test_a_note_torn_anywhere_is_left_out_and_spoils_none_after_it(tmp_path: Path, rest: bytes) -> None:
    """As a power cut leaves it: its first bytes, and where the file system had made room, zeros for the others."""
    path = tmp_path / "copies"
    keeper = FileKeeper(path)
    whole = f"{TORN}\n".encode()
    for length in range(len(whole)):
        path.write_bytes(f"{FIRST}\n".encode() + whole[:length] + rest)
        assert keeper.kept() == [FIRST, TORN] if length == len(whole) - 1 and not rest else [FIRST]
        keeper.keep(NEXT)
        keeper.keep(LAST)
        assert keeper.kept() == [FIRST, NEXT, LAST], length
        assert list(keeper.newest())[:3] == [LAST, NEXT, FIRST], length


@pytest.mark.parametrize(
    "changed",
    [FIRST.replace("\n7\n", "\n8\n"), FIRST.replace(LOG.origin, "other", 1), FIRST[:-9] + "\n", FIRST[:-9] + "?\n"],
    ids=["size", "name", "signature", "no base64"],
)
def test_a_note_that_was_changed_is_given_as_it_is_so_that_it_is_named(tmp_path: Path, changed: str) -> None:
    path = tmp_path / "copies"
    path.write_text(f"{changed}\n{NEXT}\n")
    assert FileKeeper(path).kept() == [changed, NEXT]


def test_of_a_file_that_is_too_large_the_newest_notes_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "copies"
    keeper = FileKeeper(path)
    for size in range(1000, 1100):
        keeper.keep(Checkpoint(LOG.origin, size, bytes(32)).sign(LOG.signer))
    notes = keeper.kept()
    each = len(f"{notes[0]}\n".encode())
    assert len(notes) == 100
    for beyond in range(each):
        monkeypatch.setattr(file_keeper, "LARGEST_FILE", 10 * each + beyond)
        assert keeper.kept() == notes[-10:], beyond
        assert list(keeper.newest()) == notes[:-11:-1], beyond
    path.write_text("".join(f"{note}\n" for note in ("x" * 50 + f"\n{NOTE}", NOTE, NEWER)))
    monkeypatch.setattr(file_keeper, "LARGEST_FILE", 30)
    assert keeper.kept() == [NOTE, NEWER]


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
keeper.keep("a\\n\\n— b\\n")
free = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1]).stat().st_size + 4, free[1]))
try:
    keeper.keep("c\\n\\n— d\\n")
except OSError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, free)
keeper.keep("e\\n\\n— f\\n")
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
    assert FileKeeper(path).kept() == ["a\n\n— b\n", "e\n\n— f\n"]
