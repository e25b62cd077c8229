"""The folder lake: objects appear whole, once, whatever races, fails or is killed."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import etl.lake.folder
from etl.errors import LakeError, LakeRefused, LakeUnavailable, ObjectConflict
from etl.lake.folder import FolderLake, folder_error, key_parts
from etl.lake.permissions import folder_checks
from etl.models import StoredObject
from etl.ports import Lake

KEY = "weather-data/portland_weather_20261123T210000.json"
REPOSITORY = Path(__file__).parents[2]
WAIT_S = 30


@pytest.fixture
def lake(tmp_path: Path) -> FolderLake:
    return FolderLake(tmp_path / "lake")


@pytest.fixture
def without_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for a file system without hard links (exFAT), which a test cannot mount without privileges."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)


def names(root: Path) -> list[str]:
    """Every file below `root`, temporary and lock files included."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < give_up, f"expected the condition within {WAIT_S} s"
        time.sleep(0.005)


def outcome(lake: Lake, key: str, body: bytes) -> str:
    try:
        return "created" if lake.put(key, body).created else "equal"
    except LakeError as error:
        return error.kind


def race(lake: Lake, bodies: list[bytes]) -> list[str]:
    """What each of the writers got that put these bodies under one key at the same moment."""
    start = threading.Barrier(len(bodies))

    def write(body: bytes) -> str:
        start.wait(WAIT_S)
        return outcome(lake, KEY, body)

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(write, bodies))


def test_a_put_creates_one_whole_file_and_leaves_nothing_else(lake: FolderLake) -> None:
    assert lake.put(KEY, b"{}") == StoredObject(KEY, created=True)
    assert (lake.root / KEY).read_bytes() == b"{}"
    assert names(lake.root) == [KEY]


def test_the_lake_names_itself_and_is_on_this_machine(lake: FolderLake) -> None:
    assert lake.url == str(lake.root)
    assert lake.on_this_machine


def test_an_equal_object_is_success(lake: FolderLake) -> None:
    lake.put(KEY, b"{}")
    assert lake.put(KEY, b"{}") == StoredObject(KEY, created=False)
    assert names(lake.root) == [KEY]


@pytest.mark.parametrize("other", [b"[]", b"longer than before", b""])
def test_another_body_is_a_conflict_and_the_first_stays(lake: FolderLake, other: bytes) -> None:
    lake.put(KEY, b"{}")
    with pytest.raises(ObjectConflict, match="never overwritten") as caught:
        lake.put(KEY, other)
    assert f"expected {len(other)} bytes, SHA-256 {hashlib.sha256(other).hexdigest()[:16]}" in str(caught.value)
    assert "found 2 bytes" in str(caught.value)
    assert (lake.root / KEY).read_bytes() == b"{}"
    assert names(lake.root) == [KEY]


def test_an_empty_body_is_an_object_too(lake: FolderLake) -> None:
    assert lake.put(KEY, b"").created
    assert not lake.put(KEY, b"").created


@pytest.mark.parametrize("attempt", range(5))
def test_one_of_eight_racing_threads_wins(lake: FolderLake, attempt: int) -> None:
    bodies = [b"writer %d" % number for number in range(8)]
    outcomes = race(lake, bodies)
    assert Counter(outcomes) == {"created": 1, "object_conflict": 7}
    assert (lake.root / KEY).read_bytes() == bodies[outcomes.index("created")]
    assert names(lake.root) == [KEY]


def test_eight_racing_threads_with_one_body_all_succeed(lake: FolderLake) -> None:
    assert Counter(race(lake, [b"{}"] * 8)) == {"created": 1, "equal": 7}


@pytest.mark.usefixtures("without_hard_links")
@pytest.mark.parametrize("attempt", range(5))
def test_one_of_eight_racing_threads_wins_without_hard_links(lake: FolderLake, attempt: int) -> None:
    bodies = [b"writer %d" % number for number in range(8)]
    outcomes = race(lake, bodies)
    assert Counter(outcomes) == {"created": 1, "object_conflict": 7}
    assert (lake.root / KEY).read_bytes() == bodies[outcomes.index("created")]
    assert names(lake.root) == ["weather-data/.lock", KEY]


