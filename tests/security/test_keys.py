"""Key files: made once even by two processes at once, private, and refused where they are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etl.files import write_whole
from security.errors import KeyFileRefused, KeyUnknown
from security.vault.keys import Key, KeyRing

CURRENT_KEY = """
import sys
from pathlib import Path
from etl.files import write_whole
from security.vault.keys import KeyRing
sys.stdin.readline()
key = KeyRing(Path(sys.argv[1]), write_whole).current()
print(key.id, key.material.hex())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def ring(folder: Path) -> KeyRing:
    return KeyRing(folder, write_whole)


def key_file(folder: Path, key: Key) -> Path:
    return folder / f"kek-{key.id}.key"


def test_the_first_use_makes_one_private_key(ring: KeyRing, folder: Path) -> None:
    key = ring.current()
    assert len(key.material) == 32
    assert ring.current() == key == ring.get(key.id)
    assert ring.ids() == [key.id]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert key_file(folder, key).stat().st_mode & 0o777 == 0o600


def test_looking_makes_no_key(ring: KeyRing, folder: Path) -> None:
    assert ring.ids() == []
    with pytest.raises(KeyUnknown, match="restore it from a backup"):
        ring.get("0001-00000000")
    assert not folder.exists()


def test_processes_that_start_at_once_share_one_key(folder: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CURRENT_KEY, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0, 0]
    assert len(set(outputs)) == 1
    assert len(list(folder.glob("*.key"))) == 1


def test_the_highest_number_is_current_and_older_keys_stay(ring: KeyRing, folder: Path) -> None:
    first = ring.current()
    write_whole(folder / "kek-0002-00000000.key", bytes(range(32)))
    assert ring.current() == Key("0002-00000000", bytes(range(32)))
    assert ring.get(first.id) == first


def test_a_key_is_never_shown(ring: KeyRing) -> None:
    key = ring.current()
    assert key.id in repr(key)
    assert key.material.hex() not in repr(key)
    assert repr(key.material) not in f"{key!r} {key}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_file_others_can_reach_is_refused(ring: KeyRing, folder: Path, mode: int) -> None:
    path = key_file(folder, ring.current())
    path.chmod(mode)
    with pytest.raises(KeyFileRefused, match=f"found mode {mode:04o}; chmod 600"):
        ring.current()


@pytest.mark.parametrize("mode", [0o770, 0o755, 0o750, 0o710, 0o701, 0o704, 0o777, 0o1777])
def test_a_key_folder_others_can_enter_list_or_write_is_refused(ring: KeyRing, folder: Path, mode: int) -> None:
    key = ring.current()
    folder.chmod(mode)
    refusal = f"expected a folder of mode 0700, found mode {mode:04o}; chmod 700 {folder}"
    for use in (ring.current, ring.add, lambda: ring.get(key.id)):
        with pytest.raises(KeyFileRefused, match=refusal):
            use()
    folder.chmod(0o700)
    assert ring.current() == key


def test_a_key_folder_that_was_made_by_hand_for_all_to_enter_gets_no_key(ring: KeyRing, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(KeyFileRefused, match="chmod 700"):
        ring.current()
    assert ring.ids() == []


def test_a_link_is_refused(ring: KeyRing, folder: Path) -> None:
    path = key_file(folder, ring.current())
    elsewhere = path.rename(folder / "elsewhere")
    path.symlink_to(elsewhere)
    with pytest.raises(KeyFileRefused, match="symbolic link"):
        ring.current()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(ring: KeyRing, folder: Path, size: int) -> None:
    write_whole(key_file(folder, ring.current()), bytes(size))
    with pytest.raises(KeyFileRefused, match=f"expected 32 bytes, found {size} bytes"):
        ring.current()


def test_a_folder_in_place_of_a_key_is_refused(ring: KeyRing, folder: Path) -> None:
    path = key_file(folder, ring.current())
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(KeyFileRefused, match="expected a file"):
        ring.current()


def test_the_key_of_another_user_is_refused(ring: KeyRing, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.current()
    # Files of another user cannot be made without being root; being another user than their owner can be played.
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(KeyFileRefused, match=f"expected the owner {os.getuid() + 1}, found the owner {os.getuid()}"):
        ring.current()


@pytest.mark.parametrize("key_id", ["", "..", "0001", "../../etc/passwd", "0001-0000000g", "0001-00000000\n"])
def test_a_text_that_is_no_id_names_no_key(ring: KeyRing, key_id: str) -> None:
    ring.current()
    with pytest.raises(KeyUnknown):
        ring.get(key_id)
