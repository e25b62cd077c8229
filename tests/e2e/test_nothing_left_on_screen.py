"""In tmux, whose window changes its size: nothing of what was shown is among the text of the shell later."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import surroundings

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30.0
EARLIER = [f"earlier {number}" for number in range(60)]  # more than a screen of it

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not on this machine")


class Window:
    """A shell in a tmux of its own, with its earlier text, in which the small application was started."""

    def __init__(self, folder: Path) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        app = f"sh -c 'echo $$ >{folder / 'pid'}; exec {sys.executable} -m tests.e2e.small_app {folder / 'log'}'"
        script = f"printf 'earlier %s\\n' $(seq 0 59); {app}; echo over"
        environ = [part for one in (f"PYTHONPATH={ROOT}", "PYTHONWARNINGS=ignore") for part in ("-e", one)]
        size = ("-x", "100", "-y", "40")
        self.do("new-session", "-d", *size, *environ, "--", "bash", "--norc", "--noprofile", "-i")
        self._pid_file = folder / "pid"
        self.do("send-keys", "-l", f"PS1=; clear; {script}")
        self.do("send-keys", "Enter")
        self.wait_for("ready 100x40")

    def do(self, *command: str) -> str:
        asked = [*self._tmux, *command]
        return subprocess.run(asked, capture_output=True, text=True, check=True, env=surroundings()).stdout

    def text(self, *, with_scrollback: bool = False) -> str:
        return self.do("capture-pane", "-p", *(("-S", "-") if with_scrollback else ()))

    def wait_for(self, text: str) -> None:
        end_s = time.monotonic() + TIMEOUT_S
        while text not in self.text().splitlines():
            assert time.monotonic() < end_s, f"expected {text!r} in:\n{self.text()}"
            time.sleep(0.05)

    def fill(self, key: str = "r") -> None:
        """Let the application fill its screen."""
        self.do("send-keys", key)
        self.wait_for("record 10")

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; the application has drawn anew once its last line is on the screen."""
        self.do("resize-window", "-x", str(columns), "-y", str(rows))
        end_s = time.monotonic() + TIMEOUT_S
        while not self.text().rstrip("\n").endswith(self._last(rows)):
            assert time.monotonic() < end_s, f"expected {rows} rows in:\n{self.text()}"
            time.sleep(0.05)

    @staticmethod
    def _last(rows: int) -> str:
        return f"record {rows - 1}"

    def signal(self, number: signal.Signals) -> None:
        subprocess.run(["kill", f"-{number.value}", self._pid_file.read_text().strip()], check=True)


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    found = Window(tmp_path)
    yield found
    found.do("kill-server")


def assert_only_earlier_text(window: Window) -> None:
    lines = window.text(with_scrollback=True).splitlines()
    assert [line for line in lines if "record" in line] == []
    assert [line for line in lines if line.startswith("earlier")] == EARLIER


SIZES = {
    "wider and higher": [(160, 50)],
    "smaller": [(80, 24)],
    "smaller, then larger": [(80, 24), (160, 50)],
    "larger, then as before": [(160, 50), (100, 40)],
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
def test_after_quitting_a_window_of_another_size_shows_the_shells_text_alone(
    window: Window, sizes: list[tuple[int, int]]
) -> None:
    window.fill()
    for size in sizes:
        window.resize(*size)
    window.do("send-keys", "q")
    window.wait_for("over")
    assert_only_earlier_text(window)


@pytest.mark.parametrize("key", ["x", "w"])
def test_nor_does_anything_stay_after_a_fault(window: Window, key: str) -> None:
    window.fill()
    window.resize(160, 50)
    window.do("send-keys", key)
    window.wait_for("over")
    assert_only_earlier_text(window)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nor_after_a_signal(window: Window, number: signal.Signals) -> None:
    window.fill()
    window.resize(160, 50)
    window.signal(number)
    window.wait_for("over")
    assert_only_earlier_text(window)


def test_nor_where_the_loop_hangs_and_the_process_is_ended(window: Window) -> None:
    window.fill("h")
    window.do("resize-window", "-x", "160", "-y", "50")
    window.signal(signal.SIGTERM)
    window.wait_for("over")
    assert_only_earlier_text(window)


def test_nor_while_it_is_suspended(window: Window) -> None:
    window.fill()
    window.resize(160, 50)
    window.do("send-keys", "z")
    window.wait_for("over")
    assert_only_earlier_text(window)