@pytest.mark.usefixtures("without_hard_links")
def test_without_hard_links_equal_and_other_bodies_are_told_apart(lake: FolderLake) -> None:
    assert lake.put(KEY, b"{}").created
    assert not lake.put(KEY, b"{}").created
    with pytest.raises(ObjectConflict):
        lake.put(KEY, b"[]")
    assert (lake.root / KEY).read_bytes() == b"{}"


@pytest.mark.usefixtures("without_hard_links")
def test_a_lock_that_is_never_given_back_is_unavailable(lake: FolderLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.put("weather-data/other.json", b"{}")
    monkeypatch.setattr(etl.lake.folder, "LOCK_TIMEOUT_S", 0.05)
    with (lake.root / "weather-data" / ".lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LakeUnavailable, match="was not free"):
            lake.put(KEY, b"{}")
    assert not (lake.root / KEY).exists()
    assert lake.put(KEY, b"{}").created


WRITER = """
import errno, os, sys
from pathlib import Path
from etl.errors import LakeError
from etl.lake.folder import FolderLake
root, key, body, links = sys.argv[1:]
if links == "no":
    def refuse(*_):
        raise PermissionError(errno.EPERM, "no hard links")
    os.link = refuse
print("ready", flush=True)
sys.stdin.readline()
try:
    print("created" if FolderLake(Path(root)).put(key, body.encode()).created else "equal")
except LakeError as error:
    print(error.kind)
"""


@pytest.mark.parametrize("links", ["yes", "no"])
def test_one_of_eight_racing_processes_wins(lake: FolderLake, links: str) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(lake.root), KEY, f"writer {number}", links],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        for number in range(8)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outcomes = [writer.communicate(timeout=WAIT_S)[0].strip() for writer in writers]
    assert Counter(outcomes) == {"created": 1, "object_conflict": 7}
    assert (lake.root / KEY).read_text() == f"writer {outcomes.index('created')}"


PUT_LOOP = """
import hashlib, json, sys
from pathlib import Path
from etl.lake.folder import FolderLake
lake, first = FolderLake(Path(sys.argv[1])), int(sys.argv[2])
for number in range(first, first + 100_000):
    text = "x" * (number % 7 * 20_000)
    body = json.dumps({"text": text, "sha256": hashlib.sha256(text.encode()).hexdigest()})
    lake.put(f"weather-data/{number}.json", body.encode())
"""


def test_a_process_killed_while_putting_leaves_whole_objects_only(lake: FolderLake) -> None:
    folder = lake.root / "weather-data"
    for turn in range(6):
        first = turn * 1_000_000
        process = subprocess.Popen([sys.executable, "-c", PUT_LOOP, str(lake.root), str(first)], cwd=REPOSITORY)
        try:
            wait_until(lambda last=first + 10 + turn: (folder / f"{last}.json").exists())  # type: ignore[misc]
        finally:
            process.kill()
            process.wait(WAIT_S)
        assert process.returncode == -9
    objects = list(folder.glob("*.json"))
    assert len(objects) >= 6 * 11
    for path in objects:
        document = json.loads(path.read_bytes())
        assert hashlib.sha256(document["text"].encode()).hexdigest() == document["sha256"]
    for path in (lake.root / ".partial").glob(".*.part"):
        os.utime(path, (0, 0))
    lake.sweep()
    assert sorted(names(lake.root)) == sorted(f"weather-data/{path.name}" for path in objects)


def test_sweep_removes_old_temporary_files_only(lake: FolderLake) -> None:
    lake.put(KEY, b"{}")
    old, new = (lake.root / ".partial" / f".{name}.part" for name in ("old", "new"))
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    lake.sweep()
    assert names(lake.root) == [".partial/.new.part", KEY]


def test_sweep_of_a_lake_that_is_not_there_yet_does_nothing(lake: FolderLake) -> None:
    lake.sweep()
    assert not lake.root.exists()
    assert not lake.root.exists()


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc/passwd", "../up.json", "a/../../up.json", "a//b", "a/", "./a", "a\0b", "a\nb", "a\ud800"],
)
def test_a_key_that_is_no_plain_relative_path_is_refused(lake: FolderLake, key: str) -> None:
    with pytest.raises(LakeRefused, match="an object key"):
        lake.put(key, b"{}")
    assert not lake.root.exists()


