"""Files appear whole or not at all, are private, and leftovers of killed processes go."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from etl.files import STALE_S, sweep_temporaries, temporaries_of, write_temporary, write_whole
from tests.conftest import wait_until

_WRITER = """
import sys
from pathlib import Path
from etl.files import write_whole
path = Path(sys.argv[1])
for number in range(1_000_000):
    write_whole(path, bytes([number % 256]) * 300_000)
"""


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_is_whole_private_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "file.json"
    write_whole(path, b"body")
    assert path.read_bytes() == b"body"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert names_in(path.parent) == ["file.json"]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"a long first body")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "full").touch()
    with pytest.raises(OSError):
        write_whole(tmp_path / "taken", b"body")
    assert names_in(tmp_path) == ["taken"]


def test_a_full_disk_names_the_file_that_was_not_written(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, hard))  # as if there were room for three bytes
    try:
        with pytest.raises(OSError) as whole:
            write_whole(tmp_path / "file", b"body", temporary_in=temporaries_of(tmp_path))
        with pytest.raises(OSError) as temporary:
            write_temporary(tmp_path, b"body")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (whole.value.errno, whole.value.filename) == (errno.EFBIG, str(tmp_path / "file"))
    assert (temporary.value.errno, temporary.value.filename) == (errno.EFBIG, str(tmp_path))
    assert names_in(tmp_path) == [".partial"]


def test_the_unfinished_file_may_lie_in_a_folder_of_its_own(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"body", temporary_in=temporaries_of(tmp_path))
    assert names_in(tmp_path) == [".partial", "file"]
    assert not list(temporaries_of(tmp_path).iterdir())


def test_only_old_leftovers_are_swept(tmp_path: Path) -> None:
    folder = temporaries_of(tmp_path)
    old, new = write_temporary(folder, b"old"), write_temporary(folder, b"new")
    os.utime(old, (1, old.stat().st_mtime - STALE_S - 1))
    sweep_temporaries(tmp_path)
    assert list(folder.iterdir()) == [new]


def test_sweeping_where_nothing_ever_was_is_no_error(tmp_path: Path) -> None:
    sweep_temporaries(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_readers_see_one_writers_whole_body_while_several_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    bodies = [bytes([letter]) * 50_000 for letter in b"abc"]
    write_whole(path, bodies[0])

    def write(body: bytes) -> None:
        for _ in range(20):
            write_whole(path, body)

    writers = [threading.Thread(target=write, args=(body,)) for body in bodies]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in bodies
    assert names_in(tmp_path) == ["file"]


def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for _ in range(3):
        path.unlink(missing_ok=True)
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)]) as writer:
            wait_until(path.exists)
            writer.kill()
        body = path.read_bytes()
        assert len(body) == 300_000
        assert body == body[:1] * 300_000
