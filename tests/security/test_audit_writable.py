"""Whether the log can be written is tried without an event: on a full disk, on a locked and on a damaged log."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from security.audit.log import AuditLog
from security.errors import AuditUnavailable
from tests.security.audit_logs import LogFolder, event

FULL = """
import resource, sys
from pathlib import Path
from security.errors import AuditUnavailable
from tests.security.audit_logs import LogFolder, event

folder = LogFolder(Path(sys.argv[1]))
with folder.open() as log:
    log.append([event(number) for number in range(20)])
    log.try_writing()
    free = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, free[1]))
    try:
        log.try_writing()
    except AuditUnavailable as error:
        print("full:", error, "|", log.trouble == str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, free)
    log.try_writing()
    print("free:", log.trouble, log.size())
"""


@pytest.fixture
def folder(tmp_path: Path) -> LogFolder:
    return LogFolder(tmp_path)


def test_a_full_disk_is_noticed_and_so_is_that_there_is_room_again(folder: LogFolder) -> None:
    """In a process of its own, whose files may not grow any more."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(folder.folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    full, free = ended.stdout.splitlines()
    assert full.startswith("full: nothing can be recorded, so nothing is disclosed")
    assert full.endswith("| True")
    assert free == "free: None 20"


def test_a_try_leaves_no_event_and_the_log_as_it_was(folder: LogFolder) -> None:
    with folder.open() as log:
        log.append([event()])
        root = log.root()
        log.try_writing()
        assert (log.size(), log.root(), log.trouble) == (1, root, None)
    assert folder.verify().ok


def test_a_log_that_another_process_holds_is_trouble_until_it_lets_go(folder: LogFolder) -> None:
    with folder.open(busy_timeout_s=0.2) as log, closing(sqlite3.connect(folder.path, isolation_level=None)) as other:
        log.append([event()])
        other.execute("BEGIN IMMEDIATE")
        trouble(log, "another process has been writing")
        other.execute("ROLLBACK")
        log.try_writing()
        assert log.trouble is None


def test_a_log_whose_end_was_cut_off_is_trouble(folder: LogFolder) -> None:
    log = folder.open()
    log.append([event(number) for number in range(9)])
    with closing(sqlite3.connect(folder.path, isolation_level=None)) as thief:
        for (name,) in thief.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            thief.execute(f"DROP TRIGGER {name}")
        thief.execute("DELETE FROM event WHERE seq >= 5")
    trouble(log, "the audit log is damaged")
    with pytest.raises(AuditUnavailable):
        log.close()


@pytest.mark.parametrize("how", ["removed", "moved", "another"])
def test_what_goes_to_a_file_that_nobody_finds_any_more_is_not_acknowledged(folder: LogFolder, how: str) -> None:
    log = folder.open()
    log.append([event(0)])
    if how == "removed":
        folder.path.unlink()
    elif how == "moved":
        folder.path.rename(folder.path.with_name("elsewhere"))
    else:
        other = folder.path.with_name("other")
        other.write_bytes(folder.path.read_bytes())
        other.replace(folder.path)
    with pytest.raises(AuditUnavailable, match="moved or removed while it was open"):
        log.append([event(1)])
    trouble(log, "moved or removed while it was open")
    with pytest.raises(AuditUnavailable):
        log.close()


def trouble(log: AuditLog, text: str) -> None:
    """A try fails, and is kept as the trouble."""
    with pytest.raises(AuditUnavailable, match=text) as refused:
        log.try_writing()
    assert log.trouble == str(refused.value)