@pytest.mark.parametrize("key", ["weather-data/.lock", ".partial/abc.json", ".lock/a.json"])
def test_a_name_of_the_lakes_own_files_is_refused(lake: FolderLake, key: str) -> None:
    with pytest.raises(LakeRefused, match="temporary files"):
        lake.put(key, b"{}")


@given(st.text(max_size=30))
def test_an_accepted_key_stays_below_the_root(key: str) -> None:
    try:
        parts = key_parts(key)
    except LakeRefused:
        return
    root = Path("/lake/root")
    assert Path(os.path.normpath(root.joinpath(*parts))).is_relative_to(root)
    assert "/".join(parts) == key


def test_a_root_below_a_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LakeRefused, match="Not a directory") as caught:
        FolderLake(tmp_path / "file" / "lake").put(KEY, b"{}")
    assert "choose another folder in [lake] url" in str(caught.value)


def test_a_folder_where_the_object_belongs_is_refused(lake: FolderLake) -> None:
    (lake.root / KEY).mkdir(parents=True)
    with pytest.raises(LakeRefused, match=r"not a regular file|Is a directory"):
        lake.put(KEY, b"{}")


def test_a_named_pipe_where_the_object_belongs_is_refused_at_once(lake: FolderLake) -> None:
    (lake.root / "weather-data").mkdir(parents=True)
    os.mkfifo(lake.root / KEY)
    with pytest.raises(LakeRefused, match="not a regular file"):
        lake.put(KEY, b"{}")


LIMITED = """
import resource, sys
from pathlib import Path
from etl.errors import LakeRefused
from etl.lake.folder import FolderLake
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    FolderLake(Path(sys.argv[1])).put(sys.argv[2], b"x" * 10_000)
except LakeRefused as error:
    print(error)
"""


def test_a_write_that_fails_half_way_leaves_nothing(lake: FolderLake) -> None:
    command = [sys.executable, "-c", LIMITED, str(lake.root), KEY]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=WAIT_S)
    assert (result.returncode, result.stderr) == (0, "")
    assert "File too large; raise the file size limit" in result.stdout
    assert names(lake.root) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ENFILE])
def test_what_may_pass_is_worth_a_retry(number: int) -> None:
    error = folder_error(Path("/lake"), OSError(number, os.strerror(number)))
    assert isinstance(error, LakeUnavailable)
    assert f"/lake cannot be used: {os.strerror(number)}; " in str(error)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP])
def test_what_stays_is_refused_with_a_remedy(number: int) -> None:
    error = folder_error(Path("/lake"), OSError(number, os.strerror(number)))
    assert isinstance(error, LakeRefused)
    assert f"/lake cannot be used: {os.strerror(number)}; " in str(error)


def test_the_doctor_finds_a_good_folder_and_leaves_nothing_in_it(lake: FolderLake) -> None:
    checks = folder_checks(lake)
    assert [check.name for check in checks] == ["folder", "writable", "never overwrites", "free space"]
    assert all(check.ok for check in checks), checks
    assert list(lake.root.iterdir()) == []


@pytest.mark.usefixtures("without_hard_links")
def test_the_doctor_says_what_stands_in_for_hard_links(lake: FolderLake) -> None:
    links = next(check for check in folder_checks(lake) if check.name == "never overwrites")
    assert links.ok
    assert "lock file" in links.detail


def test_the_doctor_says_why_a_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    [check] = folder_checks(FolderLake(tmp_path / "file" / "lake"))
    assert not check.ok
    assert "Not a directory" in check.detail
    assert check.remedy
