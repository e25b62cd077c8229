"""A trivial application under the terminal rules: `python -m tests.e2e.small_app LOG_FILE`.

Its keys do what a console may come to do: `q` quits, `x` fails, `w` fails in a worker, `s` has a slow thread,
`f` floods the terminal, `r` fills it, `h` holds up the loop, `z` stops itself, `c` copies.
"""

from __future__ import annotations

import logging
import sys
import time

from textual.app import App, ComposeResult
from textual.events import Resize
from textual.widgets import Static

from console.tui.clipboard import copy
from console.tui.terminal import guarded_run


class Line(Static):
    """A text as large as the screen, which begins with the screen's size."""

    DEFAULT_CSS = "Line { height: 1fr; }"

    def on_resize(self, event: Resize) -> None:
        if "record" not in str(self.content):
            self.update(f"ready {event.size.width}x{event.size.height}")


class SmallApp(App[None]):
    """Shows one line and its size."""

    def compose(self) -> ComposeResult:
        yield Line("ready", markup=False)

    def key_q(self) -> None:
        self.exit()

    def key_x(self) -> None:
        secret_local = "must-not-be-shown"
        raise RuntimeError(f"a fault \x1b[31m of {len(secret_local)}\nlines")

    def key_w(self) -> None:
        self.run_worker(self._fail, thread=True)

    def key_s(self) -> None:
        self.run_worker(lambda: time.sleep(30), thread=True)
        self.query_one(Line).update("slow")

    def key_f(self) -> None:
        self.set_interval(0.01, self._flood)

    def key_r(self) -> None:
        self.query_one(Line).update("\n".join(f"record {number}" for number in range(80)))

    def key_h(self) -> None:
        self.query_one(Line).update("\n".join(["held", *(f"record {number}" for number in range(80))]))
        self.set_timer(0.3, lambda: time.sleep(30))

    def key_z(self) -> None:
        self.action_suspend_process()

    def key_c(self) -> None:
        copy(self, "copied text")

    def _flood(self) -> None:
        self.query_one(Line).update("\n".join(f"{time.monotonic_ns()} " * 5 for _ in range(20)))

    @staticmethod
    def _fail() -> None:
        raise LookupError("in a worker")


if __name__ == "__main__":
    logging.basicConfig(filename=sys.argv[1], level=logging.INFO)
    code = guarded_run(SmallApp())
    logging.getLogger().info("ended by itself with %d", code)
    sys.exit(code)
