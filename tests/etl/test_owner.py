"""An owner lives exactly as long as its process, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from etl.errors import HistoryError
from etl.history.owner import Owner, is_alive, pid_of, sweep

_OWN = """
import sys, time
from pathlib import Path
from etl.history.owner import Owner
print(Owner(Path(sys.argv[1])).id, flush=True)
time.sleep(60)
"""


def test_an_owner_is_alive_until_it_is_released(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "locks")
    assert is_alive(tmp_path / "locks", owner.id)
    assert pid_of(tmp_path / "locks", owner.id) == os.getpid()
    owner.release()
    assert not is_alive(tmp_path / "locks", owner.id)
    assert not list((tmp_path / "locks").iterdir())


def test_an_unknown_owner_is_dead(tmp_path: Path) -> None:
    assert not is_alive(tmp_path, "0" * 32)
    assert pid_of(tmp_path, "0" * 32) is None


def test_many_who_ask_at_once_do_not_take_each_other_for_the_owner(tmp_path: Path) -> None:
    dead = Owner(tmp_path)
    path = tmp_path / f"owner-{dead.id}.lock"
    dead.release()
    path.write_text("1\n")
    asking = [
        subprocess.Popen(
            [sys.executable, "-c",
             "import sys; from pathlib import Path; from etl.history.owner import is_alive\n"
             "sys.exit(any(is_alive(Path(sys.argv[1]), sys.argv[2]) for _ in range(3000)))",
             str(tmp_path), dead.id]
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [process.wait(30) for process in asking] == [0, 0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_dead_process_is_known_at_once_and_a_stopped_one_still_lives(number: signal.Signals, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _OWN, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            owner = process.stdout.readline().strip()
            assert is_alive(tmp_path, owner)
            process.send_signal(number)
            if number is signal.SIGSTOP:
                os.waitid(os.P_PID, process.pid, os.WSTOPPED)
                assert is_alive(tmp_path, owner)
                return
            process.wait(10)
            asked = time.monotonic()
            assert not is_alive(tmp_path, owner)
            assert time.monotonic() - asked < 1
        finally:
            process.kill()


def test_a_child_of_the_owner_does_not_keep_it_alive(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False):
        owner.release()
        (tmp_path / f"owner-{owner.id}.lock").touch()
        assert not is_alive(tmp_path, owner.id)


def test_sweeping_removes_the_dead_alone(tmp_path: Path) -> None:
    living = Owner(tmp_path)
    (tmp_path / f"owner-{'f' * 32}.lock").write_text("1\n")
    (tmp_path / "other.lock").touch()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"owner-{living.id}.lock", "other.lock"])
    living.release()


def test_an_owner_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "locks").touch()
    with pytest.raises(HistoryError, match="cannot be made"):
        Owner(tmp_path / "locks")
